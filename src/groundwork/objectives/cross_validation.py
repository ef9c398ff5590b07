"""A competition's metric over out-of-fold predictions."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.objectives.metrics import METRICS


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
