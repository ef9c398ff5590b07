"""Finds the out-of-fold rows of experiments and baselines, on which they are compared."""

import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork.errors import UserError
from groundwork.experiments.records import RESULTS, Baseline, Experiment
from groundwork.experiments.remembered import only_remembered

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from groundwork.competitions import Competition
    from groundwork.verdict.rows import Rows

PREPARED = Path("data/prepared")
SEEDS = ("seed", "training.seeds")  # settings by which replicates may differ
FINAL = "final"  # the part that has no out-of-fold rows
ENOUGH = 12  # degrees of freedom of a spread over seeds; more experiments would take longer and tell little


@dataclass(frozen=True)
class Evidence:
    """One side of a comparison, before its rows are read.

    Attributes
    ----------
    name
        What sentences call it.
    lane_name
        Its lane.
    competition
        The name of the competition's file.
    judged_by
        Hash of rows, folds and targets.
    identity
        Equal for equal predictions.
    read
        Read the out-of-fold rows of each seed.
    seeded
        Whether another seed would give other predictions.
    """

    name: str
    lane_name: str
    competition: str
    judged_by: str
    identity: str
    read: "Callable[[], list[pd.DataFrame]]"
    seeded: bool = True


def of_experiment(experiment: Experiment, results: Path = RESULTS) -> Evidence:
    """Return the evidence of an experiment: its folds in the fold store, or the lane's current out-of-fold rows."""
    keys = sorted(f"{part} {key}" for folds in experiment.keys for part, key in folds.items())
    return Evidence(
        name=experiment.run_id,
        lane_name=experiment.lane_name,
        competition=str(experiment.settings.get("competition", "")),
        judged_by=experiment.judged_by,
        identity=" ".join(keys) or experiment.run_id,
        read=lambda: _rows_of(experiment, results),
    )


def of_baseline(baseline: Baseline, experiment: Experiment, results: Path = RESULTS) -> Evidence:
    """Return the evidence of a baseline of an experiment's lane, which was scored on the experiment's folds."""
    path = results / experiment.lane_name / "baselines.parquet"
    return Evidence(
        name=baseline.name,
        lane_name=experiment.lane_name,
        competition=str(experiment.settings.get("competition", "")),
        judged_by=experiment.judged_by,
        identity=f"{baseline.name} {baseline.oof!r} {baseline.folds!r}",
        read=lambda: [_baseline_rows(path, baseline.name, experiment.lane_name)],
        seeded=baseline.seeded,
    )


def of_files(name: str, lane_name: str, competition: str, oof: Path, folds: Mapping[str, Path]) -> Evidence:
    """Return the evidence of files that lie elsewhere, such as in DVC's cache.

    Parameters
    ----------
    oof
        Out-of-fold rows, the mean of all seeds.
    folds
        Files of folds by their names among the checkpoints; empty if they are not there: then the mean counts as one.
    """
    from pyarrow import parquet

    seeds: dict[str, list[Path]] = {}
    for file, path in sorted(folds.items()):
        if not file.startswith(FINAL):
            seeds.setdefault(Path(file).stem.partition("_seed_")[2], []).append(path)
    metadata = parquet.read_schema(oof).metadata or {}
    return Evidence(
        name=name,
        lane_name=lane_name,
        competition=competition,
        judged_by=metadata.get(b"folds_sha256", b"").decode(),
        identity=oof.as_posix(),
        read=lambda: [_concatenated(paths) for paths in seeds.values()] or [_parquet(oof, lane_name)],
    )


def spread_of(experiments: Iterable[Experiment], results: Path = RESULTS) -> list[Evidence]:
    """Return what shows the spread of seeds of a lane: experiments of several seeds, newest first.

    Experiments whose settings and code are equal but for the seed count as one of several seeds.
    """
    alike: dict[tuple[str, str], list[Experiment]] = {}
    for experiment in sorted(experiments, key=lambda experiment: experiment.started, reverse=True):
        code = experiment.code or experiment.commit or experiment.run_id
        if experiment.comparable and not code.endswith("*"):
            settings = {name: value for name, value in experiment.settings.items() if name not in SEEDS}
            alike.setdefault((code, repr(sorted(settings.items()))), []).append(experiment)
    found, freedom = [], 0
    for first, *others in alike.values():
        keys = {str(sorted(folds.items())): folds for run in (first, *others) for folds in run.keys}
        if len(keys) > 1 and freedom < ENOUGH:
            found.append(of_experiment(replace(first, keys=tuple(keys.values())), results))
            freedom += len(keys) - 1
    return found


def rows_and_predictions(
    evidence: Sequence[Evidence], prepared: Path = PREPARED
) -> "tuple[Rows, list[list[NDArray[Any]]]]":
    """Read the rows that all sides share, and each side's predictions for them, by seed.

    Raises
    ------
    UserError
        If the sides have other rows, folds or targets, or if rows cannot be found.
    """
    from groundwork import competitions
    from groundwork.verdict.rows import REFUSED, Rows

    first, *others = evidence
    for other in others:
        if other.judged_by != first.judged_by:
            raise UserError(f"{first.name} and {other.name} were scored on other rows, folds or targets", REFUSED)
    if not first.competition:
        again = f"train it again: `groundwork repro {first.lane_name}`"
        raise UserError(f"{first.name}: its record does not name its competition", again)
    competition = competitions.load(first.competition)
    frames = [side.read() for side in evidence]
    shared = frames[0][0]
    rows = Rows.of(competition, shared, _groups(competition, shared, prepared / first.lane_name))
    return rows, [
        [rows.predictions(frame, side.name) for frame in seeds] for side, seeds in zip(evidence, frames, strict=True)
    ]


def _groups(competition: "Competition", frame: "pd.DataFrame", prepared: Path) -> "NDArray[Any] | None":
    """Return the group of each row; None if nothing holds rows together, or the query does."""
    from groundwork.data.prepared import TRAIN, read_table

    task = competition.task
    if task.groups is None or task.groups == task.query:
        return None
    table = read_table(prepared / TRAIN)
    groups = frame["id"].map(table.set_index(task.id)[task.groups].astype(object))
    if missing := int((~frame["id"].isin(table[task.id])).sum()):
        raise UserError(
            f"{prepared / TRAIN}: has no group of {missing:,} of the out-of-fold rows",
            f"prepare the data that they were made from: `groundwork repro {prepared.name}`",
        )
    return groups.to_numpy()


def _rows_of(experiment: Experiment, results: Path) -> "list[pd.DataFrame]":
    """Read an experiment's rows of each seed; raise `UserError` with the command that brings them back."""
    missing = ""
    seeds = []
    for seed, folds in enumerate(experiment.keys):
        paths = {part: _fold_path(experiment, part, key, seed, results) for part, key in folds.items() if part != FINAL}
        missing = missing or next((f"{part} ({folds[part]})" for part, path in paths.items() if path is None), "")
        seeds.append(paths)
    if seeds and not missing:
        return [_concatenated([path for path in paths.values() if path]) for paths in seeds]
    current = results / experiment.lane_name / "oof.parquet"
    if experiment.current and current.exists():
        # Pulled results: the mean of all seeds counts as one.
        return [_parquet(current, experiment.lane_name)]
    if not experiment.whole:
        raise only_remembered(experiment, results)
    what = (
        f"{missing} is not in {results / '.folds' / experiment.lane_name}" if missing else "its folds are not recorded"
    )
    raise UserError(f"{experiment.lane_name} {experiment.run_id}: {what}", _brings_back(experiment))


def _brings_back(experiment: Experiment) -> str:
    again = f"groundwork repro {experiment.lane_name}"
    if experiment.commit and not experiment.dirty:
        return f"train it again: `git switch --detach {experiment.commit}`, `{again}`, `git switch -`"
    return f"train it again: set its parameters, which `groundwork leaderboard` shows, in params.yaml, then `{again}`"


def _fold_path(experiment: Experiment, part: str, key: str, seed: int, results: Path) -> Path | None:
    """Find a fold in the fold store, or among the current checkpoints, which `groundwork pull` also brings."""
    stored = results / ".folds" / experiment.lane_name / key / f"{part}.fold"
    pulled = results / experiment.lane_name / "checkpoints" / f"{part}{f'_seed_{seed}' if seed else ''}.fold"
    places = (stored, pulled) if experiment.current else (stored,)
    return next((path for path in places if path.exists()), None)


def _concatenated(paths: Sequence[Path]) -> "pd.DataFrame":
    from groundwork.objectives.oof import concatenate
    from groundwork.training import archive

    frames = []
    for path in paths:
        try:
            members = archive.read(path, archive.ROWS, archive.MADE)
            fold = archive.unpack_made(members[archive.MADE])["fold"]
            frames.append(archive.unpack_rows(members[archive.ROWS], fold))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{path}: its out-of-fold rows cannot be read ({type(error).__name__}: {error})",
                f"delete the file and train the fold again: `groundwork repro {path.parent.parent.name}`",
            ) from None
    return concatenate(frames).reset_index(drop=True)


def _baseline_rows(path: Path, name: str, lane_name: str) -> "pd.DataFrame":
    frame = _parquet(path, lane_name)
    own = frame[frame["baseline"] == name] if "baseline" in frame else frame.iloc[:0]
    if own.empty:
        raise UserError(f"{path}: found no rows of {name!r}", f"score it again: `groundwork repro {lane_name}`")
    return own.drop(columns="baseline").reset_index(drop=True)


def _parquet(path: Path, lane_name: str) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except Exception as error:
        raise UserError(
            f"{path}: cannot be read ({type(error).__name__}: {error})",
            f"make it again: `groundwork repro {lane_name}`",
        ) from None
