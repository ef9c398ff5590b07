"""The one exception that a user is meant to see."""


class UserError(Exception):
    """Something the user can mend: the command line prints it without a traceback and exits with 2.

    Parameters
    ----------
    problem
        One line: the file, the row or key, what was found and what was expected.
    next_step
        What to do about it, preferably a command to type.
    """

    def __init__(self, problem: str, next_step: str) -> None:
        super().__init__(f"{problem}\n  -> {next_step}")
        self.problem = problem
        self.next_step = next_step
