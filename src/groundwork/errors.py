"""The one exception that a user is meant to see, and the guess at what they meant."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something the user can mend: the command line prints it without a traceback and exits with its code.

    Parameters
    ----------
    problem
        One line: the file, the row or key, what was found and what was expected.
    next_step
        What to do about it, preferably a command to type.
    exit_code
        2, or 130 when it was Ctrl-C.
    """

    def __init__(self, problem: str, next_step: str, exit_code: int = 2) -> None:
        super().__init__(f"{problem}\n  -> {next_step}")
        self.exit_code = exit_code
        self.problem = problem
        self.next_step = next_step


def meant(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean '...'?`` with the nearest of `known`, or nothing where none is near."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
