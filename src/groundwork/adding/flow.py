"""Writes values as YAML in flow style, in lines as long as those of params.yaml."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from groundwork.adding.competition_file import WIDTH

# Characters that YAML allows as escapes only, beyond those that JSON escapes.
UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def flow(value: Any) -> str:
    """Write a value as YAML that may stand inside of a flow mapping."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str):
        return value if _is_plain(value) else UNPRINTABLE.sub(_escaped, json.dumps(value, ensure_ascii=False))
    if isinstance(value, float) and math.isfinite(value):
        # YAML 1.1, which other programs read, takes 1e-08 for a text.
        digits, _, power = repr(value).partition("e")
        return f"{digits if '.' in digits or not power else f'{digits}.0'}{f'e{int(power)}' if power else ''}"
    return json.dumps(value)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _is_plain(text: str) -> bool:
    try:
        return YAML(typ="safe", pure=True).load(f"{{{text}: [{text}]}}") == {text: [text]} and not text.startswith("<<")
    except (YAMLError, TypeError, ValueError):
        return False


def wrapped(head: str, value: str) -> list[str]:
    """Break a flow mapping behind a comma, with the rest below its first key."""
    lines, line, pad = [], head, " " * (len(head) + 1)
    for part in value.split(", "):
        piece = part if line in (head, pad) else f", {part}"
        if len(line) + len(piece) + 1 > WIDTH:
            lines.append(f"{line},")
            line, piece = pad, part
        line += piece
    return [*lines, line]
