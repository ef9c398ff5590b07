"""Two whole networks, the counterparts of `groundwork.models.fnn` and `groundwork.models.cnn` in the pipeline.

Their weights have the same names and shapes, so that a checkpoint of one loads in the other. A network
is written like any module: ``__init__`` gives it parts, ``forward`` computes its output for a mini-batch. The gradients
follow from that.
"""

import math
from typing import ClassVar

import numpy as np

from groundwork.scratch import nn
from groundwork.scratch.arrays import Array
from groundwork.scratch.combine import cat
from groundwork.scratch.nn import init
from groundwork.scratch.random import generator
from groundwork.scratch.tensor import Tensor


class PiecewiseLinearEmbedding(nn.Module):
    """Embeds each number by a piecewise-linear function of its own (https://arxiv.org/abs/2203.05556).

    Parameters
    ----------
    edges
        Bin edges of each feature, ascending, float32 ``[features, bins + 1]``.
    width
        Length of an embedding.
    """

    def __init__(self, edges: Array, width: int) -> None:
        features, bins = edges.shape[0], edges.shape[1] - 1
        gaps = np.diff(edges, axis=1)
        self.left: Array = edges[:, :-1].astype(np.float32)
        # Two quantiles are equal where many rows share a value: that bin then has no effect.
        self.steepness: Array = np.where(gaps > 1e-6, 1 / gaps.clip(1e-6), 0).astype(np.float32)
        # Unit length: no number starts louder than another.
        directions = generator().standard_normal((features, width), np.float32)
        self.linear = nn.Parameter(directions / np.linalg.norm(directions, axis=1, keepdims=True))
        # The bends start at zero: the embedding begins as a linear one and bends where that helps.
        self.bends = nn.Parameter(np.zeros((features, bins, width), np.float32))
        self.bias = nn.Parameter(np.zeros((features, width), np.float32))

    def forward(self, numbers: Tensor) -> Tensor:
        """Embed ``[rows, features]`` as ``[rows, features, width]``."""
        numbers = numbers[..., None]
        filled = ((numbers - self.left) * self.steepness).clamp(0, 1)
        # Each feature has a matrix of its own: features come first, and `@` takes them one by one.
        bent = (filled.transpose(0, 1) @ self.bends).transpose(0, 1)
        return numbers * self.linear + bent + self.bias


class MemberLinear(nn.Module):
    """A linear layer of several members (BatchEnsemble, https://arxiv.org/abs/2002.06715).

    They share one weight; each has an input scale, an output scale and a bias of its own.

    Parameters
    ----------
    members, inputs, outputs
        Sizes.
    differ
        Start the members apart, with random signs as input scales; the first layer needs it, the others follow.
    """

    def __init__(self, members: int, inputs: int, outputs: int, differ: bool) -> None:
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(np.empty((inputs, outputs), np.float32))
        init.uniform_(self.weight, -bound, bound)
        self.input_scale = nn.Parameter(np.ones((members, inputs), np.float32))
        if differ:
            self.input_scale.data[generator().random((members, inputs)) < 0.5] = -1
        self.output_scale = nn.Parameter(np.ones((members, outputs), np.float32))
        self.bias = nn.Parameter(np.empty((members, outputs), np.float32))
        init.uniform_(self.bias, -bound, bound)

    def forward(self, rows: Tensor) -> Tensor:
        """Map ``[rows, members, inputs]`` to ``[rows, members, outputs]``; a single member's rows go to all."""
        return (rows * self.input_scale) @ self.weight * self.output_scale + self.bias


class Categories(nn.Embedding):
    """A vector for each category.

    Weight decay leaves it alone, as it does PyTorch's: it would pull rare categories towards 0 most of all.
    """

    optimizer_options: ClassVar[dict[str, float]] = {"weight_decay": 0.0}


class FNN(nn.Module):
    """A feed-forward network for tables: embeddings, hidden layers with ReLU and dropout, a head for each member.

    Parameters
    ----------
    edges
        Bin edges of the numeric features, float32 ``[numeric, bins + 1]``.
    categories
        Number of codes of each categorical feature; code 0 means unknown.
    outputs
        Logits of each row and member.
    members, width, depth, embedding, dropout
        Networks in one; units of a hidden layer; hidden layers; length of an embedding; share of units dropped.
    category_scale
        Standard deviation of the categories' first embeddings. Small: a rare category stays near nothing.
    """

    def __init__(
        self,
        edges: Array,
        categories: list[int],
        outputs: int,
        members: int = 4,
        width: int = 128,
        depth: int = 2,
        embedding: int = 6,
        dropout: float = 0.2,
        category_scale: float = 1.0,
    ) -> None:
        self.numbers = PiecewiseLinearEmbedding(edges, embedding)
        # One table for all categorical features: feature i's codes begin at offsets[i].
        self.offsets: Array = np.cumsum([0, *categories])[:-1]
        self.categories = Categories(sum(categories), embedding)
        init.normal_(self.categories.weight, std=category_scale)
        # No training row has an unknown category: its embedding is never trained and must be 0.
        self.categories.weight.data[self.offsets] = 0
        inputs = (len(edges) + len(categories)) * embedding
        layers: list[nn.Module] = []
        for layer in range(depth):
            layers += [MemberLinear(members, inputs, width, differ=layer == 0), nn.ReLU(), nn.Dropout(dropout)]
            inputs = width
        self.hidden = nn.Sequential(*layers)
        # Zero heads: every member starts from the same, neutral answer.
        self.head = nn.Parameter(np.zeros((members, inputs, outputs), np.float32))
        self.bias = nn.Parameter(np.zeros((members, outputs), np.float32))

    def forward(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        """Map numbers ``[rows, numeric]`` and codes ``[rows, categorical]`` to logits ``[rows, members, outputs]``."""
        numbers, categories = self.numbers(numeric), self.categories(categorical + self.offsets)
        embedded = cat([numbers, categories], dim=1).flatten(1)
        hidden = self.hidden(embedded[:, None])
        # Each member has a matrix of its own: members come first.
        return (hidden.transpose(0, 1) @ self.head).transpose(0, 1) + self.bias


def _convolution(inputs: int, outputs: int, size: int, pool: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)]
    if pool:
        # Pooling before normalization and ReLU gives those a quarter of the work.
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.BatchNorm2d(outputs), nn.ReLU())


class CNN(nn.Module):
    """A convolutional network for pictures, in the manner of VGG (https://arxiv.org/abs/1409.1556).

    One 5x5 convolution, then two 3x3 convolutions for each further width, at half the size of the one before.

    Parameters
    ----------
    colours
        Channels of a picture.
    channels
        Feature maps of each stage.
    outputs
        Logits of each picture.
    dropout
        Share of the pooled features dropped before the head.
    """

    def __init__(self, colours: int, channels: list[int], outputs: int, dropout: float = 0.0) -> None:
        stages = [_convolution(colours, channels[0], size=5, pool=True)]
        for stage in range(1, len(channels)):
            last = stage == len(channels) - 1
            stages.append(_convolution(channels[stage - 1], channels[stage], size=3, pool=False))
            stages.append(_convolution(channels[stage], channels[stage], size=3, pool=not last))
        self.features = nn.Sequential(*stages)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * channels[-1], outputs))

    def forward(self, image: Tensor) -> Tensor:
        """Map pictures ``[rows, colours, height, width]`` to logits ``[rows, outputs]``."""
        maps = self.features(image)
        return self.head(cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1))
