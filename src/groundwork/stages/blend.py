"""The blend stage averages the predictions of a blend's members, scores the mean, and writes its submission."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from groundwork.competitions import Competition
from groundwork.data.load import load
from groundwork.data.prepared import Prepared, write_table
from groundwork.errors import UserError
from groundwork.experiments.provenance import git_state
from groundwork.files import read_json, write_json, write_text, writing
from groundwork.objectives import KINDS
from groundwork.objectives.base import Array
from groundwork.objectives.oof import columns, predictions, read_oof, targets
from groundwork.stages.evaluate import evaluate
from groundwork.stages.job import PREPARED, RESULTS, Job
from groundwork.stages.predict import PREDICTIONS
from groundwork.stages.submission import submission


def run(job: Job) -> str:
    """Blend the members of the job's blend."""
    lanes = {member: job.params.lanes_of(member) for member in job.params.blends[job.lane_name]}
    prepared = load(job.competition, PREPARED / job.params.lanes_of(job.lane_name)[0])
    metrics = blend(job.lane_name, lanes, job.competition, prepared, RESULTS, job.place(RESULTS))
    return (
        f"{job.lane_name}: {metrics['metric']} {metrics['mean']:.4f} ± {metrics['sd']:.4f} over "
        f"{len(metrics['folds'])} folds, the mean of {' and '.join(lanes)}"
    )


def blend(
    name: str,
    lanes: Mapping[str, list[str]],
    competition: Competition,
    prepared: Prepared,
    results: Path,
    out: Path,
) -> dict[str, Any]:
    """Write what a lane has, from the mean of the members' predictions: all but checkpoints.

    Each lane counts once: a member that is itself a blend of two lanes weighs twice.

    Parameters
    ----------
    name
        The blend's key in params.yaml.
    lanes
        The lanes behind each member.
    results
        The folder of all lanes' results.
    out
        Where to write, in place of `results`.

    Returns
    -------
    dict
        The metrics, as `groundwork.stages.evaluate.evaluate` gives them.

    Raises
    ------
    UserError
        If the members' rows, folds or targets differ, a file is missing or broken, or the submission does not pass the
        gate.
    """
    started, kind = datetime.now(UTC), KINDS[competition.kind]
    oofs = {member: read_oof(results / member / "oof.parquet", member, kind) for member in lanes}
    tests = {member: _predictions(results / member / PREDICTIONS, member) for member in lanes}
    runs = {member: read_json(results / member / "run.json", f"groundwork repro {member}") for member in lanes}
    _check(name, oofs, tests, runs)

    def mean(frames: Mapping[str, pd.DataFrame]) -> Array:
        return kind.combine([predictions(frame) for member, frame in frames.items() for _ in lanes[member]])

    first = next(iter(lanes))
    oof, test = (_with_predictions(frames[first], mean(frames)) for frames in (oofs, tests))
    folder, facts = out / name, runs[first]
    with writing(folder / "oof.parquet") as path:
        table = pa.Table.from_pandas(oof, preserve_index=False)
        parquet.write_table(table.replace_schema_metadata({"folds_sha256": facts["folds_sha256"]}), path)
    with writing(folder / PREDICTIONS) as path:
        write_table(test, path)
    # A blend learns nothing, so its curves are empty.
    write_text(folder / "history.csv", "fold,epoch\n")
    members = {member: run["run_id"] for member, run in runs.items()}
    identity = hashlib.sha256(repr([name, *sorted(members.items())]).encode()).hexdigest()
    write_json(
        folder / "run.json",
        {
            **git_state(),
            "params": {**{key: facts["params"].get(key) for key in ("competition", "source")}, "members": members},
            "data_sha256": facts["data_sha256"],
            "folds_sha256": facts["folds_sha256"],
            "run_id": identity[:8],
            "wandb_dir": None,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
            "hardware": "",
            "folds": {},
        },
    )
    metrics = evaluate(name, competition, out)
    submission(name, competition, prepared, folder)
    return metrics


def _predictions(path: Path, member: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not found", f"make it: `groundwork repro {member}`") from None
    except Exception as error:
        raise UserError(
            f"{path}: cannot be read ({type(error).__name__}: {error})", f"make it again: `groundwork repro {member}`"
        ) from None


def _with_predictions(frame: pd.DataFrame, predicted: Array) -> pd.DataFrame:
    """Replace the columns of predictions."""
    return frame.assign(**columns("p", "prediction", predicted))


def _check(
    name: str,
    oofs: Mapping[str, pd.DataFrame],
    tests: Mapping[str, pd.DataFrame],
    runs: Mapping[str, Mapping[str, Any]],
) -> None:
    """Refuse members whose rows, folds, targets or columns of predictions differ."""
    (first, *others) = oofs
    problems = []
    for other in others:
        both = f"{first} and {other}"
        if runs[first]["folds_sha256"] != runs[other]["folds_sha256"]:
            problems.append(f"{both} were trained on other folds or targets")
        elif len(oofs[first]) != len(oofs[other]):
            counts = f"{len(oofs[first]):,} and {len(oofs[other]):,}"
            problems.append(f"{both} have {counts} out-of-fold rows; expected the same `training.folds`")
        elif not oofs[first][["id", "fold"]].equals(oofs[other][["id", "fold"]]):
            problems.append(f"{both} have other out-of-fold rows")
        elif not np.array_equal(targets(oofs[first]), targets(oofs[other])):
            problems.append(f"{both} have other targets")
        if not tests[first]["id"].equals(tests[other]["id"]):
            problems.append(f"{both} have other test rows")
        shapes = {predictions(frames[member]).shape[1:] for frames in (oofs, tests) for member in (first, other)}
        if len(shapes) > 1:
            problems.append(f"{both} have predictions of other columns")
    if problems:
        raise UserError(
            "\n".join(f"{name}: {problem}" for problem in problems),
            f"make both alike: `groundwork repro {' '.join(oofs)}`",
        )
