"""One comparison for all: the same computation here and in torch, in float64, forward and backward."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from groundwork.scratch import Tensor
from groundwork.scratch.arrays import Array


def assert_like_torch(
    ours: Callable[..., Tensor], theirs: Callable[..., torch.Tensor], *arrays: Array, tolerance: float = 1e-10
) -> None:
    """Compare the value, and the gradient of every floating-point array for one random gradient of the value."""
    own = [Tensor(array, requires_grad=array.dtype.kind == "f") for array in arrays]
    twins = [torch.tensor(array.copy(), requires_grad=array.dtype.kind == "f") for array in arrays]
    value, expected = ours(*own), theirs(*twins)
    assert_same(value.data, expected, tolerance)
    gradient = np.random.default_rng(0).standard_normal(expected.shape)
    value.backward(gradient)
    expected.backward(torch.from_numpy(np.asarray(gradient)))
    for tensor, twin in zip(own, twins, strict=True):
        if twin.grad is None:
            assert tensor.grad is None
        else:
            assert_same(tensor.grad, twin.grad, tolerance)


def assert_same(found: Any, expected: torch.Tensor, tolerance: float = 1e-10) -> None:
    """Compare shape, dtype and numbers."""
    wanted = expected.detach().numpy()
    assert isinstance(found, np.ndarray)
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def numbers(*shape: int, seed: int = 0) -> Array:
    """Draw float64 from the normal distribution."""
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))
