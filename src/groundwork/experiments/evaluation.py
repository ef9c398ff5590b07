"""Scores a lane's out-of-fold predictions by Kaggle's own metric, and remembers the experiment."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.competitions import Competition
from groundwork.errors import UserError
from groundwork.files import read_json, write_json
from groundwork.objectives.metrics import METRICS

PLOTTED_ROWS = 1000


def predictions(oof: pd.DataFrame) -> NDArray[Any]:
    """Pick the prediction columns of out-of-fold rows: ``[rows]``, or ``[rows, classes]`` probabilities."""
    if "prediction" in oof:
        return oof["prediction"].to_numpy()
    return oof.filter(regex=r"^p\d+$").to_numpy()


def cross_validate(oof: pd.DataFrame, metric_name: str) -> dict[str, Any]:
    """Score out-of-fold predictions.

    Parameters
    ----------
    oof
        Columns ``fold``, ``target`` and the predictions.
    metric_name
        A key of `METRICS`.

    Returns
    -------
    dict
        ``oof`` (all rows at once), ``folds`` (each fold's score), their ``mean`` and ``sd`` (ddof 0), and ``baseline``:
        the score of the best constant prediction, which is found on each fold's other rows.
    """
    metric = METRICS[metric_name]
    target, predicted = oof["target"].to_numpy(), predictions(oof)
    scores, constants = [], np.empty_like(predicted, dtype=float)
    for fold in sorted(oof["fold"].unique()):
        inside = (oof["fold"] == fold).to_numpy()
        scores.append(metric.score(target[inside], predicted[inside]))
        others = target if inside.all() else target[~inside]
        constants[inside] = metric.constant(others, predicted[:1])
    return {
        "metric": metric.name,
        "higher_is_better": metric.higher_is_better,
        "oof": metric.score(target, predicted),
        "mean": float(np.mean(scores)),
        "sd": float(np.std(scores)),
        "folds": scores,
        "rows": len(oof),
        "baseline": metric.score(target, constants),
    }


def evaluate(lane: str, competition: Competition, results: Path) -> dict[str, Any]:
    """Write ``metrics/<lane>.json`` and the experiment's record under `results`; return the metrics.

    The record (``experiments/<lane>/<run id>.json``) is no DVC output: it stays when the next experiment's results
    replace this one's, so that `groundwork leaderboard` can compare them.

    Raises
    ------
    UserError
        If the lane has not been trained, or its predictions are broken.
    """
    oof = _read_oof(results / lane / "oof.parquet", lane)
    metrics = cross_validate(oof, competition.metric)
    run = read_json(results / lane / "run.json", f"dvc repro train@{lane}")
    history = pd.read_csv(results / lane / "history.csv").to_dict("records")
    record = {"lane": lane, "run": run, "metrics": metrics, "history": history, "plot": _plot(oof)}
    write_json(results / "experiments" / lane / f"{run['run_id']}.json", record)
    write_json(results / "metrics" / f"{lane}.json", metrics)
    return metrics


def _read_oof(path: Path, lane: str) -> pd.DataFrame:
    again = f"train again: `dvc repro --force train@{lane}`"
    if not path.exists():
        raise UserError(f"{path}: not found", f"train first: `dvc repro train@{lane}`")
    try:
        oof = pd.read_parquet(path)
    except Exception as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__}: {error})", again) from None
    absent = [column for column in ("id", "fold", "target") if column not in oof]
    if absent or not predictions(oof).size:
        lacking = ", ".join(absent) or "predictions"
        raise UserError(f"{path}: found no {lacking}; expected id, fold, target and predictions in rows", again)
    broken = ~np.isfinite(predictions(oof)).reshape(len(oof), -1).all(1)
    if broken.any():
        first = oof.loc[broken, "id"].iloc[0]
        raise UserError(f"{path}: {broken.sum()} predictions are not finite, the first for id {first}", again)
    return oof


def _plot(oof: pd.DataFrame) -> dict[str, Any]:
    target, predicted = oof["target"].to_numpy(), predictions(oof)
    if predicted.ndim == 1:
        shown = np.random.default_rng(0).permutation(len(oof))[:PLOTTED_ROWS]
        return {"kind": "scatter", "actual": target[shown].tolist(), "predicted": predicted[shown].tolist()}
    classes = list(range(predicted.shape[1]))
    counts = pd.crosstab(target, predicted.argmax(1)).reindex(index=classes, columns=classes, fill_value=0)
    return {"kind": "confusion", "classes": classes, "matrix": counts.to_numpy().tolist()}
