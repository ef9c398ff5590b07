"""The lessons as files of the repository, and the record of solved exercises."""

import json
import re
import runpy
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from groundwork.errors import UserError, meant
from groundwork.files import write_json, write_text

ROOT = Path(__file__).parents[3]
NOTEBOOKS = ROOT / "notebooks"
# The learner's own files: git ignores them.
WORK = NOTEBOOKS / "work"
SOLVED = WORK / "solved.json"
LINK = re.compile(r"\]\((?!\w+:|#)")  # within the repository


@dataclass(frozen=True)
class Lesson:
    """A lesson's source, in jupytext's percent format."""

    source: Path

    @property
    def name(self) -> str:
        """Number and word, such as ``07_optimizers``."""
        return self.source.stem

    @property
    def number(self) -> str:
        """Two digits."""
        return self.name[:2]

    @property
    def title(self) -> str:
        """The first heading, without its number."""
        lines = self.source.read_text(encoding="utf-8").splitlines()
        return next(line for line in lines if line.startswith("# # ")).removeprefix("# # ").partition(". ")[2]

    @property
    def notebook(self) -> Path:
        """The path of the executed notebook."""
        return self.source.with_suffix(".ipynb")


def lessons() -> list[Lesson]:
    """Find the lessons, in their order.

    Raises
    ------
    UserError
        If there are none: they come with the repository, not with the installed package.
    """
    found = [Lesson(path) for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py"))]
    if not found:
        raise UserError(
            f"{NOTEBOOKS}: found no lessons; they lie in the repository, not in the installed package",
            "clone the repository and run `make setup` in it",
        )
    return found


def load(name: str) -> Lesson:
    """Find a lesson by its number, ``7`` or ``07``, or by its name, whole or in part.

    Raises
    ------
    UserError
        If there is none, or if there are several.
    """
    known = {lesson.name: lesson for lesson in lessons()}
    word = Path(name).name.removesuffix(".py").removesuffix(".ipynb")
    found = [lesson for lesson in known.values() if word.zfill(2) == lesson.number] or [
        lesson for lesson in known.values() if word and word in lesson.name
    ]
    if len(found) == 1:
        return found[0]
    problem = f"matches {', '.join(lesson.name for lesson in found)}" if found else f"not found{meant(name, known)}"
    raise UserError(f"lesson {name!r}: {problem}", f"name one of: {', '.join(known)}")


def run(lesson: Lesson) -> None:
    """Run a lesson as a plain script, in this process; a `UserError` stays one message."""
    runpy.run_path(str(lesson.source), run_name="__main__")


def start(lesson: Lesson) -> tuple[Path, bool]:
    """Copy a lesson's notebook to the learner's folder unless it is there; return the path and whether it is new."""
    copy = WORK / lesson.notebook.name
    is_new = not copy.exists()
    if is_new:
        if not lesson.notebook.exists():
            raise UserError(f"{lesson.notebook}: not found", f"make it: `make lessons ARGS={lesson.name}`")
        notebook = json.loads(lesson.notebook.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                # The copy is one folder deeper than the original.
                cell["source"] = [LINK.sub("](../", line) for line in cell["source"]]
        write_text(copy, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return copy, is_new


def solved() -> dict[str, Any]:
    """Return the day on which each exercise was solved, by name; empty if that cannot be read."""
    with suppress(OSError, ValueError):
        read = json.loads(SOLVED.read_text(encoding="utf-8"))
        return read if isinstance(read, dict) else {}
    return {}


def solve(exercise: str) -> None:
    """Note that `exercise` is solved, where there is a repository to note it in.

    Raises
    ------
    UserError
        If the note cannot be written.
    """
    if NOTEBOOKS.is_dir() and exercise not in (known := solved()):
        if SOLVED.is_file() and not known:
            # Do not overwrite a file that cannot be read.
            SOLVED.replace(SOLVED.with_suffix(".broken"))
        write_json(SOLVED, {**known, exercise: date.today().isoformat()})
