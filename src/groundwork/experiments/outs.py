"""What stages have made, held against what dvc.lock records of it."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from groundwork.experiments.dvcfiles import hashes, locked, md5


def restore(names: Iterable[str]) -> list[str]:
    """Look whether the former outs of stages lie in their places; bring back from DVC's cache those that do not.

    Parameters
    ----------
    names
        As DVC names stages: ``train@titanic``.

    Returns
    -------
    list of str
        A line for each stage: what was looked at, and how it stands.
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
            left = _damaged(outs)
            lines += [_said(name, damaged, left)]
        else:
            lines.append(f"{name}: its former results are in place ({len(outs)} checked by hash)")
    return lines


def _damaged(outs: dict[str, str]) -> list[str]:
    return [path for path, value in outs.items() if md5(Path(path)) != value]


def _checkout(name: str) -> None:
    """Let DVC write the outs of one stage over what lies there."""
    subprocess.run(
        [sys.executable, "-m", "dvc", "checkout", "--force", "--quiet", name],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _said(name: str, damaged: list[str], left: list[str]) -> str:
    if not left:
        return f"{name}: its former results are back in place: {', '.join(damaged)} (checked by hash)"
    return f"{name}: lost: {', '.join(left)}, of which DVC's cache has no copy; `dvc repro {name}` makes it again"
