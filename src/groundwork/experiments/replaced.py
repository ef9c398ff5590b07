"""Notices that Kaggle's archive was replaced by another one: DVC does not know the file that `fetch` copies."""

import json
from contextlib import suppress
from pathlib import Path

from groundwork import competitions
from groundwork.data.archives import store
from groundwork.experiments.dvcfiles import hashes, locked, md5
from groundwork.files import write_json
from groundwork.settings import Params

# Hashes of the archives: hashing gigabytes takes seconds, and mostly nothing was replaced.
HASHED = Path(".dvc/tmp/groundwork/archives.json")
RAW = Path("data/raw")


def replaced(params: Params) -> dict[str, Path]:
    """Return the archive in ``data/kaggle`` of each lane that was fetched from another one."""
    lock, known = locked(), _known()
    now: dict[str, list[int | str]] = {}
    found = {}
    for lane_name, lane in params.competitions.items():
        raw = RAW / f"{lane_name}.zip"
        fetched = hashes(lock.get(f"fetch@{lane_name}", {}), "outs").get(str(raw))
        if lane.source != "kaggle" or fetched is None:
            continue
        path = store(competitions.load(lane.competition), raw)
        if not path.exists():
            continue
        status = path.stat()
        place: list[int | str] = [status.st_mtime_ns, status.st_size, status.st_ino]
        entry = known.get(str(path), [])
        now[str(path)] = entry if entry[:-1] == place else [*place, md5(path)]
        if now[str(path)][-1] != fetched:
            found[lane_name] = path
    if now != known:
        write_json(HASHED, now)
    return found


def _known() -> dict[str, list[int | str]]:
    with suppress(OSError, ValueError):
        content = json.loads(HASHED.read_text(encoding="utf-8"))
        if isinstance(content, dict) and all(isinstance(entry, list) for entry in content.values()):
            return content
    return {}
