"""The memory of experiments: one small file a run, which git tracks, so that a fresh clone knows the history.

``results/experiments`` has everything about the runs of this machine, learning curves too, and git ignores it. A small
record has scores by fold and seed, parameters, verdict, ids and note in at most `LARGEST` bytes. It lies in `LOCAL`,
which git ignores as well, until somebody decides that it is worth keeping: `remember` moves it to `TRACKED`. A file
belongs to one run, so that two branches that tried different things merge without a conflict.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from groundwork.errors import UserError, meant
from groundwork.files import write_text, writing

TRACKED, LOCAL, WHOLE = "memory", ".memory", "experiments"
FORMAT = 1
LARGEST = 4096
DIGITS = 7  # significant digits of a score
# What a record keeps of a run.
RUN = (
    "run_id", "started", "seconds", "commit", "dirty", "hardware", "params", "code_sha256", "data_sha256",
    "folds_sha256", "seeds",
)  # fmt: skip
# What is left out, in this order, of a record that would be too large.
SPARED = (("run", "seeds"), ("metrics", "decision"), ("verdict", "lines"), ("metrics", "seeds", "oof"), ("verdict",))
NOTE = 500  # characters


def small(record: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the small record of an experiment.

    Parameters
    ----------
    record
        As the evaluate stage writes it.
    more
        ``changes``, ``base``, ``sweep``, ``verdict`` and ``note`` of a variant that was tried.
    """
    run = {name: record["run"][name] for name in RUN if name in record["run"]}
    return {"format": FORMAT, "lane": record["lane"], "run": run, "metrics": record["metrics"], **more}


def text(content: Mapping[str, Any]) -> str:
    """Write a small record as JSON of at most `LARGEST` bytes; what does not fit is left out.

    Raises
    ------
    UserError
        If parameters and scores alone are too large.
    """
    kept: dict[str, Any] = _rounded(deepcopy(dict(content)))
    if "note" in kept:
        kept["note"] = kept["note"][:NOTE]
    for place in ((), *SPARED):
        _remove(kept, place)
        # A line for each part: git shows what changed, and the file stays small.
        lines = (f"{json.dumps(key)}: {json.dumps(kept[key], sort_keys=True)}" for key in sorted(kept))
        written = "{\n" + ",\n".join(lines) + "\n}\n"
        if len(written.encode()) <= LARGEST:
            return written
    raise UserError(
        f"run {content['run']['run_id']}: its parameters and scores take {len(written.encode()):,} bytes; expected at "
        f"most {LARGEST:,}",
        "shorten the options of its callbacks",
    )


def _remove(content: dict[str, Any], place: tuple[str, ...]) -> None:
    *parents, last = place or ("",)
    for parent in parents:
        content = content.get(parent, {})
    content.pop(last, None)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: inner if key == "params" else _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value


def put(content: Mapping[str, Any], results: Path) -> Path:
    """Write a small record to where the one of its run is, or else to the folder that git ignores; return the path."""
    lane_name, name = content["lane"], f"{content['run']['run_id']}.json"
    tracked, local = (results / folder / lane_name / name for folder in (TRACKED, LOCAL))
    path = tracked if tracked.exists() else local
    write_text(path, text(content))
    return path


def files(lane_name: str, results: Path) -> list[Path]:
    """Return the paths of a lane's small records, those that git tracks first."""
    return [path for folder in (TRACKED, LOCAL) for path in sorted((results / folder / lane_name).glob("*.json"))]


def read(path: Path) -> dict[str, Any]:
    """Read a record, small or whole; raise ValueError if it is none."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not isinstance(content.get("run"), dict) or "metrics" not in content:
        raise ValueError("found no run and metrics")
    return content


def find(run_id: str, results: Path) -> dict[str, Any]:
    """Return the small record of a run, made from its whole one if it has none yet.

    Parameters
    ----------
    run_id
        As the leaderboard shows it, or its first characters.

    Raises
    ------
    UserError
        If there is no such run, there are several, or its file is broken.
    """
    found: dict[str, Path] = {}
    for folder in (TRACKED, LOCAL, WHOLE):
        for path in sorted((results / folder).glob("*/*.json")):
            found.setdefault(path.stem, path)
    matching = [run_id] if run_id in found else [name for name in found if run_id and name.startswith(run_id)]
    if len(matching) != 1:
        hint = f"; it begins {' and '.join(matching[:5])}" if matching else meant(run_id, found)
        raise UserError(
            f"{run_id}: {'several runs begin so' if matching else 'no such run'}{hint}",
            "`groundwork leaderboard` lists the runs",
        )
    path = found[matching[0]]
    try:
        content = read(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: is not a record of an experiment ({error})", f"`git checkout {path}`, or delete the file"
        ) from None
    return content if "format" in content else small(content)


def note(run_id: str, why: str, results: Path) -> Path:
    """Write a note into the record of a run, and let git track the record; return its path."""
    content = find(run_id, results)
    put({**content, "note": why}, results)
    return _track(content, results)


def remember(lane_names: Iterable[str], results: Path) -> list[Path]:
    """Let git track the records of all runs of some lanes, without equal retrainings; return the new files."""
    new = []
    for lane_name in lane_names:
        tracked = {path.stem for path in (results / TRACKED / lane_name).glob("*.json")}
        known = {_training(read(path)) for path in (results / TRACKED / lane_name).glob("*.json")}
        places = (results / LOCAL / lane_name, results / WHOLE / lane_name)
        for path in [path for place in places for path in sorted(place.glob("*.json"))]:
            if path.stem in tracked:
                continue
            content = find(path.stem, results)
            if (training := _training(content)) in known:
                continue
            put(content, results)
            new.append(_track(content, results))
            tracked.add(path.stem)
            known.add(training)
    return new


def _training(content: Mapping[str, Any]) -> str:
    """Hash what decides a training; a run of an older version, whose code is not recorded, equals only itself."""
    run = content["run"]
    names = ("params", "code_sha256", "data_sha256", "folds_sha256")
    what = [run.get(name) for name in names] if "code_sha256" in run else run["run_id"]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _track(content: Mapping[str, Any], results: Path) -> Path:
    """Move a small record from the ignored folder to the one that git tracks; return its path there."""
    lane_name, name = content["lane"], f"{content['run']['run_id']}.json"
    path, local = results / TRACKED / lane_name / name, results / LOCAL / lane_name / name
    if local.exists():
        with writing(path) as temporary:
            shutil.move(local, temporary)
    return path
