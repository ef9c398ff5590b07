"""Records which commit the results were made from."""

import subprocess
from typing import Any


def git_state() -> dict[str, Any]:
    """Return ``commit``, and as ``dirty`` whether tracked files other than results differ from it.

    Outside a git repository they are None and False.
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
