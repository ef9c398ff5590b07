"""Keeps dvc.lock readable: repairs it after a kill or a merge from a copy that is made before each stage.

DVC writes dvc.lock in place, so a process that is killed at that moment leaves the file empty or cut short.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from groundwork.errors import UserError
from groundwork.experiments.dvcfiles import DECLARED, LOCK, declared, hashes, parsed
from groundwork.files import write_text, writing

TMP = Path(".dvc/tmp")
KEPT, RWLOCK = TMP / "groundwork/dvc.lock", TMP / "rwlock"
SCHEMA = "2.0"

Stages = dict[str, dict[str, Any]]


def keep() -> None:
    """Copy dvc.lock if it is complete."""
    text = _text(LOCK)
    if text and text != _text(KEPT) and stages_in(text) is not None:
        write_text(KEPT, text)


def repair() -> list[str]:
    """Repair dvc.lock and DVC's list of running commands where they cannot be read.

    Returns
    -------
    list of str
        One line for each file that was repaired.

    Raises
    ------
    UserError
        If dvc.lock cannot be read and there is nothing to restore it from.
    """
    return [line for line in (_repair_lock(), _repair_rwlock()) if line]


def problems(repository: Path) -> list[str]:
    """Say which of the two files of a repository cannot be read; change nothing."""
    lines = []
    if (text := _text(repository / LOCK)) is not None and stages_in(text) is None:
        lines.append(f"{LOCK} cannot be read: {_why(text)}")
    if (text := _text(repository / RWLOCK)) is not None and _holders(text) is None:
        lines.append(f"{RWLOCK} cannot be read")
    return lines


def forget(names: list[str]) -> None:
    """Remove the entries of stages from dvc.lock, so that DVC runs them again."""
    stages = stages_in(_text(LOCK) or "") or {}
    _write({name: entry for name, entry in stages.items() if name not in names})


@lru_cache(maxsize=4)
def stages_in(text: str) -> Stages | None:
    """Parse a lock file's entries; return None if it is not complete."""
    if not text.endswith("\n"):
        return None
    try:
        content = parsed(text)
    except YAMLError:
        return None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        return None
    stages = content.get("stages") or {}
    whole = isinstance(stages, dict) and all(_is_whole(entry) for entry in stages.values())
    return stages if whole else None


def _is_whole(entry: Any) -> bool:
    if not isinstance(entry, dict) or not entry.get("cmd"):
        return False
    items = [item for part in ("deps", "outs") for item in entry.get(part) or ()]
    # DVC writes an item's size last: where it is there, so is the rest.
    return all(isinstance(item, dict) and {"path", "md5", "size"} <= item.keys() for item in items)


def _repair_lock() -> str | None:
    text, kept = _text(LOCK), stages_in(_text(KEPT) or "")
    if text is None:
        return None
    stages = stages_in(text)
    if stages is None:
        for source, entries in (("its last whole state", kept), ("git", _merged(text))):
            if entries is not None:
                why = _why(text)
                _write(entries)
                return f"{LOCK} could not be read ({why}): restored from {source}; DVC checks the stages that it lacks"
        raise UserError(
            f"{LOCK}: cannot be read: {_why(text)}; found neither a complete copy nor a commit of it",
            f"delete it (`rm {LOCK}`) and run `groundwork repro`: all stages run again, with folds from the fold store",
        )
    # A file that was cut at the end of a line can be read, but lacks the entries after it.
    names, before = list(stages), list(kept or {})
    if kept and before[: len(names)] == names:
        whole = dict(stages)
        # Within an entry, the outs come last: one that was cut lacks some of those that dvc.yaml declares.
        if names and stages[names[-1]] != kept[names[-1]] and not _has_all_outs(names[-1], stages[names[-1]]):
            del whole[names[-1]]
        if lost := len(before) - len(whole):
            _write({**kept, **whole})
            return f"{LOCK} was cut short: {lost} of its entries are restored from its last whole state"
    return None


def _has_all_outs(name: str, entry: Mapping[str, Any]) -> bool:
    """Whether an entry has the outs that dvc.yaml declares for its stage."""
    stage_name, _, lane_name = name.partition("@")
    stage = declared(lane_name).get(stage_name) if lane_name and DECLARED.exists() else None
    return stage is None or set(stage.outs) <= hashes(entry, "outs").keys()


def _merged(text: str) -> Stages | None:
    """Read the lock's entries from git: both sides of a merge, of which one's own wins, or else the last commit."""
    if "<<<<<<< " in text:
        sides = [stages_in(_git(f":{side}:{LOCK}")) for side in (3, 2)]
        if all(side is not None for side in sides):
            return {name: entry for side in sides if side for name, entry in side.items()}
    return stages_in(_git(f"HEAD:{LOCK}"))


def _why(text: str) -> str:
    if "<<<<<<< " in text:
        return "a merge has left both sides in it"
    return "it is cut short" if text.strip() else "it is empty"


def _repair_rwlock() -> str | None:
    text = _text(RWLOCK)
    if text is None:
        return None
    content = _holders(text)
    if content is None:
        RWLOCK.unlink()
        return f"{RWLOCK} could not be read: removed"
    left = {mode: _living(paths) for mode, paths in content.items()}
    if left != content:
        write_text(RWLOCK, json.dumps(left))
        return f"{RWLOCK} named commands that no longer run: removed"
    return None


def _living(paths: Mapping[str, Any]) -> dict[str, Any]:
    """Return the paths that running DVC processes hold."""
    left: dict[str, Any] = {}
    for path, holders in paths.items():
        if isinstance(holders, list):
            if living := [holder for holder in holders if _is_dvc(holder)]:
                left[path] = living
        elif _is_dvc(holders):
            left[path] = holders
    return left


def _is_dvc(holder: Any) -> bool:
    import psutil

    try:
        return "dvc" in " ".join(psutil.Process(holder["pid"]).cmdline())
    except (psutil.Error, KeyError, TypeError):
        return False


def _holders(text: str) -> dict[str, Any] | None:
    """Parse which commands hold which paths; return None if the text is broken."""
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, dict) and all(isinstance(paths, dict) for paths in content.values()) else None


def _write(stages: Stages) -> None:
    yaml = YAML()
    yaml.default_flow_style = False
    with writing(LOCK) as temporary, temporary.open("w", encoding="utf-8") as stream:
        yaml.dump({"schema": SCHEMA, "stages": stages}, stream)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _git(revision: str) -> str:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(["git", "show", revision], capture_output=True, check=False, env=environment)
    except OSError:
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
