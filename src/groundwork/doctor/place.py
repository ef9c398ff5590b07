"""Where the doctor looks, a line of its report, and what is wrong with a file or a repository whatever it holds."""

import os
import re
import shlex
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["ok", "advice", "wrong"]

# By these a hook that runs us names another repository.
ELSEWHERE = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")


@dataclass(frozen=True)
class Place:
    """Where a person works: the home with the tokens, the root of a clone of Groundwork, the shell's variables."""

    home: Path
    repository: Path
    environment: Mapping[str, str]

    @classmethod
    def here(cls) -> "Place":
        """Give the place of the person who runs this."""
        # From a folder inside the clone, or beside it: the one that this was installed from.
        above = (Path.cwd(), *Path.cwd().parents, Path(__file__).parents[3])
        root = next((folder for folder in above if (folder / "dvc.yaml").is_file()), Path.cwd())
        return cls(Path.home(), root, os.environ)

    def command(self, name: str) -> str | None:
        """Find a command as the shell does."""
        return shutil.which(name, path=self.environment.get("PATH", os.defpath))

    def git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run git in the repository, with this home's settings."""
        environment = {name: value for name, value in self.environment.items() if name not in ELSEWHERE}
        return subprocess.run(
            [self.command("git") or "git", *arguments],
            check=False,
            cwd=self.repository,
            env={**environment, "HOME": str(self.home)},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )

    def shown(self, path: Path) -> str:
        """Write a path as a person types it."""
        for folder, start in ((self.repository, ""), (self.home, "~/")):
            if path.is_relative_to(folder):
                return start + shlex.quote(path.relative_to(folder).as_posix())
        return shlex.quote(str(path))


@dataclass(frozen=True)
class Line:
    """What the report says about one thing: what was found, what was expected, the next command to type.

    Its state is ``ok``, ``advice`` if work goes on without it, or ``wrong``.
    """

    thing: str
    state: State
    found: str
    expected: str = ""
    next_step: str = ""

    def __str__(self) -> str:
        expected = f"; expected {self.expected}" if self.expected else ""
        step = f"\n{'':18}-> {self.next_step}" if self.next_step else ""
        return f"{self.state:8}{self.thing:10}{self.found}{expected}{step}"


def refused(thing: str, asked: subprocess.CompletedProcess[str], place: Place) -> Line:
    """Say in git's words why it gave no answer."""
    said = asked.stderr.partition("\n")[0] or f"git ended with {asked.returncode}"
    # Whatever language git speaks, it names the command.
    if command := re.search(r"git config --global --add safe\.directory .+", asked.stderr):
        return Line(thing, "wrong", said, "a repository of your own, or one that you trust", command[0])
    step = "git status"
    if not (place.repository / ".git").exists():
        ours = (place.repository / "dvc.yaml").exists()  # unpacked from an archive, not cloned
        step = "git init" if ours else "git clone <this repository> groundwork && cd groundwork"
    return Line(thing, "wrong", said, "a repository", step)


def not_private(thing: str, file: Path, place: Place) -> Line | None:
    """Say why a file of secrets, if it is there, is not for you and you alone; what it holds is not looked at."""
    try:
        status = file.stat()
    except PermissionError:  # nothing can be said of what lies in a closed folder
        return _closed(thing, place.shown(file.parent), 700)
    except OSError:
        return None
    shown = place.shown(file)
    if stat.S_ISDIR(status.st_mode):  # Docker makes one when it is to mount a file that is not there
        return Line(thing, "wrong", f"{shown} is a folder", "a file", f"mv {shown} {shown}.old")
    if not os.access(file, os.R_OK):
        return _closed(thing, shown, 600)
    mode = status.st_mode & 0o777
    if os.name == "nt" or not mode & 0o077:
        return None
    step = f"chmod 600 {shown}"
    if os.geteuid() not in (0, status.st_uid):  # only its owner, or root, may do that
        step = f"sudo chown $USER {shown} && {step}"
    return Line(thing, "wrong", f"{shown} has mode {mode:o}", "600: for you alone", step)


def _closed(thing: str, shown: str, mode: int) -> Line:
    step = f"sudo chown $USER {shown} && chmod {mode} {shown}"
    return Line(thing, "wrong", f"{shown} is not readable by you", f"{mode}, and you as its owner", step)
