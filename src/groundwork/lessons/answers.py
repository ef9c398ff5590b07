"""Reads answers to exercises from files."""

import linecache
import runpy
import shlex
import sys
from pathlib import Path
from typing import Any

from groundwork.errors import UserError
from groundwork.lessons.exercise import Exercise, line_at_work


def answer(exercise: Exercise, file: Path) -> Any:
    """Run `file` and take from it what the exercise asks for.

    Raises
    ------
    UserError
        If there is no such file, it does not run, or it defines something else.
    """
    named = shlex.quote(str(file))
    again = f"groundwork lesson check {exercise.name} {named}"
    if file.suffix == ".ipynb":
        cell = f'check("{exercise.name}", {exercise.answer})'
        raise UserError(f"{file}: is a notebook; expected a file of Python", f"run the cell with `{cell}` in it")
    if file.is_dir():
        raise UserError(f"{file}: is a folder; expected a file of Python", f"name the file: `{again}/...`")
    if not file.exists():
        begin = f"begin one: `groundwork lesson show {exercise.name} > {named}`"
        raise UserError(f"{file}: not found; expected a file of Python", begin)
    # As with `python file`, modules in the same folder can be imported.
    sys.path.insert(0, str(file.absolute().parent))
    try:
        names = runpy.run_path(str(file))
    # Any exception of a learner's file is reported as an error in that file.
    except (Exception, SystemExit) as error:
        linecache.checkcache(str(file))
        said = ": ".join(filter(None, (type(error).__name__, str(error))))
        line = line_at_work(error)
        problem = f"{file}: does not run: {said}" + (f", at `{line}`" if line else "")
        raise UserError(problem, f"fix it, then run `{again}`") from None
    finally:
        sys.path.pop(0)
    if exercise.answer not in names:
        problem = f"{file}: defines no `{exercise.answer}`, which {exercise.name} expects"
        raise UserError(problem, f"see `groundwork lesson show {exercise.name}`")
    return names[exercise.answer]
