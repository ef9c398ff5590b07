"""Checks stages' outputs against the hashes in dvc.lock, and restores damaged ones from DVC's cache."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from groundwork.experiments.dvcfiles import hashes, locked, md5


def restore(names: Iterable[str]) -> list[str]:
    """Check the former outputs of stages by hash; restore from DVC's cache those that are missing or damaged.

    Parameters
    ----------
    names
        Stages, as DVC names them: ``train@titanic``.

    Returns
    -------
    list of str
        A line for each stage: what was checked, and the result.
    """
    lock = locked()
    lines = []
    for name in names:
        if name not in lock:
            lines.append(f"{name}: has not succeeded before: no former results")
            continue
        outs = hashes(lock[name], "outs")
        if damaged := _damaged(outs):
            _checkout(name)
            lines.append(_outcome(name, damaged, _damaged(outs)))
        else:
            lines.append(f"{name}: its former results are in place ({len(outs)} checked by hash)")
    return lines


def _damaged(outs: dict[str, str]) -> list[str]:
    return [path for path, value in outs.items() if md5(Path(path)) != value]


def _checkout(name: str) -> None:
    """Let DVC overwrite the outputs of one stage with those in its cache."""
    subprocess.run(
        [sys.executable, "-m", "dvc", "checkout", "--force", "--quiet", name],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _outcome(name: str, damaged: list[str], lost: list[str]) -> str:
    if not lost:
        return f"{name}: its former results are back in place: {', '.join(damaged)} (checked by hash)"
    return f"{name}: lost: {', '.join(lost)}, of which DVC's cache has no copy; `dvc repro {name}` makes it again"
