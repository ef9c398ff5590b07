"""The functions for learners: check an answer, show a hint, show the solution."""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from groundwork.errors import UserError
from groundwork.lessons.course import solve
from groundwork.lessons.exercise import Exercise, NotAttempted, load

_hints_taken: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)


def check(name: str, answer: Any) -> None:
    """Check an answer by its behaviour, and print the first case in which it is wrong.

    Parameters
    ----------
    name
        The exercise, such as ``07.adam``.
    answer
        The function or class that the exercise asks for.

    Raises
    ------
    UserError
        If there is no such exercise.
    """
    exercise = load(name)
    right, message = verdict(exercise, answer)
    print(message if right else f'{message}\nFor a hint: from groundwork.lessons import hint; hint("{exercise.name}")')


def verdict(exercise: Exercise, answer: Any) -> tuple[bool, str]:
    """Check an answer; return whether it is right, and the message. A right answer is recorded as solved."""
    name = exercise.name
    try:
        finding = exercise.judge(answer)
    except NotAttempted:
        return False, f"{name}: not attempted yet. Write it and check again."
    if finding:
        return False, f"{name}: not yet.\n{finding}"
    try:
        solve(name)
    except UserError as error:
        return True, f"{name}: solved.\nwarning: it was not noted: {error}"
    return True, f"{name}: solved."


def hint(name: str) -> None:
    """Print the next hint for the exercise `name`; each says more than the one before."""
    hints = load(name).hints
    place = min(next(_hints_taken[name]), len(hints) - 1)
    last = f'; the next step is solution("{name}")' if place == len(hints) - 1 else ""
    print(f"{name}, hint {place + 1} of {len(hints)}{last}: {hints[place]}")


def solution(name: str) -> None:
    """Print an answer that passes, for the exercise `name`."""
    exercise = load(name)
    print(exercise.program(exercise.solution), end="")
