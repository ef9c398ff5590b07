"""Scores the current experiment of a lane on its private rows, and notes that they were opened."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork.competitions import Competition, Labelled
from groundwork.data import private
from groundwork.errors import UserError
from groundwork.experiments import openings, seal
from groundwork.experiments.dvcfiles import declared
from groundwork.experiments.openings import Opening
from groundwork.experiments.provenance import git_state
from groundwork.experiments.seal import Seal, seal_file
from groundwork.files import read_json
from groundwork.settings import PARAMS, Params

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from groundwork.data.prepared import Prepared
    from groundwork.objectives.thresholds import Decision

RESULTS, PREPARED = Path("results"), Path("data/prepared")
RESAMPLES = 2_000


def open_private(lane_name: str, params: Params, competition: Competition) -> list[Opening]:
    """Score the current experiment on the private rows, and note it in the ledger.

    The networks of all trained folds are averaged as for the test rows; where folds are spans of time, the final models
    are. Where a decision (thresholds) answers the test rows, it answers these.

    Returns
    -------
    list of Opening
        All of the lane, this one last.

    Raises
    ------
    UserError
        If the lane has no private rows, or its networks are missing or were made from other code, parameters or data
        than the current ones. Nothing is then opened.
    """
    if lane_name in params.blends:
        members = params.blends[lane_name].members
        raise UserError(
            f"{lane_name}: found a blend, which has no networks of its own", f"name one of its members: {members}"
        )
    lane = params.lane(lane_name)
    if (problem := private.problem(competition, lane.private)) is not None:
        raise UserError(f"{PARAMS}: competitions.{lane_name}.private: {problem}", "set it to 0")
    if not lane.private or not isinstance(competition, Labelled):
        raise UserError(
            f"{lane_name}: has no private rows: `private` is 0 in {PARAMS}",
            f"set `private: 0.1` for {lane_name} in {PARAMS}, then `groundwork repro {lane_name}`: it trains without "
            "these rows from then on; a log of purchases has none",
        )
    known = openings.read(lane_name, RESULTS)
    _require_current(lane_name, params)
    from groundwork.data.load import load

    prepared = load(competition, PREPARED / lane_name)
    rows = private.read(lane_name, data_sha256=prepared.data_sha256, share=lane.private)
    folder = RESULTS / lane_name
    run = read_json(folder / "run.json", f"groundwork repro {lane_name}")
    record = read_json(folder / "experiment.json", f"groundwork repro {lane_name}")
    from groundwork.objectives.decisions import from_json

    predicted = _predicted(folder, competition, prepared, rows, params)
    score, error = scored(competition, rows, prepared, predicted, from_json(record.get("decision")))
    state = git_state()
    commit = state["commit"] or ""
    opening = Opening(
        lane=lane_name,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        run_id=run["run_id"],
        commit=f"{commit}-dirty" if commit and state["dirty"] else commit,
        rows=len(rows),
        rows_sha256=_identity(rows, competition),
        metric=competition.scorer.name,
        higher_is_better=competition.scorer.higher_is_better,
        score=score,
        standard_error=error,
        oof=float(record["metrics"]["oof"]),
    )
    openings.note(opening, RESULTS)
    return [*known, opening]


def _require_current(lane_name: str, params: Params) -> None:
    """Refuse networks that were not made from the current code, parameters and data."""
    stages, again = declared(lane_name), f"`groundwork repro {lane_name}`"
    trained = seal_file("train", lane_name)
    if not trained.exists() or not (RESULTS / lane_name / "checkpoints").exists():
        raise UserError(f"{RESULTS / lane_name}: has no trained networks", f"train them: {again}")
    names = Seal.read(trained, stages["train"].name).differences(Seal.take(stages["train"], params.lane(lane_name)))
    if names:
        few = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise UserError(
            f"{RESULTS / lane_name}: its networks are not what would be trained now; changed: {few}",
            f"{again}, then the command again; the private rows were not opened",
        )
    seal.check_chain(stages["evaluate"], {stage.name: stage for stage in stages.values()})


def _predicted(
    folder: Path, competition: Labelled, prepared: "Prepared", rows: "pd.DataFrame", params: Params
) -> "NDArray[Any]":
    """Predict as the predict stage predicts test rows."""
    from groundwork.objectives import KINDS
    from groundwork.training.checkpoint import predicting
    from groundwork.training.inference import device

    networks = predicting(folder.name, folder / "checkpoints", final=prepared.final)
    return KINDS[competition.kind].combine([network.predict(rows, device(params.hardware)) for network in networks])


def scored(
    competition: Labelled,
    rows: "pd.DataFrame",
    prepared: "Prepared",
    predicted: "NDArray[Any]",
    decision: "Decision | None",
) -> tuple[float, float]:
    """Return the score of predictions of labelled rows, and its standard error by resampling rows, groups or queries.

    Raises
    ------
    UserError
        If the metric cannot be computed on these rows.
    """
    import numpy as np

    from groundwork.objectives import KINDS
    from groundwork.objectives.decisions import answers
    from groundwork.objectives.oof import out_of_fold_rows
    from groundwork.verdict.draws import Draws
    from groundwork.verdict.resampled import resampled
    from groundwork.verdict.rows import Rows

    kind, task, metric = KINDS[competition.kind], competition.task, competition.scorer
    target = kind.target_array(rows, task, prepared.labels)
    frame = out_of_fold_rows(rows, task, 0, target, predicted)
    grouped = task.groups is not None and task.groups != task.query
    judged = Rows.of(competition, frame, rows[task.groups].to_numpy() if grouped else None)
    given = predicted if metric.of_labels is None else answers(metric, kind.judged_as, predicted, decision)
    score = judged.score(judged.target, given, judged.queries)
    if not np.isfinite(score):
        raise UserError(
            f"{metric.name} cannot be computed on {len(rows)} private rows: {metric.undefined}",
            "hold back a larger share: `private` in params.yaml",
        )
    draw = resampled(judged, given)
    scores = np.concatenate([draw(counts) for counts in Draws.limited(judged.count, RESAMPLES)])
    return float(score), float(np.nanstd(scores, ddof=1))


def _identity(rows: "pd.DataFrame", competition: Labelled) -> str:
    """Hash ids and targets, by which equal private rows are known again."""
    text = rows[[competition.id, *competition.targets]].to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()
