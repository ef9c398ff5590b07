"""Writes other values of a lane into the text of params.yaml; every other byte stays as it is."""

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from groundwork.adding.competition_file import WIDTH
from groundwork.adding.flow import flow, wrapped
from groundwork.adding.params_text import BOM, LANES
from groundwork.errors import UserError

# The keys whose value chooses what else a section may have.
CHOICES = ("inputs", "network", "loss", "name")


@dataclass
class _Node:
    """A value as it is written: where its text begins and ends, and what is inside.

    Attributes
    ----------
    entries
        The keys of a mapping, each with the column where it begins; None for any other value.
    """

    start: int
    end: int
    alias: bool = False
    flow: bool = False
    entries: "dict[str, tuple[int, _Node]] | None" = None
    inner: "list[_Node]" = field(default_factory=list)


def changed(content: bytes, lane_name: str, before: Mapping[str, Any], after: Mapping[str, Any], path: Path) -> bytes:
    """Return the file with the settings `after` of a lane, where it has `before` now.

    A value that the lane inherits becomes an override of that lane alone. A section that makes another choice (a
    network, a loss) is replaced as a whole and inherits nothing.

    Parameters
    ----------
    content
        The file's bytes, in UTF-8.
    before, after
        All settings of the lane, without inheritance.
    path
        The file's path, for messages.

    Raises
    ------
    UserError
        If the file does not say `after` of this lane then, or says anything else of the others: where it shares values
        between lanes in a way that one lane cannot leave.
    """
    text = content.decode("utf-8")
    differing = list(differences(before, after))
    try:
        edited = text
        for place in differing:
            edited = _with_value(edited, lane_name, place, after)
        old, new = (_lanes(written) for written in (text, edited))
        wanted = all(_at(new[lane_name], place) == _at(after, place) for place in differing)
        if wanted and _without(old, lane_name, differing) == _without(new, lane_name, differing):
            return edited.encode()
    except (YAMLError, KeyError, TypeError, IndexError):
        pass  # a form of the file that leaves no place for the value
    lines = [f"{'.'.join(place)}: {flow(_at(after, place))}" for place in differing]
    raise UserError(
        f"{path}: competitions.{lane_name}: shares values with other lanes so that they cannot be changed in it alone",
        "write them by hand:\n" + "\n".join(f"     {line}" for line in lines),
    )


def differences(before: Any, after: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the keys in which settings differ; the key of a whole section where that makes another choice."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        if before != after or type(before) is not type(after):
            yield place
    elif place and (before.keys() != after.keys() or any(before.get(key) != after.get(key) for key in CHOICES)):
        yield place
    else:
        for key in after:
            yield from differences(before.get(key), after[key], (*place, key))


def _lanes(text: str) -> dict[str, Any]:
    with warnings.catch_warnings():
        # Redefining an anchor is allowed.
        warnings.simplefilter("ignore")
        content = YAML(typ="safe").load(text.removeprefix(BOM))
    # Lanes share what they inherit; written out, they can be compared.
    return {
        "": {key: value for key, value in content.items() if key != LANES},
        **json.loads(json.dumps(content[LANES])),
    }


def _at(settings: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        settings = settings[key]
    return settings


def _without(lanes: dict[str, Any], lane_name: str, places: list[tuple[str, ...]]) -> dict[str, Any]:
    """Return lanes without the given settings of one of them; without the sections that they alone have made."""
    lane = lanes[lane_name]
    for *parents, last in places:
        section: Any = lane
        for parent in parents:
            section = section.get(parent) if isinstance(section, dict) else None
        if isinstance(section, dict):
            section.pop(last, None)
    return lanes


def _with_value(text: str, lane_name: str, place: tuple[str, ...], after: Mapping[str, Any]) -> str:
    """Return the text with one setting: in its place, or in the innermost section of the lane's own."""
    offset = len(text) - len(text.removeprefix(BOM))
    root = _composed(text.removeprefix(BOM), offset)
    assert root.entries is not None  # params.yaml was read
    lanes = root.entries[LANES][1]
    assert lanes.entries is not None
    node = lanes.entries[lane_name][1]
    for depth, key in enumerate(place):
        rest = _at(after, place[: depth + 1])
        if node.alias:
            # A bare alias becomes a section that inherits from it.
            written = f"{{<<: {text[node.start : node.end]}, {flow(key)}: {flow(rest)}}}"
            return text[: node.start] + written + text[node.end :]
        if node.entries is None:
            return _replaced(text, node, _at(after, place[:depth]))
        if key not in node.entries:
            return _inserted(text, node, key, rest)
        node = node.entries[key][1]
    return _replaced(text, node, _at(after, place))


def _replaced(text: str, node: _Node, value: Any) -> str:
    start = text.rfind("\n", 0, node.start) + 1
    head = text[start : node.start] + ("" if text[node.start - 1] in " [{" else " ")
    written = flow(value)
    if isinstance(value, Mapping) and len(head) + len(written) > WIDTH and not node.alias:
        written = _newline(text).join(wrapped(head, written)).removeprefix(head)
    return text[:start] + head + written + _rest(text, node)


def _rest(text: str, node: _Node) -> str:
    """Return what follows a node; behind a block, which ends in a line break, that line break too."""
    rest = text[node.end :]
    return rest if not text[node.start : node.end].endswith("\n") else _newline(text) + rest


def _inserted(text: str, node: _Node, key: str, value: Any) -> str:
    """Return the text with a further key at the end of a mapping."""
    assert node.entries is not None
    pair, newline = f"{flow(key)}: {flow(value)}", _newline(text)
    if not node.entries:
        return text[: node.start + 1] + pair + text[node.start + 1 :]
    (column, _), *_ = node.entries.values()
    end = max(inner.end for inner in node.inner)
    if not node.flow:
        line = text.find("\n", max(end - 1, 0))
        at = len(text) if line < 0 else line + 1
        return (
            text[:at]
            + ("" if line >= 0 else newline)
            + " " * column
            + pair
            + (newline if line >= 0 else "")
            + text[at:]
        )
    start, stop = text.rfind("\n", 0, end) + 1, text.find("\n", end)
    length = (stop if stop >= 0 else len(text)) - start + len(pair) + 2
    gap = " " if length <= WIDTH else newline + " " * column
    return text[:end] + f",{gap}{pair}" + text[end:]


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _composed(text: str, offset: int) -> _Node:
    """Read the structure of a YAML text without its values; aliases stay where they are written."""
    events = iter(YAML(pure=True).parse(text))
    first = next(event for event in events if isinstance(event, ScalarEvent | CollectionStartEvent))
    return _node(first, events, offset)


def _node(event: Event, events: Iterator[Event], offset: int) -> _Node:
    start, end = event.start_mark.index + offset, event.end_mark.index + offset
    if not isinstance(event, CollectionStartEvent):
        return _Node(start, end, alias=isinstance(event, AliasEvent))
    node = _Node(start, end, flow=bool(event.flow_style))
    mapping = isinstance(event, MappingStartEvent)
    entries: dict[str, tuple[int, _Node]] = {}
    while not isinstance(event := next(events), CollectionEndEvent):
        inner = _node(event, events, offset)
        node.inner.append(inner)
        if mapping:
            value = _node(next(events), events, offset)
            node.inner.append(value)
            entries[getattr(event, "value", "")] = (event.start_mark.column, value)
    node.entries = entries if mapping else None
    # The end of a block collection is where the next value begins.
    ends = [inner.end for inner in node.inner]
    node.end = event.end_mark.index + offset if node.flow else max(ends, default=end)
    return node
