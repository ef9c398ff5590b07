"""Defines `UserError`, the exception for mistakes that the user can fix, and suggests names for misspelled ones."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """A mistake that the user can fix. The command line prints it without a traceback and exits with its code.

    Parameters
    ----------
    problem
        One line: the file, the row or key, the value found and the value expected.
    next_step
        What the user should do, preferably a command.
    exit_code
        2, or 130 after Ctrl-C.
    """

    def __init__(self, problem: str, next_step: str, exit_code: int = 2) -> None:
        super().__init__(f"{problem}\n  -> {next_step}")
        self.exit_code = exit_code
        self.problem = problem
        self.next_step = next_step


def meant(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean '...'?`` with the closest of `known`, or an empty string if none is close."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
