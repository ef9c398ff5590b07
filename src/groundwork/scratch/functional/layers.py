"""The functions behind the layers of `groundwork.scratch.nn`: linear maps, look-up, dropout, normalization."""

import numpy as np

from groundwork.scratch.arrays import Array
from groundwork.scratch.combine import where
from groundwork.scratch.random import generator
from groundwork.scratch.tensor import Tensor, operation


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Weighted sums: x Wᵀ + b, with `input` ``[..., in]``, `weight` ``[out, in]``, `bias` ``[out]``."""
    if input.shape[-1:] != weight.shape[1:]:
        raise ValueError(f"expected [..., {weight.shape[1]}] for a weight of {weight.shape}; found {input.shape}")
    product = input @ weight.transpose(0, 1)
    return product if bias is None else product + bias


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Look up the rows of `weight` ``[rows, width]`` that `input` names; row `padding_idx` gets no gradient."""
    input = Tensor(input)
    if input.dtype.kind not in "iu":
        raise TypeError(f"expected integers, which name rows; found {input.dtype}")
    if input.data.size and not 0 <= input.data.min() <= input.data.max() < len(weight.data):
        raise IndexError(f"found {input.data.min()} to {input.data.max()}; expected 0 to {len(weight.data) - 1}")

    def vjp(dy: Array) -> tuple[Array]:
        whole = np.zeros_like(weight.data)
        # Rows that were named several times lie side by side after sorting, and are summed in one go.
        order = input.data.ravel().argsort(kind="stable")
        names, starts = np.unique(input.data.ravel()[order], return_index=True)
        if len(names):
            whole[names] = np.add.reduceat(dy.reshape(-1, weight.shape[1])[order], starts)
        if padding_idx is not None:
            whole[padding_idx] = 0
        return (whole,)

    return operation(weight.data[input.data], (weight,), vjp)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, *, mask: Array | None = None) -> Tensor:
    """Set a share `p` of the numbers to 0 and scale the rest by 1 / (1 - p), so that their mean stays.

    Parameters
    ----------
    mask
        What is kept, boolean, of the shape of `input`; drawn by chance if it is not given.

    References
    ----------
    Srivastava et al., https://jmlr.org/papers/v15/srivastava14a.html
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p: found {p}; expected a share between 0 and 1")
    if not training or p == 0:
        return input
    kept = generator().random(input.shape, dtype=np.float32) >= p if mask is None else mask
    return where(kept, input * (1 / (1 - p)), 0.0) if p < 1 else input * 0.0


def layer_norm(
    input: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Give each row mean 0 and variance 1 over its last dimensions (Ba et al., https://arxiv.org/abs/1607.06450)."""
    if input.shape[-len(normalized_shape) :] != tuple(normalized_shape):
        raise ValueError(f"expected [..., {', '.join(map(str, normalized_shape))}]; found shape {input.shape}")
    value = _standardize(input, tuple(range(-len(normalized_shape), 0)), eps)
    value = value if weight is None else value * weight
    return value if bias is None else value + bias


def batch_norm(
    input: Tensor,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Give each channel (dimension 1) mean 0 and variance 1 over the batch; in evaluation by the running statistics.

    In training `running_mean` and `running_var` ``[channels]`` are moved in place. The batch is divided by its biased
    variance; the running one is unbiased (Ioffe and Szegedy, https://arxiv.org/abs/1502.03167).
    """
    for values in (running_mean, weight):
        if values is not None and values.shape != input.shape[1:2]:
            raise ValueError(f"expected [rows, {len(values)}, ...]; found shape {input.shape}")
    dims = (0, *range(2, input.ndim))
    channels = (1, -1, *(1,) * (input.ndim - 2))
    if training or running_mean is None or running_var is None:
        count = input.data.size // input.shape[1]
        if count == 1:
            raise ValueError(f"a single value has no variance; found shape {input.shape}: train on more rows")
        value = _standardize(input, dims, eps)
        if training and running_mean is not None and running_var is not None:
            running_mean += momentum * (input.data.mean(dims) - running_mean)
            running_var += momentum * (input.data.var(dims) * (count / (count - 1)) - running_var)
    else:
        scale = 1 / np.sqrt(running_var + eps)
        value = (input - running_mean.reshape(channels)) * scale.reshape(channels)
    value = value if weight is None else value * weight.reshape(*channels)
    return value if bias is None else value + bias.reshape(*channels)


def _standardize(input: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """Subtract the mean over `dims` and divide by the root of the biased variance.

    Each number changes the mean and the variance: the parts of the gradient along these two are removed.
    """
    centred = input.data - input.data.mean(dims, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(dims, keepdims=True) + eps)
    value = centred * scale

    def vjp(dy: Array) -> tuple[Array]:
        along = value * (dy * value).mean(dims, keepdims=True)
        return (scale * (dy - dy.mean(dims, keepdims=True) - along),)

    return operation(value, (input,), vjp)
