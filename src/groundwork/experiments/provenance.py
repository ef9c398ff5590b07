"""Where results come from: the commit that the files are of."""

import subprocess
from typing import Any


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
