"""Checks that a folder is a git checkout with DVC set up, and not an unpacked archive of the repository."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from groundwork.errors import UserError


def require_checkout(root: Path = Path(".")) -> None:
    """Refuse `root` before anything runs, if git or DVC would fail in the middle of a run.

    Raises
    ------
    UserError
        If git is not installed, `root` is not the top of a checkout (but an unpacked ZIP file, perhaps inside of
        another checkout), git does not trust it, or DVC is not set up in it.
    """
    here = root.resolve()
    if shutil.which("git") is None:
        raise UserError("git: not found; DVC and the records of each run need it", "https://git-scm.com/downloads")
    # Inside of a git hook, these variables name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    answer = subprocess.run(
        ["git", "rev-parse", "--show-toplevel"],
        cwd=here,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if answer.returncode:
        if trust := re.search(r"git config --global --add safe\.directory .+", answer.stderr):
            raise UserError(f"{here}: git does not trust this folder: it belongs to another user", f"`{trust[0]}`")
        raise UserError(
            f"{here}: is not a git checkout, perhaps an unpacked ZIP file; expected a clone: DVC and the records of "
            "each run need git",
            "`git clone <address of the repository>`, or make one of this folder: "
            '`git init && git add --all && git commit --message "first"`',
        )
    top = Path(answer.stdout.rstrip("\n")).resolve()
    if top != here:
        raise UserError(
            f"{here}: is inside of another git checkout, {top}; expected a checkout of its own, such as a clone",
            "`git clone <address of the repository>` outside of it, or make one of this folder: "
            '`git init && git add --all && git commit --message "first"`',
        )
    if not (here / ".dvc" / "config").is_file():
        raise UserError(f"{here}: .dvc/config: not found; expected a repository with DVC set up", "`dvc init`")
