"""A YAML file that a person wrote: read whole, or refused with each line that is odd and what was expected there."""

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

# A file of settings has some kilobytes, five levels and some hundred values. Beyond these limits it was made to
# exhaust its reader: nested by the thousand, or a few lines whose aliases multiply.
LARGEST = 1 << 18  # bytes
DEEPEST = 30  # levels, aliases followed
MOST = 100_000  # values, aliases followed
LONGEST = 100  # characters of a number
LISTED = 20  # problems in a message

CORE = "tag:yaml.org,2002:"
KEYS = {"null": "nothing", "bool": "a truth value", "int": "a number", "float": "a number", "timestamp": "a date"}


class Oddity(ValueError):
    """What is wrong with the file, from line `line` on; 0 where no line is known."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem)


class _Located(SafeConstructor):
    """Says at which line a value cannot be made, whatever its constructor raises."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except YAMLError:
            raise
        except Exception as error:
            found = repr(node.value)[:LONGEST] if isinstance(node, ScalarNode) else _kind(node)
            problem = f"found {found}; expected a value of the type {_kind(node)} ({error})"
            raise ConstructorError(None, None, problem, node.start_mark) from error


def read(path: Path, next_step: str) -> Any:
    """Read `path` as DVC reads it, by YAML 1.2: `4e-3` is a number and `no` a word.

    Parameters
    ----------
    next_step
        What to do about a file that is odd.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    UserError
        If it cannot be read, is not UTF-8 or not YAML, or is YAML that no file of settings needs: a key twice in its
        section, a key that is no text, an alias inside of what it names, a number of thousands of digits, more values
        or levels than `MOST` and `DEEPEST`.
    """
    try:
        text = _text(path)
        with warnings.catch_warnings():
            # An anchor that is defined anew is allowed.
            warnings.simplefilter("ignore")
            _check_nesting(text)
            if problems := list(_odd(_reader().compose(text))):
                raise UserError(listed(path, problems), next_step)
            return _reader().load(text)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", f"`ls -ld {path}` shows whose it is") from None
    except Oddity as error:
        raise UserError(f"{path}: {error}", next_step) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"{path}: line {line}: found the control character U+{error.character:04X}; expected text"
        raise UserError(problem, next_step) from None
    except YAMLError as error:
        raise UserError(f"{path}: {_line(error)}is not YAML: {_words(error)}", next_step) from None
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError) as error:
        # What a file can make the library stumble over has no end.
        raise UserError(f"{path}: is not YAML: {type(error).__name__}: {error}"[:200], next_step) from error


def listed(path: Path, problems: list[str]) -> str:
    """Put a file's problems one below the other, the first `LISTED` of them."""
    more = [f"{path}: and {len(problems) - LISTED} more like these"] if len(problems) > LISTED else []
    return "\n".join([*(f"{path}: {problem}" for problem in problems[:LISTED]), *more])


def _reader() -> YAML:
    # Keys that stand twice are looked for in the nodes, where their lines are known.
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _Located
    reader.allow_duplicate_keys = True
    return reader


def _text(path: Path) -> str:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise Oddity(f"found {'a folder' if stat.S_ISDIR(status.st_mode) else 'no regular file'}; expected a file")
    if status.st_size > LARGEST:
        raise Oddity(
            f"found {status.st_size / 1e3:.0f} kB; expected a file of settings, at most {LARGEST / 1e3:.0f} kB"
        )
    content = path.read_bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:4]:
        raise Oddity("found UTF-16, as some Windows programs write; expected UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Oddity("found bytes that are not UTF-8", content.count(b"\n", 0, error.start) + 1) from None


def _check_nesting(text: str) -> None:
    """Refuse what nests deeper than its readers, which call themselves, can follow."""
    level = 0
    for event in _reader().parse(text):
        level += isinstance(event, CollectionStartEvent)
        level -= isinstance(event, CollectionEndEvent)
        if level > DEEPEST:
            raise Oddity(f"found more than {DEEPEST} levels inside of each other", event.start_mark.line + 1)


def _odd(root: Node | None) -> Iterator[str]:
    """Yield what is odd about the nodes below `root`, each with its line."""
    if root is None:
        return
    found: list[Oddity] = []
    # Levels and values of each node, aliases followed: an anchor stands before its aliases, so each is counted once.
    counted: dict[int, tuple[int, int]] = {}
    _count(root, counted, set(), found)
    yield from dict.fromkeys(map(str, found))


def _count(node: Node, counted: dict[int, tuple[int, int]], around: set[int], found: list[Oddity]) -> tuple[int, int]:
    line = node.start_mark.line + 1
    if id(node) in around:
        found.append(Oddity(f"the alias of &{node.anchor} stands inside of what it names", line))
        return 1, 1
    if id(node) in counted:
        return counted[id(node)]
    around.add(id(node))
    children: list[Node] = []
    if isinstance(node, MappingNode):
        found += _wrong_keys(node)
        children = [value for _, value in node.value]
    elif isinstance(node, SequenceNode):
        children = node.value
    elif isinstance(node, ScalarNode) and _kind(node) in ("int", "float") and len(node.value) > LONGEST:
        found.append(Oddity(f"found a number of {len(node.value)} characters; expected at most {LONGEST}", line))
    levels, values = 1, 1
    for child in children:
        deep, many = _count(child, counted, around, found)
        levels, values = max(levels, 1 + deep), values + many
    around.remove(id(node))
    if levels > DEEPEST or values > MOST:
        limit = f"{MOST} values" if values > MOST else f"{DEEPEST} levels"
        found.append(Oddity(f"its aliases make more than {limit}", line))
        # Named once: whoever holds it starts to count anew.
        levels, values = 1, 1
    counted[id(node)] = levels, values
    return levels, values


def _wrong_keys(section: MappingNode) -> Iterator[Oddity]:
    seen: set[str] = set()
    for key, _ in section.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            found = "a list" if isinstance(key, SequenceNode) else "a section"
            yield Oddity(f"found {found} as a key; expected a name", line)
            continue
        if found := KEYS.get(_kind(key), ""):
            shown = f", {key.value[:40]}," if key.value else ""
            yield Oddity(f"found {found}{shown} as a key; expected a name (in quotes, if it is meant as one)", line)
        if key.value in seen:
            yield Oddity(f"key {key.value!r} stands twice in its section; expected once", line)
        seen.add(key.value)


def _kind(node: Node) -> str:
    return str(node.tag).removeprefix(CORE)


def _line(error: YAMLError) -> str:
    mark = error.problem_mark or error.context_mark if isinstance(error, MarkedYAMLError) else None
    return f"line {mark.line + 1}: " if mark else ""


def _words(error: YAMLError) -> str:
    if not isinstance(error, MarkedYAMLError):
        return " ".join(str(error).split())[:200]
    said = (text for text in (error.context, error.problem) if text)
    return "; ".join(" ".join(str(text).split()) for text in said)[:200]
