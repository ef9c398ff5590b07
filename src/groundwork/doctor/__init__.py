"""Is this machine ready to work? A line for each thing: what was found, what was expected, the next command.

Nothing here asks a server, and no key or token is ever printed. What a line is about lies in a home folder, a
repository or an environment, which a test makes up; `MACHINE` alone looks at the machine itself.
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

# What depends on a home, a repository and an environment alone, and what looks at the machine.
ACCOUNTS: tuple[Check, ...] = (git, kaggle, wandb, secrets)
MACHINE: tuple[Check, ...] = (github, python, dvc, disk, notebooks, torch)


def doctor(place: Place | None = None) -> bool:
    """Print the whole report, line by line as it is found; say whether nothing is wrong."""
    lines = []
    for line in examine(place or Place.here(), (*ACCOUNTS, *MACHINE)):
        print(line, flush=True)
        lines.append(line)
    wrong = sum(line.state == "wrong" for line in lines)
    print(f"\n{wrong} wrong: do what the arrows say." if wrong else "\nNothing is wrong. Advice can wait.")
    return not wrong


def examine(place: Place, checks: Iterable[Check]) -> Iterator[Line]:
    """Yield a line for each check; one that fails itself is a line, too."""
    for check in checks:
        try:
            yield check(place)
        except Exception as error:  # A report that stops in the middle helps nobody.
            found = f"could not be looked at ({type(error).__name__}: {error})"
            yield Line(check.__name__, "wrong", found, "an answer", "report this as our bug")
