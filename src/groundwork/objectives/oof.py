"""Builds, reads and scores out-of-fold rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.errors import UserError
from groundwork.objectives.base import Objective, Task
from groundwork.objectives.metrics import Metric, metric_of


def predictions(oof: pd.DataFrame) -> NDArray[Any]:
    """Return the prediction columns of out-of-fold rows.

    Returns
    -------
    array
        Numbers ``[rows]``, probabilities ``[rows, classes or tags]``, or ranked items ``[rows, answers]``.
    """
    if "prediction" in oof:
        return oof["prediction"].to_numpy()
    return oof.filter(regex=r"^p\d+$").to_numpy()


def targets(oof: pd.DataFrame) -> NDArray[Any]:
    """Return the target columns of out-of-fold rows: ``[rows]``, or ``[rows, columns]`` of tags or of items."""
    if "target" in oof:
        return oof["target"].to_numpy()
    return oof.filter(regex=r"^t\d+$").to_numpy()


def same_values(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Return whether targets or ids are equal; fractions as float32, which is what a network learns."""
    kinds = {one.dtype.kind, other.dtype.kind}
    if kinds == {"f"}:
        one, other = one.astype(np.float32), other.astype(np.float32)
    return one.shape == other.shape and bool(np.array_equal(one, other, equal_nan=kinds == {"f"}))


def groups(oof: pd.DataFrame) -> NDArray[Any] | None:
    """Return the queries of out-of-fold rows; None if there are none."""
    return oof["query"].to_numpy(dtype=object) if "query" in oof else None


def columns(letter: str, name: str, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Name the columns of out-of-fold rows: a single column `name`, several `letter` and a number."""
    if values.ndim == 1:
        return {name: values}
    return {f"{letter}{column}": values[:, column] for column in range(values.shape[1])}


def out_of_fold_rows(
    frame: pd.DataFrame, task: Task, fold: int, target: NDArray[Any], predicted: NDArray[Any]
) -> pd.DataFrame:
    """Build a fold's rows of ``oof.parquet``: ``id``, ``fold``, targets, predictions, and ``query`` if there is one.

    Parameters
    ----------
    frame
        The fold's validation rows.
    target, predicted
        ``[rows]``, or ``[rows, columns]``.
    """
    queries = {"query": frame[task.query].to_numpy(dtype=object)} if task.query else {}
    return pd.DataFrame(
        {
            "id": frame[task.id].to_numpy(),
            "fold": np.int8(fold),
            **queries,
            **columns("t", "target", target),
            **columns("p", "prediction", predicted),
        }
    )


def concatenate(folds: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate the out-of-fold rows of several folds; shorter lists of targets are padded with -1."""
    oof = pd.concat(folds)
    # The longest list of targets determines the number of columns.
    lists = oof.filter(regex=r"^t\d+$").columns
    oof[lists] = oof[lists].fillna(-1).astype("int64") if oof[lists].isna().any(axis=None) else oof[lists]
    return oof


def cross_validate(oof: pd.DataFrame, metric: str | Metric, further: Sequence[str | Metric] = ()) -> dict[str, Any]:
    """Score out-of-fold predictions by a competition's metrics.

    Parameters
    ----------
    oof
        Columns ``fold``, the targets and the predictions.
    metric, further
        Metrics, or keys of `METRICS`.

    Returns
    -------
    dict
        ``oof`` (all rows at once), ``folds`` (each fold's score), their ``mean`` and ``sd`` (ddof 0), and ``further``:
        the further metrics of all rows at once, by name; those that cannot be computed are left out.

    Raises
    ------
    UserError
        If the metric cannot be computed, such as an AUC where all rows have the same tags.
    """
    metric = metric_of(metric)
    target, predicted, queries = targets(oof), predictions(oof), groups(oof)
    scores = []
    for fold in sorted(oof["fold"].unique()):
        inside = (oof["fold"] == fold).to_numpy()
        scores.append(_score(metric, target[inside], predicted[inside], None if queries is None else queries[inside]))
        if not np.isfinite(scores[-1]):
            raise UserError(
                f"fold {fold}: {metric.name} cannot be computed on its {inside.sum()} rows: {metric.undefined}",
                "lower `folds` in params.yaml, or fix the data",
            )
    others = [metric_of(other) for other in further]
    more = {other.name: _score(other, target, predicted, queries) for other in others}
    return {
        "metric": metric.name,
        "higher_is_better": metric.higher_is_better,
        "oof": _score(metric, target, predicted, queries),
        "mean": float(np.mean(scores)),
        "sd": float(np.std(scores)),
        "folds": scores,
        "further": {name: score for name, score in more.items() if np.isfinite(score)},
        "rows": len(oof),
    }


def _score(metric: Metric, target: NDArray[Any], predicted: NDArray[Any], queries: NDArray[Any] | None) -> float:
    """Score predictions; what a metric refuses becomes an error that a user sees."""
    try:
        return metric.score(target, predicted, queries)
    except ValueError as error:
        raise UserError(
            f"{metric.name} cannot be computed: {error}",
            "choose another `metric` in the competition's file, or fix the data",
        ) from error


def read_oof(path: Path, lane_name: str, kind: type[Objective]) -> pd.DataFrame:
    """Read out-of-fold predictions.

    Raises
    ------
    UserError
        If the file is missing or broken, a column is missing, or a prediction is not a finite number.
    """
    again = f"train again: `dvc repro --force train@{lane_name}`"
    if not path.exists():
        raise UserError(f"{path}: not found", f"train first: `dvc repro train@{lane_name}`")
    try:
        oof = pd.read_parquet(path)
    except Exception as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__}: {error})", again) from None
    absent = [column for column in ("id", "fold") if column not in oof]
    arrays = {"target": targets(oof), "predictions": predictions(oof)}
    absent += [name for name, values in arrays.items() if not values.size]
    if absent:
        raise UserError(
            f"{path}: found no {', '.join(absent)}; expected rows with id, fold, target and predictions", again
        )
    target, predicted = targets(oof), predictions(oof)
    if problem := kind.oof_problem(target, predicted):
        raise UserError(f"{path}: {problem}", again)
    values = np.column_stack([target, predicted]).astype(float)
    broken = ~np.isfinite(values).all(1)
    if broken.any():
        first = oof.loc[broken, "id"].iloc[0]
        raise UserError(
            f"{path}: {broken.sum()} predictions or targets are not finite, the first for id {first}", again
        )
    return oof
