"""Metrics that are made of sums over rows.

Each entry of `SUMS` takes targets and answers of all rows, and returns what is summed, ``[rows, sums]``, and the
function that makes the metric of the sums, ``[resamples, sums] -> [resamples]``.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np

from groundwork.objectives.metrics import METRICS
from groundwork.objectives.metrics_probabilities import columns, ranks
from groundwork.objectives.ranking import Array

Finish: TypeAlias = Callable[[Array], Array]
Summed: TypeAlias = Callable[[Array, Array], tuple[Array, Finish]]


def ratio(sums: Array) -> Array:
    """Divide the first sum by the second."""
    return sums[:, 0] / sums[:, 1]


def row_values(name: str, target: Array, answers: Array) -> Array | None:
    """Return the value of each row whose mean is the metric `name`, or its square; None if it has none."""
    if name not in VALUES:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        values = VALUES[name](target, answers)
    return values if values.ndim == 1 else values.mean(1)


def _mean_of(name: str, target: Array, answers: Array) -> tuple[Array, Finish]:
    values = row_values(name, target, answers)
    assert values is not None
    return np.column_stack([values, np.ones(len(values))]), ratio


def _root_of(name: str, target: Array, answers: Array) -> tuple[Array, Finish]:
    """Of several targets the mean of their roots."""
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = VALUES[name](target, answers).reshape(len(target), -1)
    return np.column_stack([np.ones(len(squares)), squares]), _mean_of_roots


def _mean_of_roots(sums: Array) -> Array:
    return np.sqrt(sums[:, 1:] / sums[:, :1]).mean(1)


def _r2(target: Array, answers: Array) -> tuple[Array, Finish]:
    target, answers = (values.reshape(len(target), -1).astype(float) for values in (target, answers))
    centred = target - target.mean(0)
    return np.column_stack([np.ones(len(target)), centred, centred**2, (target - answers) ** 2]), _r2_of


def _r2_of(sums: Array) -> Array:
    rows, (total, squares, errors) = sums[:, :1], np.split(sums[:, 1:], 3, axis=1)
    varies = squares - total**2 / rows
    return (1 - errors / np.where(varies > 1e-12 * squares, varies, np.nan)).mean(1)


def _log_loss(target: Array, predicted: Array) -> Array:
    predicted, least = np.clip(predicted.astype(np.float64), 0, 1), np.finfo(float).eps
    if target.ndim == 2:
        near = np.clip(predicted, least, 1 - least)
        return -np.where(target > 0.5, np.log(near), np.log1p(-near))
    own = np.take_along_axis(predicted / predicted.sum(1, keepdims=True), target[:, None].astype(np.int64), axis=1)
    return -np.log(np.clip(own[:, 0], least, 1 - least))


def _brier(target: Array, predicted: Array) -> Array:
    actual, probabilities = columns(target, predicted.astype(np.float64))
    errors = (probabilities - actual) ** 2
    return errors.sum(1) if target.ndim == 1 else errors


def _reciprocal_rank(k: int, target: Array, predicted: Array) -> Array:
    rank = ranks(target, predicted)
    return np.where(rank <= k, 1 / rank, 0.0)


def _f_of_tags(beta: float, target: Array, answers: Array) -> Array:
    """Compute F-beta of each row's tags; 0 where there are none on either side."""
    is_so, said = target > 0.5, answers > 0.5
    above, below = (1 + beta**2) * (is_so & said).sum(1), beta**2 * is_so.sum(1) + said.sum(1)
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)


def _smape(target: Array, predicted: Array) -> Array:
    error, size = np.abs(predicted - target), np.abs(predicted) + np.abs(target)
    return 200 * np.divide(error, size, out=np.zeros(error.shape), where=size > 0)


def _poisson(target: Array, predicted: Array) -> Array:
    from scipy.special import xlogy

    return 2 * (xlogy(target, target / predicted) - target + predicted)


def _pinball(alpha: float, target: Array, predicted: Array) -> Array:
    above = target - predicted
    return np.where(above >= 0, alpha * above, (alpha - 1) * above)


def _squares_of(scale: Callable[[Array], Array], target: Array, predicted: Array) -> Array:
    return (scale(target.astype(float)) - scale(predicted.astype(float))) ** 2


_square = partial(_squares_of, np.positive)
VALUES: dict[str, Callable[[Array, Array], Array]] = {
    "accuracy": lambda target, answers: (target == answers).astype(float),
    "log_loss": _log_loss,
    "brier": _brier,
    **{f"top{k}_accuracy": partial(lambda k, *pair: (ranks(*pair) <= k).astype(float), k) for k in (3, 5)},
    **{f"map@{k}": partial(_reciprocal_rank, k) for k in (3, 5, 7)},
    "f1_samples": partial(_f_of_tags, 1.0),
    "f2_samples": partial(_f_of_tags, 2.0),
    "rmse": _square,
    "mcrmse": _square,
    "mse": _square,
    "rmse_log": partial(_squares_of, np.log),
    "rmsle": partial(_squares_of, np.log1p),
    "mae": lambda target, predicted: np.abs(target - predicted),
    "mape": lambda target, predicted: np.abs(target - predicted) / np.abs(target),
    "smape": _smape,
    "poisson_deviance": _poisson,
    "gamma_deviance": lambda target, predicted: 2 * (np.log(predicted / target) + target / predicted - 1),
    **{name: partial(_pinball, float(name.partition("_")[2])) for name in METRICS if name.startswith("quantile_")},
}
SUMS: dict[str, Summed] = {
    **{name: partial(_mean_of, name) for name in VALUES},
    **{name: partial(_root_of, name) for name in ("rmse", "mcrmse", "rmse_log", "rmsle")},
    "r2": _r2,
}
