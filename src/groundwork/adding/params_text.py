"""Adds a lane to the text of params.yaml and removes one; every other byte stays as it is."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from groundwork.errors import UserError

SECTION = "competitions"
BOM = "\ufeff"


@dataclass(frozen=True)
class _Place:
    """Where a lane stands: the position of its key, and the end of its last line."""

    start: int
    end: int


class ParamsText:
    """The text of params.yaml and the places of its lanes.

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
        self.lanes = self._lanes(root)

    def _lanes(self, root: Node | None) -> dict[str, _Place]:
        section = None
        if isinstance(root, MappingNode):
            section = next((value for key, value in root.value if key.value == SECTION), None)
        if not isinstance(section, MappingNode) or section.flow_style or not section.value:
            raise UserError(
                f"{self.path}: {SECTION}: expected a section with one lane or more, each on lines of its own; a lane "
                "can be added to no other form",
                f"write `{SECTION}:` and its lanes as in the file of the repository (`git show HEAD:{self.path}`)",
            )
        first = section.value[0][0]
        self.indent = " " * first.start_mark.column
        offset = len(self.text) - len(self.text.removeprefix(BOM))
        return {
            key.value: _Place(
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

    def added(self, lane: str) -> bytes:
        """Return the file with the text `lane` behind the last lane, after an empty line."""
        end = max(place.end for place in self.lanes.values())
        before, after = self.text[:end], self.text[end:]
        block = f"\n{lane}".replace("\n", self.newline)
        if not before.endswith("\n"):
            # The file does not end in a line break: it still does not.
            block = f"{self.newline}{block}".removesuffix(self.newline)
        return (before + block + after).encode()

    def removed(self, name: str) -> bytes:
        """Return the file without the lane `name`, and without the empty line before it."""
        place = self.lanes[name]
        before, after = self.text[: place.start], self.text[place.end :]
        empty = f"{self.newline}{self.newline}"
        if before.endswith(empty):
            before = before.removesuffix(self.newline)
        if not after and not self.text.endswith("\n"):
            before = before.removesuffix(self.newline)
        return (before + after).encode()


def _end(node: Any) -> int:
    """Return the position behind the last character of a node; that of a block section may include comments."""
    if isinstance(node, ScalarNode) or node.flow_style:
        return int(node.end_mark.index)
    children = [child for pair in node.value for child in (pair if isinstance(pair, tuple) else (pair,))]
    return max((_end(child) for child in children), default=int(node.start_mark.index))
