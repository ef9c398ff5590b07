"""Scores a lane's out-of-fold predictions by Kaggle's own metric, and remembers the experiment."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from groundwork.competitions import Competition
from groundwork.errors import UserError
from groundwork.files import read_json, write_json
from groundwork.objectives.cross_validation import cross_validate, predictions

PLOTTED_ROWS = 1000


def evaluate(lane: str, competition: Competition, results: Path) -> dict[str, Any]:
    """Write ``metrics/<lane>.json`` and the experiment's record under `results`; return the metrics.

    The record is written twice: as ``<lane>/experiment.json``, a DVC output, and as
    ``experiments/<lane>/<run id>.json``, which is none and so stays when the next experiment replaces this one.

    Raises
    ------
    UserError
        If the lane has not been trained, or a result of its training is broken.
    """
    folder = results / lane
    oof = read_oof(folder / "oof.parquet", lane)
    metrics = cross_validate(oof, competition.metric)
    run = read_json(folder / "run.json", f"dvc repro train@{lane}")
    try:
        history = pd.read_csv(folder / "history.csv").to_dict("records")
        name = f"{run['run_id']}.json"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder}: history.csv or run.json is broken: {error!r}", f"train again: `dvc repro --force train@{lane}`"
        ) from None
    record = {"lane": lane, "run": run, "metrics": metrics, "history": history, "plot": _plot(oof)}
    for path in (results / "experiments" / lane / name, folder / "experiment.json"):
        write_json(path, record)
    write_json(results / "metrics" / f"{lane}.json", metrics)
    return metrics


def read_oof(path: Path, lane: str) -> pd.DataFrame:
    """Read out-of-fold predictions.

    Raises
    ------
    UserError
        If the file is missing or broken, a column is missing, or a prediction is not a finite number.
    """
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
    if "prediction" not in oof and len(oof.filter(regex=r"^p\d+$").columns) <= oof["target"].max():
        raise UserError(f"{path}: found {predictions(oof).shape[1]} columns of probabilities; expected more", again)
    broken = ~np.isfinite(predictions(oof)).reshape(len(oof), -1).all(1) | oof["target"].isna()
    if broken.any():
        first = oof.loc[broken, "id"].iloc[0]
        raise UserError(
            f"{path}: {broken.sum()} predictions or targets are not finite, the first for id {first}", again
        )
    return oof


def _plot(oof: pd.DataFrame) -> dict[str, Any]:
    target, predicted = oof["target"].to_numpy(), predictions(oof)
    if predicted.ndim == 1:
        shown = np.random.default_rng(0).permutation(len(oof))[:PLOTTED_ROWS]
        return {"kind": "scatter", "actual": target[shown].tolist(), "predicted": predicted[shown].tolist()}
    classes = list(range(predicted.shape[1]))
    counts = pd.crosstab(target, predicted.argmax(1)).reindex(index=classes, columns=classes, fill_value=0)
    return {"kind": "confusion", "classes": classes, "matrix": counts.to_numpy().tolist()}
