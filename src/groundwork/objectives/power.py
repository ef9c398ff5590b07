"""The power transform of Yeo and Johnson (https://doi.org/10.1093/biomet/87.4.954): makes skewed numbers symmetric."""

from typing import TYPE_CHECKING

import numpy as np

from groundwork.objectives.ranking import Array

if TYPE_CHECKING:
    from torch import Tensor


def fit(target: Array) -> tuple[Array, Array]:
    """Return the exponent and the unit of each column of `target`, ``[rows, targets]``.

    Numbers are divided by the unit, their standard deviation, before the transform: with numbers in the hundred
    thousands, single precision could not tell the transformed ones apart.
    """
    from sklearn.preprocessing import PowerTransformer

    spread = target.std(0)
    unit = np.where(spread > 0, spread, 1.0)
    return PowerTransformer(standardize=False).fit(target / unit).lambdas_, unit


def forward(numbers: "Tensor", exponent: "Tensor") -> "Tensor":
    """Transform numbers, already divided by their unit."""
    # The negative half is the positive one, mirrored, with the exponent 2 - exponent.
    positive = numbers >= 0
    power = exponent.where(positive, 2 - exponent)
    flat = power.abs() < 1e-6
    safe = power.where(~flat, 1.0)
    size = numbers.abs()
    moved = size.log1p().where(flat, ((size + 1) ** safe - 1) / safe)
    return moved.where(positive, -moved)


def backward(moved: "Tensor", exponent: "Tensor") -> "Tensor":
    """Invert `forward`; what no number is transformed to becomes the nearest that some is."""
    positive = moved >= 0
    power = exponent.where(positive, 2 - exponent)
    flat = power.abs() < 1e-6
    safe = power.where(~flat, 1.0)
    size = moved.abs()
    numbers = size.expm1().where(flat, (size * safe + 1).clamp(min=1e-12) ** (1 / safe) - 1)
    return numbers.where(positive, -numbers)
