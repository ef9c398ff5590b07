"""Metrics of probabilities: of classes (``[rows, classes]``, targets ``[rows]``) or of tags (both ``[rows, tags]``)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from groundwork.objectives.ranking import Array, OnDevice, Score, gini_of_numbers

if TYPE_CHECKING:
    from torch import Tensor


def columns(target: Array, prediction: Array) -> tuple[Array, Array]:
    """Return 0 or 1 and a probability for each column: tags, the second of two classes, or each of several classes."""
    if target.ndim == 2:
        return target, prediction
    if prediction.shape[1] == 2:
        return target[:, None], prediction[:, 1:]
    return (target[:, None] == np.arange(prediction.shape[1])).astype(np.int64), prediction


def _mean_of_columns(of: Callable[[Array, Array], float], target: Array, prediction: Array) -> float:
    """Average over the columns that some rows have and others lack; nan if there is none.

    A column with a single class would make scikit-learn's macro average nan.
    """
    target, prediction = columns(target, prediction)
    mixed = np.flatnonzero((target == 0).any(0) & (target == 1).any(0))
    return float(np.mean([of(target[:, tag], prediction[:, tag]) for tag in mixed])) if len(mixed) else np.nan


def auc(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the area under the ROC curve: of two classes, or the mean over classes (each against the rest) or tags.

    Classes and tags that all rows or none have are left out.
    """
    from sklearn.metrics import roc_auc_score

    return _mean_of_columns(roc_auc_score, target, prediction)


def auc_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    """Compute `auc` on the device of the tensors."""
    import torch
    from torchmetrics.functional.classification import multilabel_auroc

    if target.ndim == 1:
        classes = torch.arange(prediction.shape[1], device=target.device)
        target = (target[:, None] == classes).long()
        if prediction.shape[1] == 2:
            target, prediction = target[:, 1:], prediction[:, 1:]
    # torchmetrics' macro average counts a column with a single class as an AUC of 0. It is right on probabilities only:
    # other values pass through a sigmoid in single precision, where large logits tie.
    tags = (target == 0).any(0) & (target == 1).any(0)
    if not tags.any():
        return prediction.new_tensor(float("nan"))
    return multilabel_auroc(
        prediction[:, tags], target[:, tags].long(), num_labels=int(tags.sum()), average="macro", validate_args=False
    )


def average_precision(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute average precision; columns as in `auc`."""
    from sklearn.metrics import average_precision_score

    return _mean_of_columns(average_precision_score, target, prediction)


def gini(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the Gini coefficient, divided by that of a perfect order; of classes it is ``2 AUC - 1``."""
    if target.ndim < prediction.ndim:
        return 2 * auc(target, prediction) - 1
    if target.ndim == 2:
        return float(np.mean([gini_of_numbers(*pair) for pair in zip(target.T, prediction.T, strict=True)]))
    return gini_of_numbers(target, prediction)


def log_loss(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the mean negative log-likelihood of classes, or its mean over tags.

    Probabilities are kept ``2.2e-16`` away from 0 and 1, and those of a row's classes are divided by their sum.
    """
    from sklearn.metrics import log_loss as of_classes

    # In single precision, scikit-learn would keep them 1e-7 away and would find sums other than one.
    prediction = np.clip(prediction.astype(np.float64), 0, 1)
    if target.ndim == 2:
        near = np.clip(prediction, np.finfo(float).eps, 1 - np.finfo(float).eps)
        return float(-np.where(target > 0.5, np.log(near), np.log1p(-near)).mean())
    sums = prediction.sum(1, keepdims=True)
    if (sums == 0).any():
        return float("nan")
    return float(of_classes(target, prediction / sums, labels=np.arange(prediction.shape[1])))


def log_loss_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    """Compute `log_loss` on the device of the tensors, in their precision."""
    least = float(np.finfo(float).eps)
    if target.ndim == 2:
        return -prediction.where(target > 0.5, 1 - prediction).clamp(min=least).log().mean()
    own = prediction.gather(1, target[:, None])[:, 0] / prediction.sum(1)
    return -own.clamp(min=least).log().mean()


def brier(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the mean squared error of probabilities: of class 1 of two; summed over classes; the mean over tags."""
    actual, probabilities = columns(target, prediction.astype(np.float64))
    errors = (probabilities - actual) ** 2
    return float(errors.sum(1).mean() if target.ndim == 1 else errors.mean())


def ranks(target: Array, prediction: Array) -> Array:
    """Return the rank of each row's class, from 1; of equal probabilities the first class comes first."""
    own = np.take_along_axis(prediction, target[:, None].astype(np.int64), axis=1)
    before = np.arange(prediction.shape[1]) < target[:, None]
    return 1 + ((prediction > own) | ((prediction == own) & before)).sum(1)


def top(k: int) -> Score:
    """Make the share of rows whose class is among the `k` likeliest."""
    return lambda target, prediction, groups=None, /: float((ranks(target, prediction) <= k).mean())


def map_at_classes(k: int, of_lists: tuple[Score, OnDevice]) -> tuple[Score, OnDevice]:
    """Make MAP@k that also takes a single class for each row: the mean of 1/rank, 0 beyond `k`.

    Parameters
    ----------
    of_lists
        MAP@k of lists: see `groundwork.objectives.ranking.map_at`.
    """
    on_arrays, on_tensors = of_lists

    def score(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
        if target.ndim == 2:
            return on_arrays(target, prediction)
        rank = ranks(target, prediction)
        return float(np.where(rank <= k, 1 / rank, 0.0).mean())

    def on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
        if target.ndim == 2:
            return on_tensors(target, prediction)
        own = prediction.gather(1, target[:, None])
        before = target.new_tensor(range(prediction.shape[1])) < target[:, None]
        rank = 1 + ((prediction > own) | ((prediction == own) & before)).sum(1)
        return ((rank <= k) / rank).mean()

    return score, on_device
