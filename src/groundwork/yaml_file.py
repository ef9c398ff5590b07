"""Reads a YAML file of settings, or refuses it with a message for each invalid line."""

import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from groundwork.errors import UserError

# A file of settings has some kilobytes, five levels and some hundred values. Larger files are made to exhaust their
# reader: nested thousands of levels deep, or with a few aliases that multiply.
LARGEST = 1 << 18  # bytes
DEEPEST = 30  # levels, with aliases expanded
MOST = 100_000  # values, with aliases expanded
LONGEST = 100  # characters of a number
LISTED = 20  # problems in a message

CORE = "tag:yaml.org,2002:"
KEYS = {"null": "nothing", "bool": "a truth value", "int": "a number", "float": "a number", "timestamp": "a date"}


class FileProblem(ValueError):
    """A problem with the file, at `line`; 0 if the line is unknown."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem)


class _Located(SafeConstructor):
    """Adds the line to every exception that is raised when a value is constructed."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except YAMLError:
            raise
        except Exception as error:
            value = repr(node.value)[:LONGEST] if isinstance(node, ScalarNode) else _kind(node)
            problem = f"found {value}; expected a value of the type {_kind(node)} ({error})"
            raise ConstructorError(None, None, problem, node.start_mark) from error


def read(path: Path, next_step: str) -> Any:
    """Read `path` by YAML 1.2, as DVC does: `4e-3` is a number and `no` is a string.

    Parameters
    ----------
    next_step
        What the user should do if the file is refused.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    UserError
        If the file cannot be read, is not UTF-8 or not YAML, or uses what no file of settings needs: a duplicate key, a
        key that is not text, an alias inside of its own anchor, a number of thousands of digits, more values or levels
        than `MOST` and `DEEPEST`.
    """
    try:
        text = _text(path)
        with warnings.catch_warnings():
            # Redefining an anchor is allowed.
            warnings.simplefilter("ignore")
            _check_nesting(text)
            if problems := list(_problems(_reader().compose(text))):
                raise UserError(listed(path, problems), next_step)
            return _reader().load(text)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", f"`ls -ld {path}` shows who may read it") from None
    except FileProblem as error:
        raise UserError(f"{path}: {error}", next_step) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"{path}: line {line}: found the control character U+{error.character:04X}; expected text"
        raise UserError(problem, next_step) from None
    except YAMLError as error:
        raise UserError(f"{path}: {_line(error)}is not YAML: {_message(error)}", next_step) from None
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError) as error:
        # The library can raise many exceptions on a malformed file.
        raise UserError(f"{path}: is not YAML: {type(error).__name__}: {error}"[:200], next_step) from error


def listed(path: Path, problems: list[str]) -> str:
    """Return the first `LISTED` problems of a file, one per line."""
    more = [f"{path}: and {len(problems) - LISTED} more like these"] if len(problems) > LISTED else []
    return "\n".join([*(f"{path}: {problem}" for problem in problems[:LISTED]), *more])


def _reader() -> YAML:
    # Duplicate keys are found in the nodes, where their lines are known.
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _Located
    reader.allow_duplicate_keys = True
    return reader


def _text(path: Path) -> str:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise FileProblem(f"found {'a folder' if stat.S_ISDIR(status.st_mode) else 'no regular file'}; expected a file")
    if status.st_size > LARGEST:
        raise FileProblem(
            f"found {status.st_size / 1e3:.0f} kB; expected a file of settings, at most {LARGEST / 1e3:.0f} kB"
        )
    content = path.read_bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:4]:
        raise FileProblem("found UTF-16, as some Windows programs write; expected UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileProblem("found bytes that are not UTF-8", content.count(b"\n", 0, error.start) + 1) from None


def _check_nesting(text: str) -> None:
    """Refuse a file that is nested too deeply for the recursive readers."""
    level = 0
    for event in _reader().parse(text):
        level += isinstance(event, CollectionStartEvent)
        level -= isinstance(event, CollectionEndEvent)
        if level > DEEPEST:
            raise FileProblem(f"found more than {DEEPEST} levels inside of each other", event.start_mark.line + 1)


def _problems(root: Node | None) -> Iterator[str]:
    """Yield the problems of the nodes below `root`, each with its line."""
    if root is None:
        return
    problems: list[FileProblem] = []
    # Levels and values of each node with aliases expanded. Anchors precede their aliases, so each node is counted once.
    counted: dict[int, tuple[int, int]] = {}
    _count(root, counted, set(), problems)
    yield from dict.fromkeys(map(str, problems))


def _count(
    node: Node, counted: dict[int, tuple[int, int]], parents: set[int], problems: list[FileProblem]
) -> tuple[int, int]:
    line = node.start_mark.line + 1
    if id(node) in parents:
        problems.append(FileProblem(f"the alias of &{node.anchor} is inside of its own anchor", line))
        return 1, 1
    if id(node) in counted:
        return counted[id(node)]
    parents.add(id(node))
    children: list[Node] = []
    if isinstance(node, MappingNode):
        problems += _wrong_keys(node)
        children = [value for _, value in node.value]
    elif isinstance(node, SequenceNode):
        children = node.value
    elif isinstance(node, ScalarNode) and _kind(node) in ("int", "float") and len(node.value) > LONGEST:
        problems.append(
            FileProblem(f"found a number of {len(node.value)} characters; expected at most {LONGEST}", line)
        )
    levels, values = 1, 1
    for child in children:
        deep, many = _count(child, counted, parents, problems)
        levels, values = max(levels, 1 + deep), values + many
    parents.remove(id(node))
    if levels > DEEPEST or values > MOST:
        limit = f"{MOST} values" if values > MOST else f"{DEEPEST} levels"
        problems.append(FileProblem(f"its aliases expand to more than {limit}", line))
        # Report it once: its parents start counting again from one.
        levels, values = 1, 1
    counted[id(node)] = levels, values
    return levels, values


def _wrong_keys(section: MappingNode) -> Iterator[FileProblem]:
    seen: set[str] = set()
    for key, _ in section.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            kind = "a list" if isinstance(key, SequenceNode) else "a section"
            yield FileProblem(f"found {kind} as a key; expected a name", line)
            continue
        if kind := KEYS.get(_kind(key), ""):
            shown = f", {key.value[:40]}," if key.value else ""
            yield FileProblem(
                f"found {kind}{shown} as a key; expected a name (put it in quotes to use it as one)", line
            )
        if key.value in seen:
            yield FileProblem(f"key {key.value!r} occurs twice in its section; expected once", line)
        seen.add(key.value)


def _kind(node: Node) -> str:
    return str(node.tag).removeprefix(CORE)


def _line(error: YAMLError) -> str:
    mark = error.problem_mark or error.context_mark if isinstance(error, MarkedYAMLError) else None
    return f"line {mark.line + 1}: " if mark else ""


def _message(error: YAMLError) -> str:
    if not isinstance(error, MarkedYAMLError):
        return " ".join(str(error).split())[:200]
    parts = (text for text in (error.context, error.problem) if text)
    return "; ".join(" ".join(str(text).split()) for text in parts)[:200]
