"""Scores a lane's out-of-fold predictions by Kaggle's own metric, and remembers the experiment."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from groundwork.competitions import Competition, Labelled
from groundwork.errors import UserError
from groundwork.files import read_json, write_json
from groundwork.objectives.metrics import METRICS
from groundwork.objectives.oof import cross_validate, predictions, read_oof, targets
from groundwork.stages.job import RESULTS, Job

PLOTTED_ROWS = 1000


def run(job: Job) -> str:
    """Score the out-of-fold predictions of the job's lane."""
    metrics = evaluate(job.lane_name, job.competition, RESULTS, job.place(RESULTS))
    return (
        f"{job.lane_name}: {metrics['metric']} {metrics['mean']:.4f} ± {metrics['sd']:.4f} over "
        f"{len(metrics['folds'])} folds, {metrics['oof']:.4f} over all out-of-fold rows"
        + "".join(f", {name} {value:.4f}" for name, value in metrics["further"].items())
    )


def evaluate(lane: str, competition: Competition, results: Path, out: Path | None = None) -> dict[str, Any]:
    """Write ``metrics/<lane>.json`` and the experiment's record under `out`, or `results`; return the metrics.

    The record is written twice: as ``<lane>/experiment.json``, a DVC output, and as
    ``experiments/<lane>/<run id>.json``, which is none and so stays when the next experiment replaces this one.

    Raises
    ------
    UserError
        If the lane has not been trained, or a result of its training is broken.
    """
    folder = results / lane
    oof = read_oof(folder / "oof.parquet", lane, competition.kind)
    metrics = cross_validate(oof, competition.metric, competition.further_metrics)
    run = read_json(folder / "run.json", f"dvc repro train@{lane}")
    try:
        history = pd.read_csv(folder / "history.csv").to_dict("records")
        name = f"{run['run_id']}.json"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder}: history.csv or run.json is broken: {error!r}", f"train again: `dvc repro --force train@{lane}`"
        ) from None
    record = {"lane": lane, "run": run, "metrics": metrics, "history": history, "plot": _plot(oof, competition)}
    out = out or results
    for path in (out / "experiments" / lane / name, out / lane / "experiment.json"):
        write_json(path, record)
    write_json(out / "metrics" / f"{lane}.json", metrics)
    return metrics


def _plot(oof: pd.DataFrame, competition: Competition) -> dict[str, Any]:
    """Collect what the report draws: which rows went wrong, or how well each tag or place of a list does."""
    target, predicted = targets(oof), predictions(oof)
    match competition.kind:
        case "regression" | "search":
            shown = np.random.default_rng(0).permutation(len(oof))[:PLOTTED_ROWS]
            return {"kind": "scatter", "actual": target[shown].tolist(), "predicted": predicted[shown].tolist()}
        case "tagging":
            assert isinstance(competition, Labelled)
            auc = METRICS["auc"].score
            scores = [auc(target[:, [i]], predicted[:, [i]]) for i in range(target.shape[1])]
            # A tag that no row has, or every row, has no curve.
            bars = [[tag, score] for tag, score in zip(competition.targets, scores, strict=True) if np.isfinite(score)]
            return {"kind": "bars", "title": "AUC of each tag", "bars": bars}
        case "recommendation":
            hits = [(predicted[:, [place]] == target).any(1).mean() for place in range(predicted.shape[1])]
            bars = [[str(place), float(share)] for place, share in enumerate(hits, start=1)]
            return {"kind": "bars", "title": "Share of customers who bought the article at each place", "bars": bars}
    classes = list(range(predicted.shape[1]))
    counts = pd.crosstab(target, predicted.argmax(1)).reindex(index=classes, columns=classes, fill_value=0)
    return {"kind": "confusion", "classes": classes, "matrix": counts.to_numpy().tolist()}
