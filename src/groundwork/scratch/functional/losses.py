"""Losses: measures of how wrong a prediction is."""

from typing import Literal

import numpy as np

from groundwork.scratch.arrays import Array
from groundwork.scratch.combine import where
from groundwork.scratch.functional.activations import log_softmax, logsigmoid
from groundwork.scratch.tensor import Tensor

Reduction = Literal["mean", "sum", "none"]


def mse_loss(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Squared error; ValueError if the shapes differ: broadcast, every output would be compared with every target."""
    _require_equal_shapes(input, target)
    return _reduced((input - target) ** 2, reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log of the probability that softmax gives to the class that it is.

    Parameters
    ----------
    input
        Logits ``[rows, classes]`` or ``[rows, classes, ...]``.
    target
        Classes, int64 ``[rows]`` or ``[rows, ...]``.
    ignore_index
        Rows of this class do not count, nor does the mean divide by them.
    label_smoothing
        Share of the probability that is spread over all classes (https://arxiv.org/abs/1512.00567).

    Raises
    ------
    IndexError
        If a class is none of the logits'.
    ValueError
        If the target has another shape, or no integers.
    """
    target = Tensor(target)
    wanted = (input.shape[0], *input.shape[2:])
    if target.dtype.kind not in "iu" or target.shape != wanted:
        raise ValueError(f"expected classes, integers of shape {wanted}; found {target.dtype} of shape {target.shape}")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing: found {label_smoothing}; expected a share between 0 and 1")
    counted = target.data != ignore_index
    classes = np.where(counted, target.data, 0)
    if classes.size and not 0 <= classes.min() <= classes.max() < input.shape[1]:
        raise IndexError(f"classes: found {classes.min()} to {classes.max()}; expected 0 to {input.shape[1] - 1}")
    log_probabilities = log_softmax(input, 1)
    places = list(np.indices(target.shape))
    loss = -log_probabilities[(places[0], classes, *places[1:])]
    if label_smoothing:
        loss = loss * (1 - label_smoothing) - log_probabilities.mean(1) * label_smoothing
    loss = where(counted, loss, 0.0)
    return loss.sum() / int(counted.sum()) if reduction == "mean" else _reduced(loss, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, *, reduction: Reduction = "mean", pos_weight: Tensor | Array | None = None
) -> Tensor:
    """Cross-entropy of a yes-or-no target for each number.

    Parameters
    ----------
    input, target
        Logits, and targets in [0, 1], of one shape.
    pos_weight
        How much a yes counts, ``[classes]``, against 1 for a no.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    _require_equal_shapes(input, target)
    yes, no = logsigmoid(input), logsigmoid(-input)
    loss = -(target * (yes if pos_weight is None else pos_weight * yes) + (1 - target) * no)
    return _reduced(loss, reduction)


def _require_equal_shapes(input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        raise ValueError(f"expected a target of shape {input.shape}; found {target.shape}")


def _reduced(loss: Tensor, reduction: Reduction) -> Tensor:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction: found {reduction!r}; expected mean, sum or none")
    return loss.mean() if reduction == "mean" else loss.sum() if reduction == "sum" else loss
