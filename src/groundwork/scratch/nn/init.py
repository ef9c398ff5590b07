"""First weights: random, and of a size that neither fades nor grows from layer to layer.

All fill a parameter in place, as `torch.nn.init` does.
"""

import math

from groundwork.scratch.random import generator
from groundwork.scratch.tensor import Tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Draw from [a, b)."""
    tensor.data[...] = generator().uniform(a, b, tensor.shape)
    return tensor


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Draw from the normal distribution."""
    tensor.data[...] = generator().normal(mean, std, tensor.shape)
    return tensor


def constant_(tensor: Tensor, value: float) -> Tensor:
    """Set every number to `value`."""
    tensor.data[...] = value
    return tensor


def zeros_(tensor: Tensor) -> Tensor:
    """Set every number to 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Set every number to 1."""
    return constant_(tensor, 1.0)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Keep the variance of both forward values and backward gradients, as far as possible.

    Glorot and Bengio, https://proceedings.mlr.press/v9/glorot10a.html
    """
    fan_in, fan_out = _fans(tensor)
    bound = gain * math.sqrt(6 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound)


def kaiming_uniform_(tensor: Tensor, a: float = 0.0) -> Tensor:
    """Keep the variance of forward values through ReLU, or a leaky one of slope `a`.

    He et al., https://arxiv.org/abs/1502.01852
    """
    bound = math.sqrt(6 / ((1 + a**2) * _fans(tensor)[0]))
    return uniform_(tensor, -bound, bound)


def _fans(tensor: Tensor) -> tuple[int, int]:
    """Count the inputs of one output, and the outputs of one input: weights are ``[out, in, ...]``."""
    if tensor.ndim < 2:
        raise ValueError(f"expected a weight of two dimensions or more; found shape {tensor.shape}")
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window
