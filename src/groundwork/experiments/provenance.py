"""Where results come from: the commit, and a hash of everything that a fold's outcome depends on."""

import hashlib
import json
import subprocess
from typing import Any

from groundwork.data.prepared import Prepared
from groundwork.settings import Hardware, Lane


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


def fold_key(lane: Lane, prepared: Prepared, seed: int, hardware: Hardware, code: str) -> str:
    """Hash parameters, data, code and versions, so that a fold is never taken over from a different training."""
    import torch

    settings = lane.model_dump(mode="json", include={"competition", "encoding", "model", "objective", "training"})
    # How many folds are trained changes none of them.
    settings["training"].pop("folds")
    read = [settings, seed, hardware.model_dump(mode="json"), prepared.data_sha256, prepared.folds_sha256]
    read += [code, torch.__version__]
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()[:16]
