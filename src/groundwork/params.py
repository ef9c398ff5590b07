"""Reads and validates params.yaml, and reports every mistake in one message."""

from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from groundwork import yaml_file
from groundwork.errors import UserError, meant
from groundwork.sections.base import DOTTED, LANE, PROJECT, SIZE, TIME, Settings
from groundwork.settings import PARAMS, Params

# Maximum number of characters of a value in a message, and of mistakes that are explained: suggestions take time.
LONGEST = 80
EXPLAINED = 200

# Plainer descriptions than pydantic's, by its error type or by the pattern.
EXPECTED = {
    PROJECT: "letters, digits, . _ -",
    LANE: "small letters, digits and hyphens: it becomes a folder and a stage's name",
    SIZE: "a number and MB, GB or TB, such as 5 GB",
    DOTTED: "a dotted path, such as callbacks.lr.MyMonitor",
    TIME: "DD:HH:MM:SS, such as 00:01:30:00",
    "model_type": "a section with keys",
    "model_attributes_type": "a section with keys",
    "list_type": "a list",
}


def load(path: Path = PARAMS) -> Params:
    """Read and validate `path`.

    Raises
    ------
    UserError
        If the file is missing, `yaml_file.read` refuses it, or `check` finds a mistake.
    """
    fix = f"fix {path} and run the command again"
    try:
        content = yaml_file.read(path, fix)
    except FileNotFoundError:
        raise UserError(f"{path}: not found in {Path.cwd()}", "run the command in the repository's root") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected keys and values, found {type(content).__name__}", fix)
    return check(content, path)


def check(content: dict[str, Any], path: Path = PARAMS) -> Params:
    """Validate the content of `path`. Keys that begin with a dot are ignored: they are for anchors.

    Raises
    ------
    UserError
        One line for each wrong key: the key, the value found, the values allowed.
    """
    content = {key: value for key, value in content.items() if not str(key).startswith(".")}
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UserError(
            yaml_file.listed(path, _explain(error, content)), f"fix {path} and run the command again"
        ) from None


def _explain(error: ValidationError, content: dict[str, Any]) -> list[str]:
    """Describe each wrong key in one line: the key, the value found, the values allowed."""
    mistakes: dict[str, list[str]] = {}
    for number, detail in enumerate(error.errors()):
        if number >= EXPLAINED:
            mistakes[f"and at most {len(error.errors()) - EXPLAINED} more"] = []
            break
        key, kind, value = _key(detail["loc"], content), detail["type"], detail["input"]
        if kind == "extra_forbidden":
            name, siblings = key.rpartition(".")[2], _sibling_keys(detail["loc"])
            # A key of another network is often left over when the network is changed.
            hint = "; another choice of this section has it" if name in siblings else meant(name, siblings)
            mistakes[f"{key}: unknown key{hint}"] = []
        elif kind == "missing":
            mistakes[f"{key}.{detail['loc'][-1]}: missing".removeprefix(".")] = []
        elif kind == "union_tag_invalid":
            context = detail["ctx"]
            tag = context["discriminator"].strip("'")
            mistakes[f"{key}.{tag}: found {_shown(value.get(tag))}"] = [context["expected_tags"].replace(", ", " or ")]
        else:
            # A union reports one error for each of its members.
            pattern = detail.get("ctx", {}).get("pattern")
            description = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
            allowed = EXPECTED.get(pattern or kind) or description
            mistakes.setdefault(f"{key}: found {_shown(value)} ({type(value).__name__})", []).append(allowed)
    return [
        f"{mistake}; expected {' or '.join(allowed)}" if allowed else mistake for mistake, allowed in mistakes.items()
    ]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _key(location: tuple[int | str, ...], content: Any) -> str:
    """Return the dotted key of an error's location, without the names that pydantic's unions insert."""
    keys = []
    for part in location:
        is_index = isinstance(content, list) and isinstance(part, int)
        if is_index or (isinstance(content, dict) and part in content):
            keys.append(str(part))
            content = content[part]
    return ".".join(keys)


def _sibling_keys(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are allowed in the section of an unknown key."""
    sections: list[Any] = [Params]
    for part in location[:-1]:
        # A lane's name and the names that unions insert do not lead to another section.
        annotations = [section.model_fields[part].annotation for section in sections if part in section.model_fields]
        sections = [inner for annotation in annotations for inner in _sections_in(annotation)] or sections
    return sorted({key for section in sections for key in section.model_fields})


def _sections_in(annotation: Any) -> list[type[Settings]]:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [section for inner in get_args(annotation) for section in _sections_in(inner)]
