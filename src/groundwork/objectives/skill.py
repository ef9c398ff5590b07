"""Makes scores of different metrics sortable: higher is better, 1 is perfect, and of errors 0 is the best constant.

A metric of which higher is better stays as it is: the shipped ones are 1 at best. An error e becomes the skill
``1 - e / e0``, where e0 is the error of the best constant on the same rows: for the squared error that is R². It is the
skill score of forecast verification (Murphy 1988, "Skill scores based on the mean square error").
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from groundwork.errors import UserError
from groundwork.objectives.metrics import Metric
from groundwork.objectives.oof import columns, cross_validate, predictions, targets
from groundwork.objectives.ranking import Array


def comparable(metric: Metric, judged_as: tuple[str, ...], oof: pd.DataFrame, mean: float) -> float | None:
    """Return a score that can be sorted across lanes.

    Parameters
    ----------
    judged_as
        The kind's `Objective.judged_as`.
    oof
        Out-of-fold rows.
    mean
        The mean of the metric over their folds.

    Returns
    -------
    float or None
        `mean` itself where higher is better; else ``1 - mean / e0`` with `constant_error`. None without such an error,
        or where it is 0.
    """
    if metric.higher_is_better:
        return mean
    error = constant_error(metric, judged_as, oof)
    return 1 - mean / error if error else None


def constant_error(metric: Metric, judged_as: tuple[str, ...], oof: pd.DataFrame) -> float | None:
    """Return the smallest error of a constant on out-of-fold rows, as a mean over folds.

    The constants are the shares of classes or tags in these rows; of numbers, their mean on the metric's scale, and
    their deciles. They are chosen on the rows that they are scored on, so the error is at most that of the baseline
    `constant`, which is fitted on the other folds.

    Returns
    -------
    float or None
        None for lists, and where the metric cannot be computed for any of them.
    """
    errors = []
    for constant in _constants(metric, metric.form(judged_as), targets(oof), predictions(oof)):
        try:
            errors.append(cross_validate(oof.assign(**columns("p", "prediction", constant)), metric)["mean"])
        except UserError:
            continue
    return min(errors, default=None)


def _constants(metric: Metric, form: str, target: Array, predicted: Array) -> Iterator[Array]:
    """Yield constant predictions, in the shape of `predicted`."""
    if form == "classes":
        shares = np.bincount(target.astype(int), minlength=predicted.shape[1]) / len(target)
        yield np.broadcast_to(shares, predicted.shape)
    elif form == "tags":
        yield np.broadcast_to(target.mean(0), predicted.shape)
    elif form in ("numbers", "queries"):
        forward, backward = metric.link or (np.asarray, np.asarray)
        with np.errstate(all="ignore"):
            yield np.broadcast_to(backward(forward(target.astype(float)).mean(0)), predicted.shape)
        for decile in np.linspace(0.1, 0.9, 9):
            yield np.broadcast_to(np.quantile(target.astype(float), decile, axis=0), predicted.shape)
