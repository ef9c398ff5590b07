"""Weighs classes in a loss."""

import numpy as np
from numpy.typing import NDArray


def balanced(counts: NDArray[np.number]) -> NDArray[np.float64]:
    """Return the weight of each class with which all of them count equally.

    Parameters
    ----------
    counts : array of shape (..., classes)
        Number of training rows of each class.

    Returns
    -------
    array of shape (..., classes), float64
        The inverse of each class's share, divided by the number of classes. A class without a row weighs as one with
        one row.
    """
    return np.asarray(counts.sum(-1, keepdims=True) / (counts.shape[-1] * np.maximum(counts, 1)))
