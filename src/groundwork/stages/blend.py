"""The blend stage weighs the predictions of a blend's members, scores their average, and writes its submission."""

import hashlib
from collections.abc import Iterable, Mapping
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
from groundwork.files import read_json, read_or_empty, write_json, write_text, writing
from groundwork.objectives import KINDS
from groundwork.objectives.base import Array
from groundwork.objectives.oof import columns, groups, predictions, read_oof, same_values, targets
from groundwork.objectives.weights import Rows, average, scale_of, weigh
from groundwork.settings import Tracking
from groundwork.stages.evaluate import evaluate
from groundwork.stages.job import PREDICTIONS, PREPARED, RESULTS, Job
from groundwork.stages.submission import submission
from groundwork.tracking.names import labels
from groundwork.tracking.tracker import Tracker

MEAN, WEIGHTS = "mean", "weights"


def run(job: Job) -> str:
    """Blend the members of the job's blend."""
    settings = job.params.blends[job.lane_name]
    lanes = {member: job.params.lanes_of(member) for member in settings.members}
    prepared = load(job.competition, PREPARED / job.params.lanes_of(job.lane_name)[0])
    metrics = blend(
        job.lane_name,
        lanes,
        job.competition,
        prepared,
        RESULTS,
        job.place(RESULTS),
        method=settings.method,
        tracking=job.params.tracking,
    )
    return (
        f"{job.lane_name}: {metrics['metric']} {metrics['mean']:.4f} ± {metrics['sd']:.4f} over "
        f"{len(metrics['folds'])} folds, {_described(lanes, metrics)}"
    )


def _described(members: Iterable[str], metrics: Mapping[str, Any]) -> str:
    """Say what was averaged, and the mean and standard deviation of each member's weights over the folds."""
    if WEIGHTS not in metrics:
        return f"the mean of {' and '.join(members)}"
    weights = metrics[WEIGHTS]["members"]
    said = (f"{name} {weight['mean']:.2f} ± {weight['sd']:.2f}" for name, weight in weights.items())
    return f"{metrics[WEIGHTS]['method']} of {', '.join(said)}: each fold's weights were chosen on the other folds"


def blend(
    name: str,
    lanes: Mapping[str, list[str]],
    competition: Competition,
    prepared: Prepared,
    results: Path,
    out: Path,
    *,
    method: str = MEAN,
    tracking: Tracking | None = None,
) -> dict[str, Any]:
    """Write what a lane has, from the average of the members' predictions: all but checkpoints.

    In the plain mean each lane counts once: a member that is itself a blend of two lanes weighs twice.

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
    method
        `MEAN`, or a key of `groundwork.objectives.weights.METHODS`: then each fold's rows are averaged with weights
        that were chosen on the other folds, and the test rows with weights that were chosen on all of them.
    tracking
        Section of params.yaml; None to log nothing.

    Returns
    -------
    dict
        The metrics, as `groundwork.stages.evaluate.evaluate` gives them. Where weights were chosen, they are there too,
        and in ``run.json``: ``weights`` has the ``method`` and, for each of its ``members``, the weight for the
        ``test`` rows and those of the ``folds``, with their ``mean`` and ``sd``.

    Raises
    ------
    UserError
        If the members' rows, folds or targets differ, a file is missing or broken, there is one fold only on which
        weights could be chosen, or the submission does not pass the gate.
    """
    started, kind = datetime.now(UTC), KINDS[competition.kind]
    oofs = {member: read_oof(results / member / "oof.parquet", member, kind) for member in lanes}
    tests = {member: _predictions(results / member / PREDICTIONS, member) for member in lanes}
    runs = {member: read_json(results / member / "run.json", f"groundwork repro {member}") for member in lanes}
    _check(name, oofs, tests, runs)

    def mean(frames: Mapping[str, pd.DataFrame]) -> Array:
        return kind.combine([predictions(frame) for member, frame in frames.items() for _ in lanes[member]])

    first, weights = next(iter(lanes)), {}
    if method == MEAN:
        of_oof, of_test = mean(oofs), mean(tests)
    else:
        of_oof, of_test, chosen = _weighted(name, method, competition, oofs, tests)
        weights = {WEIGHTS: {"method": method, "members": dict(zip(lanes, chosen, strict=True))}}
    oof = oofs[first].assign(**columns("p", "prediction", of_oof))
    test = tests[first].assign(**columns("p", "prediction", of_test))
    folder, facts = out / name, runs[first]
    with writing(folder / "oof.parquet") as path:
        table = pa.Table.from_pandas(oof, preserve_index=False)
        parquet.write_table(table.replace_schema_metadata({"folds_sha256": facts["folds_sha256"]}), path)
    with writing(folder / PREDICTIONS) as path:
        write_table(test, path)
    # A blend learns nothing, so its curves are empty.
    write_text(folder / "history.csv", "fold,epoch\n")
    members = {member: run["run_id"] for member, run in runs.items()}
    chosen_by = {} if method == MEAN else {"method": method}
    run_id = hashlib.sha256(repr([name, *sorted(members.items()), *chosen_by.values()]).encode()).hexdigest()[:8]
    described = {key: facts["params"].get(key) for key in ("competition", "source")}
    config = {
        **git_state(),
        "params": {**described, "members": members, **chosen_by},
        "data_sha256": facts["data_sha256"],
        "folds_sha256": facts["folds_sha256"],
    }
    former = read_or_empty(results / name / "run.json")
    if tracking is None or (former.get("run_id") == run_id and former.get("wandb_dir")):
        # The same members are the same run, which W&B has.
        tracking = Tracking(mode="disabled", project="none")
    more = labels("blend", name, competition.kind, [*lanes], source=described["source"])
    title = f"{name} {weights[WEIGHTS]['method'] if weights else MEAN} of {', '.join(lanes)}"
    with Tracker(tracking, group=name, name=title, config=config, more=more, run_id=run_id) as tracker:
        write_json(
            folder / "run.json",
            {
                **config,
                "run_id": run_id,
                "wandb_dir": tracker.directory or former.get("wandb_dir"),
                "started": started.isoformat(timespec="milliseconds"),
                "seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
                "hardware": "",
                "folds": {},
                **weights,
            },
        )
        metrics = evaluate(name, competition, out)
        tracker.evaluate(competition, oof, prepared.labels, metrics)
    if weights:
        metrics |= weights
        write_json(out / "metrics" / f"{name}.json", metrics)
    submission(name, competition, prepared, folder, checked=results / first)
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


def _weighted(
    name: str,
    method: str,
    competition: Competition,
    oofs: Mapping[str, pd.DataFrame],
    tests: Mapping[str, pd.DataFrame],
) -> tuple[Array, Array, list[dict[str, Any]]]:
    """Average out-of-fold rows and test rows with chosen weights; return these too, as metrics record them."""
    members, of_test = ([predictions(frame) for frame in frames.values()] for frames in (oofs, tests))
    first = next(iter(oofs.values()))
    folds = first["fold"].to_numpy()
    if len(np.unique(folds)) < 2:
        raise UserError(
            f"{name}: found out-of-fold rows of one fold; expected two folds or more, since {method} chooses the "
            "weights of each fold on the other folds",
            "raise `training.folds` of the members, or set `method: mean`",
        )
    metric, scale = competition.scorer, scale_of(competition.scorer, *members, *of_test)
    rows = Rows(metric, KINDS[competition.kind].judged_as, targets(first), members, scale, groups(first))
    by_fold, final = weigh(method, rows, folds)
    averaged = np.empty_like(members[0])
    for fold, weights in zip(np.unique(folds), by_fold, strict=True):
        inside = folds == fold
        averaged[inside] = average(weights, [member[inside] for member in members], scale)
    recorded = [
        {"test": float(of_all), "folds": own.tolist(), "mean": float(own.mean()), "sd": float(own.std())}
        for of_all, own in zip(final, by_fold.T, strict=True)
    ]
    return averaged, average(final, of_test, scale), recorded


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
        elif not same_values(targets(oofs[first]), targets(oofs[other])):
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
