"""Combines several tensors into one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from groundwork.scratch.arrays import Array
from groundwork.scratch.tensor import Tensor, operation


def cat(tensors: Sequence[Tensor | Array], dim: int = 0) -> Tensor:
    """Join tensors along a dimension."""
    joined = [tensor if isinstance(tensor, Tensor) else Tensor(tensor) for tensor in tensors]
    ends = np.cumsum([tensor.shape[dim] for tensor in joined])[:-1]
    return operation(
        np.concatenate([tensor.data for tensor in joined], dim), joined, lambda dy: np.split(dy, ends, dim)
    )


def stack(tensors: Sequence[Tensor | Array], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new dimension."""
    joined = [tensor if isinstance(tensor, Tensor) else Tensor(tensor) for tensor in tensors]
    return operation(
        np.stack([tensor.data for tensor in joined], dim), joined, lambda dy: list(np.moveaxis(dy, dim, 0))
    )


def where(condition: Any, input: Any, other: Any) -> Tensor:
    """Take numbers of `input` where `condition` is true, of `other` elsewhere; one of them may be a plain number."""
    a = input if isinstance(input, Tensor) else other.operand(input)
    b, chosen = a.operand(other), np.asarray(condition)
    value = np.where(chosen, a.data, b.data)
    return operation(value, (a, b), lambda dy: (np.where(chosen, dy, 0), np.where(chosen, 0, dy)))
