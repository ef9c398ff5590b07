"""Downloads the results that others have pushed to DVC's remote."""

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
    """Fetch the lanes' results from the remote, put them into place, and print which ones are missing.

    Raises
    ------
    UserError
        If there is no remote or it cannot be reached, or if a file that DVC does not know is in the way.
    """
    lock = locked()
    wanted = {name: entry for name, entry in lock.items() if name.partition("@")[2] in set(lane_names)}
    if not wanted:
        raise UserError(f"{LOCK}: records no results of these lanes", "make them: `groundwork repro`")
    if not _dvc("remote", "list").stdout.strip():
        raise UserError(
            "no DVC remote is configured, so there is nowhere to pull from",
            "add one: `dvc remote add -d storage <address>`; or make the results here: `groundwork repro`",
        )
    # The command fails where the remote lacks a single file, but still fetches the others.
    fetched = _dvc("fetch", *wanted)
    complete = [name for name, entry in wanted.items() if _is_here(entry)]
    if not complete and fetched.returncode:
        raise UserError(f"nothing could be fetched: {_last_line(fetched)}", "check the remote: `dvc remote list`")
    placed = _dvc("checkout", *complete) if complete else None
    if placed is not None and placed.returncode:
        raise UserError(
            f"not everything could be put into place: {_last_line(placed)}",
            "move or delete the files in the way, or let DVC overwrite them: `dvc checkout --force`",
        )
    print(f"pulled {len(complete)} of {len(wanted)} stages' results")
    if missing := [name for name in wanted if name not in complete]:
        print(f"in neither the remote nor this cache: {', '.join(missing)}; `groundwork repro` makes them")


def _is_here(entry: dict[str, Any]) -> bool:
    """Whether every output of a stage is in the cache or in its place."""
    uncached = set(_uncached())
    return all(
        path in uncached or _cached(value) or md5(Path(path)) == value for path, value in hashes(entry, "outs").items()
    )


def _uncached() -> list[str]:
    """List the outputs that git keeps instead of DVC."""
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
