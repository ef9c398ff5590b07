"""Layers for rows of numbers, activations, normalization, dropout, and losses."""

import math
from typing import Literal

import numpy as np

from groundwork.scratch import functional as F
from groundwork.scratch.arrays import Array
from groundwork.scratch.nn import init
from groundwork.scratch.nn.module import Module, Parameter
from groundwork.scratch.tensor import Tensor


class Linear(Module):
    """x Wᵀ + b: every output is a weighted sum of all inputs.

    Parameters
    ----------
    in_features, out_features
        Sizes of the last dimension, before and after.
    bias
        Whether b is added.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        self.weight = Parameter(np.empty((out_features, in_features), np.float32))
        self.bias = Parameter(np.empty(out_features, np.float32)) if bias else None
        reset(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Map ``[..., in]`` to ``[..., out]``."""
        return F.linear(input, self.weight, self.bias)


def reset(weight: Parameter, bias: Parameter | None) -> None:
    """Draw first weights as `torch.nn.Linear` and its convolutions do: within 1/√(inputs of an output)."""
    init.kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        bound = 1 / math.sqrt(math.prod(weight.shape[1:]))
        init.uniform_(bias, -bound, bound)


class Embedding(Module):
    """A vector for each of `num_embeddings` items, which are given by number.

    Parameters
    ----------
    padding_idx
        The number of padding: its vector starts at 0 and does not learn.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), np.float32))
        self.padding_idx = padding_idx
        init.normal_(self.weight)
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        """Look up integers ``[...]``: ``[..., embedding_dim]``."""
        return F.embedding(input, self.weight, self.padding_idx)


class LayerNorm(Module):
    """Mean 0 and variance 1 over the last dimensions of each row, then a scale and a shift that learn.

    Parameters
    ----------
    normalized_shape
        Sizes of those dimensions.
    """

    def __init__(self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5) -> None:
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.weight = Parameter(np.ones(self.normalized_shape, np.float32))
        self.bias = Parameter(np.zeros(self.normalized_shape, np.float32))

    def forward(self, input: Tensor) -> Tensor:
        """Map ``[..., *normalized_shape]`` to the same shape."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class BatchNorm1d(Module):
    """Mean 0 and variance 1 of each channel over the batch, then a scale and a shift that learn.

    Parameters
    ----------
    num_features
        Channels, the size of dimension 1.
    eps
        Added to the variance, against division by 0.
    momentum
        How far each batch moves the running mean and variance, by which it normalizes later.
    """

    dimensions: tuple[int, ...] = (2, 3)

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        self.eps, self.momentum = eps, momentum
        self.weight = Parameter(np.ones(num_features, np.float32))
        self.bias = Parameter(np.zeros(num_features, np.float32))
        self.running_mean: Array = np.zeros(num_features, np.float32)
        self.running_var: Array = np.ones(num_features, np.float32)
        self.num_batches_tracked: Array = np.array(0)

    def forward(self, input: Tensor) -> Tensor:
        """Map ``[rows, channels]`` or ``[rows, channels, ...]`` to the same shape."""
        if input.ndim not in self.dimensions:
            wanted = " or ".join(map(str, self.dimensions))
            raise ValueError(f"{type(self).__name__}: expected {wanted} dimensions; found shape {input.shape}")
        output = F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
        )
        self.num_batches_tracked += self.training
        return output


class BatchNorm2d(BatchNorm1d):
    """`BatchNorm1d` for images ``[rows, channels, height, width]``."""

    dimensions = (4,)


class Dropout(Module):
    """While learning, sets a share `p` of the numbers to 0 and scales the rest, so that no unit can rely on another."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p: found {p}; expected a share between 0 and 1")
        self.p = p

    def forward(self, input: Tensor, mask: Array | None = None) -> Tensor:
        """Drop by chance, or all but `mask`; see `groundwork.scratch.functional.dropout`."""
        return F.dropout(input, self.p, self.training, mask=mask)


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply it to each number."""
        return F.relu(input)


class GELU(Module):
    """x · P(N(0, 1) < x)."""

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        self.approximate: Literal["none", "tanh"] = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Apply it to each number."""
        return F.gelu(input, self.approximate)


class Sigmoid(Module):
    """1 / (1 + e^-x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply it to each number."""
        return F.sigmoid(input)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply it to each number."""
        return F.tanh(input)


class Softmax(Module):
    """e^x as shares of their sum along `dim`."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Map to shares, of the same shape."""
        return F.softmax(input, self.dim)


class Flatten(Module):
    """One dimension of all but the first."""

    def forward(self, input: Tensor) -> Tensor:
        """Map ``[rows, ...]`` to ``[rows, all]``."""
        return input.flatten(1)


class MSELoss(Module):
    """Mean squared error."""

    def __init__(self, *, reduction: F.Reduction = "mean") -> None:
        self.reduction: F.Reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare; see `groundwork.scratch.functional.mse_loss`."""
        return F.mse_loss(input, target, reduction=self.reduction)


class CrossEntropyLoss(Module):
    """-log of the probability that softmax gives to the class that it is."""

    def __init__(
        self, *, ignore_index: int = -100, reduction: F.Reduction = "mean", label_smoothing: float = 0.0
    ) -> None:
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self.reduction: F.Reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare logits with classes; see `groundwork.scratch.functional.cross_entropy`."""
        return F.cross_entropy(
            input,
            target,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCEWithLogitsLoss(Module):
    """Cross-entropy of a yes-or-no target for each number."""

    def __init__(self, *, reduction: F.Reduction = "mean", pos_weight: Tensor | Array | None = None) -> None:
        self.reduction: F.Reduction = reduction
        self.pos_weight = None if pos_weight is None else Tensor(pos_weight).data

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare logits with targets in [0, 1]."""
        return F.binary_cross_entropy_with_logits(input, target, reduction=self.reduction, pos_weight=self.pos_weight)
