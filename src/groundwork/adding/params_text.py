"""Adds a lane to the text of params.yaml and removes one; every other byte stays as it is."""

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from groundwork.errors import UserError

LANES, BLENDS = "competitions", "blends"
BOM = "\ufeff"


@dataclass(frozen=True)
class _Place:
    """Where an entry stands: the position of its line, and the end of its last line."""

    start: int
    end: int


class ParamsText:
    """The text of params.yaml and the places of its lanes and blends.

    Parameters
    ----------
    content
        The file's bytes, in UTF-8.
    path
        Its path, for messages.
    """

    def __init__(self, content: bytes, path: Path) -> None:
        self.path = path
        self.text = content.decode("utf-8")
        self.newline = "\r\n" if "\r\n" in self.text else "\n"
        try:
            with warnings.catch_warnings():
                # Redefining an anchor is allowed.
                warnings.simplefilter("ignore")
                root = YAML(pure=True).compose(self.text.removeprefix(BOM))
        except YAMLError as error:
            raise UserError(f"{path}: is not YAML: {error}", f"fix {path} and run the command again") from None
        self.anchors = {*re.findall(r"(?<!\S)&([\w-]+)", self.text)}
        self.sections = self._places(root)
        lanes, blends = (self._section(root, name) for name in (LANES, BLENDS))
        if lanes is None or lanes.flow_style or not lanes.value:
            raise self._refused(LANES)
        if blends is not None and blends.value and blends.flow_style:
            raise self._refused(BLENDS)
        self.indent = " " * lanes.value[0][0].start_mark.column
        self.lanes = self._places(lanes)
        self.blends = self._places(blends)

    def _section(self, root: Any, name: str) -> Any:
        if not isinstance(root, MappingNode):
            return None
        found = next((value for key, value in root.value if key.value == name), None)
        return found if isinstance(found, MappingNode) else None

    def _refused(self, section: str) -> UserError:
        return UserError(
            f"{self.path}: {section}: expected a section with one entry or more, each on lines of its own; to no other "
            "form can one be added",
            f"write `{section}:` and its entries as in the file of the repository (`git show HEAD:{self.path}`)",
        )

    def _places(self, section: Any) -> dict[str, _Place]:
        if not isinstance(section, MappingNode):
            return {}
        offset = len(self.text) - len(self.text.removeprefix(BOM))
        return {
            str(key.value): _Place(
                self._line_start(key.start_mark.index + offset),
                self._line_end(max(_end(value), key.end_mark.index) + offset),
            )
            for key, value in section.value
        }

    def _line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def _line_end(self, index: int) -> int:
        """Return the position behind the line that `index` is in or right behind of."""
        if index and self.text[index - 1] == "\n":
            return index
        end = self.text.find("\n", index)
        return len(self.text) if end < 0 else end + 1

    def added(self, lanes: Iterable[str], blends: Mapping[str, str] | None = None) -> bytes:
        """Return the file with new entries.

        Parameters
        ----------
        lanes
            The lines of each lane; they are put behind the last one, each after an empty line.
        blends
            Each blend as YAML in flow style. They are put behind the last one, or into a section at the file's end.
        """
        text = self._inserted(max(place.end for place in self.lanes.values()), "".join(f"\n{lane}" for lane in lanes))
        if not blends:
            return text.encode()
        after = ParamsText(text.encode(), self.path)
        lines = "".join(f"{self.indent}{name}: {blend}\n" for name, blend in blends.items())
        if after.blends:
            return after._inserted(max(place.end for place in after.blends.values()), lines).encode()
        return after._inserted(len(after.text), f"\n{BLENDS}:\n{lines}").encode()

    def _inserted(self, end: int, block: str) -> str:
        before, after, block = self.text[:end], self.text[end:], block.replace("\n", self.newline)
        if not before.endswith("\n"):
            # The file does not end in a line break: it still does not.
            block = f"{self.newline}{block}".removesuffix(self.newline)
        return before + block + after

    def removed(self, lanes: Sequence[str], blends: Sequence[str] = ()) -> bytes:
        """Return the file without some lanes and blends, each with the empty line before it."""
        if blends and {*blends} == self.blends.keys():
            first = self._without(self.sections[BLENDS])
        elif blends:
            first = self._without(self.blends[blends[0]])
        elif lanes:
            first = self._without(self.lanes[lanes[0]])
        else:
            return self.text.encode()
        left = ParamsText(first.encode(), self.path)
        if blends:
            rest = () if {*blends} == self.blends.keys() else blends[1:]
            return left.removed(lanes, rest)
        return left.removed(lanes[1:])

    def _without(self, place: _Place) -> str:
        before, after = self.text[: place.start], self.text[place.end :]
        if before.endswith(f"{self.newline}{self.newline}"):
            before = before.removesuffix(self.newline)
        if not after and not self.text.endswith("\n"):
            before = before.removesuffix(self.newline)
        return before + after


def _end(node: Any) -> int:
    """Return the position behind the last character of a node; that of a block section may include comments."""
    if isinstance(node, ScalarNode) or node.flow_style:
        return int(node.end_mark.index)
    children = [child for pair in node.value for child in (pair if isinstance(pair, tuple) else (pair,))]
    return max((_end(child) for child in children), default=int(node.start_mark.index))
