"""Exercises: the task, a solution, wrong answers that people really give, and the check that tells them apart.

A check tests behaviour: what an answer does with inputs, not how it is written.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import sysconfig
import textwrap
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundwork.errors import UserError, meant

# Ours, the installed packages', Python's own.
NOT_A_LEARNERS = (
    str(Path(__file__).parents[1]),
    *{sysconfig.get_path(name) for name in ("purelib", "stdlib")},
    "<frozen",
)


class NotAttempted(Exception):
    """Raised by a blank: there is no answer yet."""


@dataclass(frozen=True)
class Finding:
    """The first case in which an answer is wrong.

    Attributes
    ----------
    case
        The input, so that a learner can try it again.
    yours, expected
        What the answer made of it, and what it should have made.
    cause
        The usual reason, in a sentence that names the defect.
    """

    case: str
    yours: Any
    expected: Any
    cause: str

    def __str__(self) -> str:
        parts = {"input": self.case, "yours": self.yours, "expected": self.expected, "usual cause": self.cause}
        return "\n".join(f"  {name + ':':13}{_indented(value)}" for name, value in parts.items())


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes
    ----------
    name
        The lesson's number and a word: ``07.adam``.
    task
        What to write: one or two sentences.
    answer
        What the learner's function, class or variable is called.
    blank, solution
        What the learner starts from, and what passes. Functions or classes whose names begin with `answer`'s, such as
        ``adam_blank``; the lesson shows them under the name of `answer`.
    wrong
        Answers that people really publish, each with words that the finding about it must hold.
    hints
        From the vaguest to the plainest.
    examine
        Takes an answer and gives the first finding, or None if it is right.
    """

    name: str
    task: str
    answer: str
    blank: Callable[..., Any]
    solution: Callable[..., Any]
    wrong: Mapping[Callable[..., Any], str]
    hints: tuple[str, ...]
    examine: Callable[[Any], Finding | None]

    def judge(self, answer: Any) -> Finding | None:
        """Return the first finding about `answer`, or None if it is right.

        Raises
        ------
        NotAttempted
            If `answer` is still the blank.
        """
        if not callable(answer):
            wanted = f"the function or class {self.answer}"
            return Finding(
                "the answer itself",
                type(answer).__name__,
                wanted,
                "it is no function and no class: give its name, and do not call it",
            )
        try:
            return self.examine(answer)
        except NotAttempted:
            raise
        # Any exception of a learner's code, an exit included, is a finding about that code.
        except (Exception, SystemExit) as error:
            line = line_at_work(error)
            cause = "the message says what does not fit" + (f"; it was raised at `{line}`" if line else "")
            return Finding("the first that fails", f"{type(error).__name__}: {error}", "no error", cause)

    def program(self, which: Callable[..., Any]) -> str:
        """Show `source` with the imports that it needs: a file that runs."""
        code = self.source(which)
        tree = ast.parse(inspect.getsource(importlib.import_module(which.__module__)))
        needed = []
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                node.names = [alias for alias in node.names if re.search(rf"\b{alias.asname or alias.name}\b", code)]
                needed += [ast.unparse(node)] if node.names else []
        return "\n".join([*needed, "", "", code])

    def source(self, which: Callable[..., Any]) -> str:
        """Show the code of the blank, the solution or a wrong answer, under the name that a learner gives it."""
        return re.sub(rf"\b{which.__name__}\b", self.answer, textwrap.dedent(inspect.getsource(which)))


def exercises() -> dict[str, Exercise]:
    """Find all exercises, by name, in the order of the lessons."""
    from groundwork.lessons import exercises as room

    modules = [
        importlib.import_module(f"{room.__name__}.{found.name}") for found in pkgutil.iter_modules(room.__path__)
    ]
    found = sorted((module.EXERCISE for module in modules), key=lambda exercise: exercise.name)
    return {exercise.name: exercise for exercise in found}


def load(name: str) -> Exercise:
    """Find the exercise `name`.

    Raises
    ------
    UserError
        If there is none; it names the nearest.
    """
    known = exercises()
    if len(own := [key for key in known if key.startswith(f"{name.zfill(2)}.")]) == 1:
        return known[own[0]]  # a lesson's number, where there is one exercise
    if name not in known:
        raise UserError(f"exercise {name!r}: not found{meant(name, known)}", f"name one of: {', '.join(known)}")
    return known[name]


def line_at_work(error: BaseException) -> str:
    """Return the last line of the learner's own code in the traceback of `error`; empty if there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(NOT_A_LEARNERS)]
    return (own[-1].line or "") if own else ""


def _indented(value: Any) -> str:
    """Align the lines of a value, such as an array, after a label of 13 characters."""
    return str(value).replace("\n", "\n" + " " * 15)
