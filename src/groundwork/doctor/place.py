"""Defines where the checks look and the lines of their report, and checks files and repositories in general."""

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

# Inside of a git hook, these variables name another repository.
ELSEWHERE = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")


@dataclass(frozen=True)
class Place:
    """Where a user works: the home folder with the tokens, the root of the clone, the shell's variables."""

    home: Path
    repository: Path
    environment: Mapping[str, str]

    @classmethod
    def here(cls) -> "Place":
        """Return the place of the current user."""
        # The clone that contains the working directory, or else the one that this package was installed from.
        candidates = (Path.cwd(), *Path.cwd().parents, Path(__file__).parents[3])
        root = next((folder for folder in candidates if (folder / "dvc.yaml").is_file()), Path.cwd())
        return cls(Path.home(), root, os.environ)

    def command(self, name: str) -> str | None:
        """Return the path of a command, as the shell finds it."""
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
        """Return a path as a user would type it."""
        for folder, start in ((self.repository, ""), (self.home, "~/")):
            if path.is_relative_to(folder):
                return start + shlex.quote(path.relative_to(folder).as_posix())
        return shlex.quote(str(path))


@dataclass(frozen=True)
class Line:
    """One line of the report: what was found, what was expected, the next command.

    The state is ``ok``, ``advice`` if it is not required, or ``wrong``.
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


def refused(thing: str, answer: subprocess.CompletedProcess[str], place: Place) -> Line:
    """Report in git's words why a git command failed."""
    message = answer.stderr.partition("\n")[0] or f"git ended with {answer.returncode}"
    # Git names the command in every language.
    if command := re.search(r"git config --global --add safe\.directory .+", answer.stderr):
        return Line(thing, "wrong", message, "a repository that you own or trust", command[0])
    step = "git status"
    if not (place.repository / ".git").exists():
        unpacked = (place.repository / "dvc.yaml").exists()  # unpacked from an archive, not cloned
        step = "git init" if unpacked else "git clone <this repository> groundwork && cd groundwork"
    return Line(thing, "wrong", message, "a repository", step)


def not_private(thing: str, file: Path, place: Place) -> Line | None:
    """Report why an existing file of secrets is not readable by you alone; its content is not read."""
    try:
        status = file.stat()
    except PermissionError:  # the content of an unreadable folder is unknown
        return _closed(thing, place.shown(file.parent), 700)
    except OSError:
        return None
    shown = place.shown(file)
    if stat.S_ISDIR(status.st_mode):  # Docker creates a folder when it mounts a file that does not exist
        return Line(thing, "wrong", f"{shown} is a folder", "a file", f"mv {shown} {shown}.old")
    if not os.access(file, os.R_OK):
        return _closed(thing, shown, 600)
    mode = status.st_mode & 0o777
    if os.name == "nt" or not mode & 0o077:
        return None
    step = f"chmod 600 {shown}"
    if os.geteuid() not in (0, status.st_uid):  # only its owner or root may do that
        step = f"sudo chown $USER {shown} && {step}"
    return Line(thing, "wrong", f"{shown} has mode {mode:o}", "600, readable by you alone", step)


def _closed(thing: str, shown: str, mode: int) -> Line:
    step = f"sudo chown $USER {shown} && chmod {mode} {shown}"
    return Line(thing, "wrong", f"{shown} is not readable by you", f"{mode}, and you as its owner", step)
