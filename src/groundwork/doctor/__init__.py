"""Checks whether this machine is ready: one line per check with what was found, what was expected, the next command.

No check contacts a server or prints a key or token. The checks in `ACCOUNTS` depend only on a home folder, a repository
and an environment, which tests can create; the checks in `MACHINE` look at the machine itself.
"""

from collections.abc import Callable, Iterable, Iterator

from groundwork.doctor.accounts import git, kaggle, wandb
from groundwork.doctor.leaks import SECRET_FILES, SECRETS, secrets
from groundwork.doctor.machine import disk, dvc, github, notebooks, python, torch
from groundwork.doctor.place import Line, Place, State

__all__ = [
    "ACCOUNTS",
    "MACHINE",
    "SECRETS",
    "SECRET_FILES",
    "Check",
    "Line",
    "Place",
    "State",
    "disk",
    "doctor",
    "dvc",
    "examine",
    "git",
    "github",
    "kaggle",
    "notebooks",
    "python",
    "secrets",
    "torch",
    "wandb",
]

Check = Callable[[Place], Line]

# Checks that depend only on a home folder, a repository and an environment, and checks of the machine.
ACCOUNTS: tuple[Check, ...] = (git, kaggle, wandb, secrets)
MACHINE: tuple[Check, ...] = (github, python, dvc, disk, notebooks, torch)


def doctor(place: Place | None = None) -> bool:
    """Print the report line by line; return whether nothing is wrong."""
    lines = []
    for line in examine(place or Place.here(), (*ACCOUNTS, *MACHINE)):
        print(line, flush=True)
        lines.append(line)
    wrong = sum(line.state == "wrong" for line in lines)
    print(f"\n{wrong} wrong: run the commands after the arrows." if wrong else "\nNothing is wrong. Advice can wait.")
    return not wrong


def examine(place: Place, checks: Iterable[Check]) -> Iterator[Line]:
    """Yield a line for each check. A check that raises an exception becomes a line, too."""
    for check in checks:
        try:
            yield check(place)
        except Exception as error:  # One failing check must not stop the report.
            found = f"could not be checked ({type(error).__name__}: {error})"
            yield Line(check.__name__, "wrong", found, "an answer", "report this bug in Groundwork")
