"""What others have made, brought here from DVC's remote."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from groundwork.errors import UserError
from groundwork.experiments.dvcfiles import LOCK, hashes, locked, md5
from groundwork.files import read_json

CACHE = Path(".dvc/cache/files/md5")


def pull(lane_names: Iterable[str]) -> None:
    """Fetch what the remote has of the lanes' results, put it into place, and say in one line what nobody has.

    Raises
    ------
    UserError
        If there is no remote or it cannot be reached, or if a file that DVC does not know lies in the way.
    """
    lock = locked()
    wanted = {name: entry for name, entry in lock.items() if name.partition("@")[2] in set(lane_names)}
    if not wanted:
        raise UserError(f"{LOCK}: records no results of these lanes", "make them: `groundwork repro`")
    if not _dvc("remote", "list").stdout.strip():
        raise UserError(
            "no DVC remote is configured, so there is nowhere to pull from",
            "name one: `dvc remote add -d storage <address>`; or make the results here: `groundwork repro`",
        )
    # It fails where the remote lacks a single file; what it has arrives all the same.
    fetched = _dvc("fetch", *wanted)
    whole = [name for name, entry in wanted.items() if _is_here(entry)]
    if not whole and fetched.returncode:
        raise UserError(f"nothing could be fetched: {_last_line(fetched)}", "check the remote: `dvc remote list`")
    placed = _dvc("checkout", *whole) if whole else None
    if placed is not None and placed.returncode:
        raise UserError(
            f"not everything could be put into place: {_last_line(placed)}",
            "move away or delete what lies there, or let DVC write over it: `dvc checkout --force`",
        )
    print(f"pulled {len(whole)} of {len(wanted)} stages' results")
    if missing := [name for name in wanted if name not in whole]:
        print(f"in neither the remote nor this cache: {', '.join(missing)}; `groundwork repro` makes them")


def _is_here(entry: dict[str, Any]) -> bool:
    """Whether the cache, or its place, holds every out of a stage."""
    uncached = set(_uncached())
    return all(
        path in uncached or _cached(value) or md5(Path(path)) == value for path, value in hashes(entry, "outs").items()
    )


def _uncached() -> list[str]:
    """Outs that git keeps, not DVC."""
    done = subprocess.run(["git", "ls-files", "results"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def _cached(value: str) -> bool:
    file = CACHE / value[:2] / value[2:]
    if not file.is_file():
        return False
    if not value.endswith(".dir"):
        return True
    return all(_cached(item["md5"]) for item in read_json(file, "dvc fetch"))


def _dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
    return lines[0] if lines else f"dvc ended with {done.returncode}"
