"""Activations: the nonlinear functions between layers, and softmax, which turns scores into probabilities."""

import math
from typing import Literal

import numpy as np

from groundwork.scratch.arrays import Array, masked
from groundwork.scratch.tensor import Tensor, operation


def relu(input: Tensor) -> Tensor:
    """max(x, 0); its gradient at 0 is 0."""
    x = input.data
    return operation(np.maximum(x, 0), (input,), lambda dy: (masked(dy, ~(x <= 0)),))


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e^-x), computed so that the exponential never overflows."""
    small = np.exp(-np.abs(input.data))
    value = np.where(input.data >= 0, 1, small) / (1 + small)
    return operation(value, (input,), lambda dy: (dy * value * (1 - value),))


def logsigmoid(input: Tensor) -> Tensor:
    """Compute log(sigmoid(x)) without the logarithm of a rounded 0."""
    x = input.data
    value = np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))
    return operation(value, (input,), lambda dy: (dy * -np.expm1(value),))


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    value = np.tanh(input.data)
    return operation(value, (input,), lambda dy: (dy * (1 - value * value),))


def gelu(input: Tensor, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """Compute x · P(N(0, 1) < x), or its approximation by tanh (Hendrycks and Gimpel, https://arxiv.org/abs/1606.08415)."""
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate: found {approximate!r}; expected none or tanh")
    if approximate == "tanh":
        return input * 0.5 * (1 + tanh(math.sqrt(2 / math.pi) * (input + 0.044715 * input**3)))
    x = input.data
    below = (1 + _erf(x / math.sqrt(2))) / 2
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return operation(x * below, (input,), lambda dy: (dy * (below + x * density),))


def softmax(input: Tensor, dim: int) -> Tensor:
    """e^x as shares of their sum along `dim`.

    ∂y_i/∂x_j = y_i (δ_ij - y_j): the Jacobian is full, and its product with a gradient needs no matrix.
    """
    # The same factor above and below: without it e^1000 overflows.
    small = np.exp(input.data - input.data.max(dim, keepdims=True))
    value = small / small.sum(dim, keepdims=True)

    def vjp(dy: Array) -> tuple[Array]:
        weighted = dy * value
        return (weighted - value * weighted.sum(dim, keepdims=True),)

    return operation(value, (input,), vjp)


def log_softmax(input: Tensor, dim: int) -> Tensor:
    """Logarithm of `softmax`, without the logarithm of a rounded 0."""
    shifted = input.data - input.data.max(dim, keepdims=True)
    value = shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))
    return operation(value, (input,), lambda dy: (dy - np.exp(value) * dy.sum(dim, keepdims=True),))


# NumPy lacks erf: `math.erf` on a grid, and Taylor's series from the nearest point. Beyond 6 it is 1 to the last bit.
_STEP = 1 / 512
_GRID = np.arange(-6, 6 + _STEP, _STEP)
_ERF = np.array([math.erf(x) for x in _GRID])
_SLOPE = 2 / math.sqrt(math.pi) * np.exp(-(_GRID**2))


def _erf(x: Array) -> Array:
    x = x.clip(-6, 6)
    nearest = np.rint((np.nan_to_num(x) + 6) / _STEP).astype(np.intp)
    a, value, slope = (table.astype(x.dtype)[nearest] for table in (_GRID, _ERF, _SLOPE))
    h = x - a
    return value + slope * h * (1 - h * (a - h * ((2 * a * a - 1) / 3 + h * a * (3 - 2 * a * a) / 6)))
