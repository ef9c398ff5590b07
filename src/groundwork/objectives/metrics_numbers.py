"""Metrics of numbers, ``[rows]``, or ``[rows, targets]``: then the mean over the targets.

A metric that is not defined for its numbers, such as a logarithm of -3, is nan.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from groundwork.objectives.ranking import Array, Score

if TYPE_CHECKING:
    from torch import Tensor


def rmse(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the root of the mean squared error."""
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(target, prediction))


def rmse_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    """Compute `rmse` on the device of the tensors."""
    from torchmetrics.functional.regression import mean_squared_error

    if target.ndim == 2:
        return (prediction - target).square().mean(0).sqrt().mean()
    return mean_squared_error(prediction, target, squared=False)


def rmse_log(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the root of the mean squared error of logarithms; nan if a number is not above 0."""
    if not ((target > 0).all() and (prediction > 0).all()):
        return float("nan")
    return rmse(np.log(target), np.log(prediction))


def rmse_log_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    """Compute `rmse_log` on the device of the tensors."""
    return rmse_on_device(target.log(), prediction.log())


def rmsle(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the root of the mean squared error of ``log(1 + x)``; nan if a number is not above -1."""
    from sklearn.metrics import root_mean_squared_log_error

    if not ((target > -1).all() and (prediction > -1).all()):
        return float("nan")
    return float(root_mean_squared_log_error(target, prediction))


def rmsle_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    """Compute `rmsle` on the device of the tensors."""
    from torchmetrics.functional.regression import mean_squared_log_error

    if target.ndim == 2:
        return rmse_on_device(target.log1p(), prediction.log1p())
    return mean_squared_log_error(prediction, target).sqrt()


def mse(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the mean squared error."""
    from sklearn.metrics import mean_squared_error

    return float(mean_squared_error(target, prediction))


def mae(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the mean absolute error."""
    from sklearn.metrics import mean_absolute_error

    return float(mean_absolute_error(target, prediction))


def mae_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    """Compute `mae` on the device of the tensors."""
    return (prediction - target).abs().mean()


def median_ae(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the median absolute error."""
    from sklearn.metrics import median_absolute_error

    return float(median_absolute_error(target, prediction))


def mape(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the mean absolute error as a share of the target; nan if a target is 0."""
    from sklearn.metrics import mean_absolute_percentage_error

    # scikit-learn would divide by 2e-16.
    return float("nan") if (target == 0).any() else float(mean_absolute_percentage_error(target, prediction))


def smape(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the symmetric mean absolute percentage error, 0 to 200; where both numbers are 0 the error is 0."""
    error, size = np.abs(prediction - target), np.abs(prediction) + np.abs(target)
    return float(200 * np.divide(error, size, out=np.zeros(error.shape), where=size > 0).mean())


def r2(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the coefficient of determination; nan if all targets are equal."""
    from sklearn.metrics import r2_score

    return float("nan") if _constant(target) else float(r2_score(target, prediction))


def _constant(target: Array) -> bool:
    return bool((target == target[:1]).all(0).any())


def by_column(score: Callable[[Array, Array], float]) -> Score:
    """Make the mean over the targets of a score that takes one."""
    return partial(_by_column, score)


def _by_column(
    score: Callable[[Array, Array], float], target: Array, prediction: Array, groups: Array | None = None, /
) -> float:
    if target.ndim == 1:
        return score(target, prediction)
    return float(np.mean([score(*pair) for pair in zip(target.T, prediction.T, strict=True)]))


def poisson(target: Array, prediction: Array) -> float:
    """Compute the mean Poisson deviance; nan if a target is below 0, or a prediction not above."""
    from sklearn.metrics import mean_poisson_deviance

    if (target < 0).any() or not (prediction > 0).all():
        return float("nan")
    return float(mean_poisson_deviance(target, prediction))


def gamma(target: Array, prediction: Array) -> float:
    """Compute the mean Gamma deviance; nan if a number is not above 0."""
    from sklearn.metrics import mean_gamma_deviance

    if not ((target > 0).all() and (prediction > 0).all()):
        return float("nan")
    return float(mean_gamma_deviance(target, prediction))


def quantile(alpha: float) -> Score:
    """Make the quantile (pinball) loss, whose best constant is the `alpha` quantile of the target."""

    def score(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
        from sklearn.metrics import mean_pinball_loss

        return float(mean_pinball_loss(target, prediction, alpha=alpha))

    return score
