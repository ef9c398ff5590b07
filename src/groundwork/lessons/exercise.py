"""Exercises: what a lesson asks for, the answer, the answers that people really give, and how to tell them apart.

A judgement is about behaviour: what an answer does with inputs, never how it is written.
"""

import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from groundwork.errors import UserError, meant


class NotAttempted(Exception):
    """Raised by a blank: there is nothing to judge yet."""


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
        """Give the first finding about `answer`, or None if it is right.

        Raises
        ------
        NotAttempted
            If `answer` is still the blank.
        """
        if not callable(answer):
            wanted = f"the function or class {self.answer}"
            return Finding("the answer itself", type(answer).__name__, wanted, "it was called: give the name alone")
        try:
            return self.examine(answer)
        except NotAttempted:
            raise
        # Whatever a learner's code raises is about that code, and no failure of ours.
        except Exception as error:
            where = _last_line_in(error, answer)
            cause = f"the message says what does not fit{where}"
            return Finding("the first that fails", f"{type(error).__name__}: {error}", "no error", cause)

    def source(self, which: Callable[..., Any]) -> str:
        """Show the code of the blank, the solution or a wrong answer, under the name that a learner gives it."""
        return re.sub(rf"\b{which.__name__}\b", self.answer, textwrap.dedent(inspect.getsource(which)))


def exercises() -> dict[str, Exercise]:
    """Find all exercises, by name, in the order of the lessons."""
    from groundwork.lessons import exercises as room

    modules = [
        importlib.import_module(f"{room.__name__}.{found.name}") for found in pkgutil.iter_modules(room.__path__)
    ]
    return {one.name: one for one in sorted((module.EXERCISE for module in modules), key=lambda one: one.name)}


def load(name: str) -> Exercise:
    """Find the exercise `name`.

    Raises
    ------
    UserError
        If there is none; it names the nearest.
    """
    known = exercises()
    if name not in known:
        raise UserError(f"exercise {name!r}: not found{meant(name, known)}", f"name one of: {', '.join(known)}")
    return known[name]


def _last_line_in(error: Exception, answer: Callable[..., Any]) -> str:
    """Say which line of the answer was at work when `error` was raised."""
    try:
        lines, start = inspect.getsourcelines(answer)
        file = inspect.getsourcefile(answer)
    except (OSError, TypeError):  # written in a console, or not in Python
        return ""
    trace, at = error.__traceback__, None
    while trace:
        if trace.tb_frame.f_code.co_filename == file and start <= trace.tb_lineno < start + len(lines):
            at = trace.tb_lineno
        trace = trace.tb_next
    return f"; it was raised at `{lines[at - start].strip()}`" if at else ""


def _indented(value: Any) -> str:
    """Lay out what may have several lines, as an array, below a word of 13 letters and spaces."""
    return str(value).replace("\n", "\n" + " " * 15)
