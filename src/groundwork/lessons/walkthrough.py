"""Shows shipped source code next to its comments."""

import ast
import html
import inspect
import io
import re
import textwrap
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOR_TOOLS = re.compile(r"# ?(noqa|type: ignore|fmt|mypy)\b[^#]*")  # no reader needs these
Line = str | None  # None for a comment that has become a note

CELL = "text-align:left;vertical-align:top;white-space:normal"
PRE = "margin:0;background:none;font-family:monospace;font-size:12px;white-space:pre;overflow-x:auto"
COLUMNS = 84
PACKAGES = Path(__file__).parents[2]  # the folder of the package
PAGE = """<table style="width:100%;table-layout:fixed;border-collapse:collapse">
<colgroup><col style="width:26%"><col></colgroup>
<tr><th colspan="2" style="text-align:left">{title}</th></tr>
{rows}
</table>"""
ROW = '<tr><td style="{cell}">{note}</td><td style="{cell}"><pre style="{pre}">{code}</pre></td></tr>'


@dataclass(frozen=True)
class Step:
    """A note from a comment or the start of a docstring, and the code that it describes."""

    note: str
    code: str


@dataclass(frozen=True)
class Walkthrough:
    """Source code in steps: a notebook shows it as a table, a terminal as text.

    Attributes
    ----------
    parts
        For each object its title, name and file, and its steps.
    """

    parts: tuple[tuple[str, tuple[Step, ...]], ...]

    def _repr_html_(self) -> str:
        return "\n".join(PAGE.format(title=html.escape(title), rows=_rows(steps)) for title, steps in self.parts)

    def __repr__(self) -> str:
        lines = []
        for title, steps in self.parts:
            lines += [title, "-" * len(title)]
            for step in steps:
                indent = " " * (len(step.code) - len(step.code.lstrip()))
                lines += textwrap.wrap(step.note, 100, initial_indent=indent + "# ", subsequent_indent=indent + "# ")
                lines += [step.code]
            lines += [""]
        return "\n".join(lines).rstrip()


def walkthrough(*things: Any) -> Walkthrough:
    """Show the source of functions, classes or modules: comments and docstrings next to the code.

    Only the first paragraph of a docstring is shown.

    Raises
    ------
    TypeError
        If something has no source in Python.
    """
    plain = [inspect.unwrap(thing) for thing in things]  # not the source of decorators
    return Walkthrough(tuple((_title(thing), _steps(textwrap.dedent(inspect.getsource(thing)))) for thing in plain))


def _title(thing: Any) -> str:
    path = Path(inspect.getsourcefile(thing) or "")
    # Relative to the package: the path of the repository does not belong in a page.
    file = path.relative_to(PACKAGES).as_posix() if path.is_relative_to(PACKAGES) else path.name
    return file if inspect.ismodule(thing) else f"{thing.__qualname__}  ·  {file}"


def _steps(source: str) -> tuple[Step, ...]:
    lines: list[Line] = list(source.splitlines())
    notes = _docstrings(source, lines)
    _take_comments(source, lines, notes)
    steps: list[Step] = []
    note = ""
    code: list[Line] = []
    for number, line in enumerate(lines, start=1):
        if number in notes:
            steps += _step(note, code)
            note, code = notes[number], []
        code.append(line)
    return (*steps, *_step(note, code))


def _step(note: str, code: list[Line]) -> list[Step]:
    kept = [line for line in code if line is not None]
    text = "\n".join(kept).strip("\n").rstrip()
    return [Step(note, text)] if text or note else []


def _docstrings(source: str, lines: list[Line]) -> dict[int, str]:
    """Replace docstrings in `lines` by None; return their first paragraphs by line of the head."""
    notes = {}
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if not text:
            continue
        string = node.body[0]
        if not isinstance(node, ast.Module) and string.lineno == node.lineno:
            continue  # a definition on one line has no separate docstring
        for number in range(string.lineno, (string.end_lineno or string.lineno) + 1):
            lines[number - 1] = None
        if isinstance(node, ast.Module):
            head = 1
        else:
            head = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        notes[head] = " ".join(text.partition("\n\n")[0].split())
    return notes


def _take_comments(source: str, lines: list[Line], notes: dict[int, str]) -> None:
    """Remove comments from `lines`; add them to `notes` by the line that they describe."""
    waiting: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        number, column = token.start
        if token.type == tokenize.COMMENT:
            words = FOR_TOOLS.sub("", token.string).lstrip("# ")
            before = source.splitlines()[number - 1][:column].rstrip()
            if before:
                if words:
                    notes[number] = f"{notes[number]} {words}" if number in notes else words
                lines[number - 1] = before
            else:
                waiting.append(words)
                lines[number - 1] = None
        elif waiting and token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            notes[number] = " ".join([*waiting, *([notes[number]] if number in notes else [])])
            waiting = []


def _rows(steps: tuple[Step, ...]) -> str:
    return "\n".join(
        ROW.format(cell=CELL, pre=PRE, note=_marked(step.note), code=html.escape(_fitted(step.code))) for step in steps
    )


def _fitted(code: str) -> str:
    """Break lines that are wider than a page."""
    lines = []
    for line in code.splitlines():
        deeper = " " * (len(line) - len(line.lstrip()) + 8)
        lines += textwrap.wrap(line, COLUMNS, subsequent_indent=deeper, break_on_hyphens=False) or [""]
    return "\n".join(lines)


def _marked(note: str) -> str:
    """Escape a note for HTML; text between backticks becomes code."""
    parts = note.replace("``", "`").split("`")
    return "".join(
        f"<code>{html.escape(part)}</code>" if place % 2 else html.escape(part) for place, part in enumerate(parts)
    )
