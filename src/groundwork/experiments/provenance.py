"""Where results come from: the commit, and a hash of the source."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

ROOMS = ("competitions", "data", "encoders", "models", "objectives", "scratch", "training")
PACKAGE = Path(__file__).parents[1]


def git_state() -> dict[str, Any]:
    """Return ``commit`` and ``dirty``: whether tracked files other than results differ from it.

    Outside of git they are None and False.
    """

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    results = (":!dvc.lock", ":!results", ":!submissions")
    changes = git("status", "--porcelain", "--untracked-files=no", "--", ".", *results)
    return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changes)}


def source_sha256() -> str:
    """Hash the source of all that a fold may be made by."""
    code = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py")):
        code.update(path.read_bytes())
    return code.hexdigest()
