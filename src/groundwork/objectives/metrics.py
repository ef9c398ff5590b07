"""Kaggle's metrics, each twice: on arrays for evaluation (scikit-learn), on the device while training (torchmetrics).

The libraries are imported inside the functions: evaluation needs no torch, and reading a metric's name needs neither.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """A competition's score.

    Attributes
    ----------
    name
        Its key in `METRICS`.
    higher_is_better
        Its direction.
    score
        ``score(target, prediction) -> float`` on arrays: targets ``[rows]``; predictions ``[rows]``, or
        ``[rows, classes]`` probabilities.
    on_device
        The same on tensors, giving a scalar tensor without leaving their device.
    constant
        The best prediction that looks at no input, ``constant(targets, like)``, shaped as `like`, predictions of one
        row. It is what a network must beat.
    """

    name: str
    higher_is_better: bool
    score: Callable[[Array, Array], float]
    on_device: "Callable[[Tensor, Tensor], Tensor]"
    constant: Callable[[Array, Array], Array]


def _accuracy(target: Array, prediction: Array) -> float:
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(target, prediction.argmax(-1)))


def _accuracy_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    from torchmetrics.functional.classification import multiclass_accuracy

    return multiclass_accuracy(
        prediction, target, num_classes=prediction.shape[-1], average="micro", validate_args=False
    )


def _rmse_log(target: Array, prediction: Array) -> float:
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(np.log(target), np.log(prediction)))


def _rmse_log_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    from torchmetrics.functional.regression import mean_squared_error

    return mean_squared_error(prediction.log(), target.log(), squared=False)


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "accuracy",
            higher_is_better=True,
            score=_accuracy,
            on_device=_accuracy_on_device,
            constant=lambda target, like: np.bincount(target, minlength=like.shape[-1])[None] / len(target),
        ),
        # Kaggle's house prices: errors of the logarithm, so that cheap and dear houses count alike.
        Metric(
            "rmse_log",
            higher_is_better=False,
            score=_rmse_log,
            on_device=_rmse_log_on_device,
            constant=lambda target, like: np.full_like(like, np.exp(np.log(target).mean())),
        ),
    )
}
