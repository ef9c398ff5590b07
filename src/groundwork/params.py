"""params.yaml, read: as YAML, then by the schema in `groundwork.settings`, with a message for each mistake."""

from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from groundwork import yaml_file
from groundwork.errors import UserError, meant
from groundwork.sections.base import DOTTED, LANE, PROJECT, SIZE, TIME, Settings
from groundwork.settings import PARAMS, Params

# Characters of a value that a message shows, and mistakes that are explained: guessing what was meant takes its time.
LONGEST = 80
EXPLAINED = 200

# What pydantic says less plainly, by its error type or by the pattern.
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
        If it is not there, `yaml_file.read` refuses it, or `check` finds something.
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
    """Validate what was read from `path`; keys that begin with a dot are for anchors.

    Raises
    ------
    UserError
        One line for each wrong key: the key, the value found, what is allowed.
    """
    content = {key: value for key, value in content.items() if not str(key).startswith(".")}
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UserError(
            yaml_file.listed(path, _explain(error, content)), f"fix {path} and run the command again"
        ) from None


def _explain(error: ValidationError, content: dict[str, Any]) -> list[str]:
    """Say each wrong key in one line: the key, the value found, what is allowed."""
    expected: dict[str, list[str]] = {}
    for number, detail in enumerate(error.errors()):
        if number >= EXPLAINED:
            expected[f"and at most {len(error.errors()) - EXPLAINED} more"] = []
            break
        key, kind, found = _key(detail["loc"], content), detail["type"], detail["input"]
        if kind == "extra_forbidden":
            name, beside = key.rpartition(".")[2], _keys_beside(detail["loc"])
            # A key of another network stays behind when the network is changed.
            hint = "; another choice of this section has it" if name in beside else meant(name, beside)
            expected[f"{key}: unknown key{hint}"] = []
        elif kind == "missing":
            expected[f"{key}.{detail['loc'][-1]}: missing".removeprefix(".")] = []
        elif kind == "union_tag_invalid":
            context = detail["ctx"]
            tag = context["discriminator"].strip("'")
            expected[f"{key}.{tag}: found {_shown(found.get(tag))}"] = [context["expected_tags"].replace(", ", " or ")]
        else:
            # A union says what each of its members allows.
            pattern = detail.get("ctx", {}).get("pattern")
            said = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
            allowed = EXPECTED.get(pattern or kind) or said
            expected.setdefault(f"{key}: found {_shown(found)} ({type(found).__name__})", []).append(allowed)
    return [f"{found}; expected {' or '.join(allowed)}" if allowed else found for found, allowed in expected.items()]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _key(location: tuple[int | str, ...], content: Any) -> str:
    """Dotted key of an error's location, without the names that unions add to it, which are no keys of the file."""
    keys = []
    for part in location:
        inside = isinstance(content, list) and isinstance(part, int)
        if inside or (isinstance(content, dict) and part in content):
            keys.append(str(part))
            content = content[part]
    return ".".join(keys)


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """Keys that the section of an unknown key may hold."""
    sections: list[Any] = [Params]
    for part in location[:-1]:
        # A lane's name and the names that unions add lead to no other section.
        found = [section.model_fields[part].annotation for section in sections if part in section.model_fields]
        sections = [inner for annotation in found for inner in _sections_in(annotation)] or sections
    return sorted({key for section in sections for key in section.model_fields})


def _sections_in(annotation: Any) -> list[type[Settings]]:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [section for inner in get_args(annotation) for section in _sections_in(inner)]
