"""A feed-forward network for tables, with embedded numbers and categories and several members.

- Numbers are encoded piecewise-linearly between quantiles of the training rows, then embedded, each with its own
  weights: Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning",
  https://arxiv.org/abs/2203.05556.
- The layers have `members` networks that share weights except for a scale of each input and output: Wen et al.,
  "BatchEnsemble", https://arxiv.org/abs/2002.06715, and Gorishniy et al., "TabM", https://arxiv.org/abs/2410.24210.
"""

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from groundwork.objectives.base import Objective


class PiecewiseLinearEmbedding(nn.Module):
    """Embeds each numeric feature by its own piecewise-linear function.

    Parameters
    ----------
    edges
        Bin edges of each feature, ascending, ``[features, bins + 1]``.
    width
        Length of an embedding.
    """

    def __init__(self, edges: Tensor, width: int) -> None:
        super().__init__()
        features, bins = edges.shape[0], edges.shape[1] - 1
        gaps = edges.diff(dim=1)
        self.left: Tensor
        self.steepness: Tensor
        self.register_buffer("left", edges[:, :-1].clone())
        # Quantiles coincide where many rows share a value; such an empty bin gives 0.
        self.register_buffer("steepness", torch.where(gaps > 1e-6, 1 / gaps.clamp(min=1e-6), 0.0))
        # Unit length, so that all features start with the same scale.
        self.linear = nn.Parameter(F.normalize(torch.randn(features, width), dim=1))
        # The bends start at zero, so that the embedding is linear at first.
        self.bends = nn.Parameter(torch.zeros(features, bins, width))
        self.bias = nn.Parameter(torch.zeros(features, width))

    def forward(self, numbers: Tensor) -> Tensor:
        """Embed ``[rows, features]`` as ``[rows, features, width]``."""
        numbers = numbers[..., None]
        filled = ((numbers - self.left) * self.steepness).clamp(0, 1)
        return numbers * self.linear + torch.einsum("nfb,fbw->nfw", filled, self.bends) + self.bias


class MemberLinear(nn.Module):
    """A linear layer of several members: a shared weight, and an input scale, output scale and bias for each member.

    Parameters
    ----------
    members, inputs, outputs
        Sizes.
    differ
        Start with random signs as input scales, so that the members differ; only the first layer needs this.
    """

    def __init__(self, members: int, inputs: int, outputs: int, differ: bool) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(inputs, outputs).uniform_(-bound, bound))
        signs = torch.randint(0, 2, (members, inputs)).float() * 2 - 1
        self.input_scale = nn.Parameter(signs if differ else torch.ones(members, inputs))
        self.output_scale = nn.Parameter(torch.ones(members, outputs))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound))

    def forward(self, rows: Tensor) -> Tensor:
        """Map ``[rows, members, inputs]`` to ``[rows, members, outputs]``."""
        return (rows * self.input_scale) @ self.weight * self.output_scale + self.bias


class FNN(nn.Module):
    """Embeddings, then hidden layers with ReLU and dropout, then a linear head for each member.

    Parameters
    ----------
    edges
        Bin edges of the numeric features, ``[numeric, bins + 1]``.
    categories
        Number of codes of each categorical feature; code 0 stands for unknown.
    outputs
        Logits of each row and member.
    members, width, depth, embedding, dropout
        Number of members; units of a hidden layer; number of hidden layers; length of an embedding; share of units
        dropped.
    category_scale
        Standard deviation of the categories' initial embeddings. If it is small, rare categories stay near zero.
    """

    def __init__(
        self,
        edges: Tensor,
        categories: list[int],
        outputs: int,
        members: int = 4,
        width: int = 128,
        depth: int = 2,
        embedding: int = 6,
        dropout: float = 0.2,
        category_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.members = members
        self.numbers = PiecewiseLinearEmbedding(edges, embedding)
        # All categorical features share a table; the codes of feature i begin at offsets[i].
        self.offsets: Tensor
        self.register_buffer("offsets", torch.tensor([0, *categories]).cumsum(0)[:-1])
        self.categories = nn.Embedding(sum(categories), embedding)
        nn.init.normal_(self.categories.weight, std=category_scale)
        # No training row has an unknown category, so its embedding is never trained and must be zero.
        with torch.no_grad():
            self.categories.weight[self.offsets] = 0.0
        inputs = (len(edges) + len(categories)) * embedding
        layers: list[nn.Module] = []
        for layer in range(depth):
            layers += [MemberLinear(members, inputs, width, differ=layer == 0), nn.ReLU(), nn.Dropout(dropout)]
            inputs = width
        self.hidden = nn.Sequential(*layers)
        # Zero heads: every member starts with equal logits of zero.
        self.head = nn.Parameter(torch.zeros(members, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(members, outputs))

    def forward(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        """Map numbers ``[rows, numeric]`` and codes ``[rows, categorical]`` to logits ``[rows, members, outputs]``."""
        embedded = torch.cat(
            [self.numbers(numeric).flatten(1), self.categories(categorical + self.offsets).flatten(1)], dim=1
        )
        hidden = self.hidden(embedded[:, None].expand(-1, self.members, -1))
        return torch.einsum("nmi,mio->nmo", hidden, self.head) + self.bias


class Columns(Protocol):
    """A fitted encoder of numbers and categories: bin edges, and the number of codes of each categorical feature."""

    edges: Tensor
    categories: list[int]


def build(settings: Mapping[str, Any], encoder: Columns, objective: Objective, network: Any = FNN) -> Any:
    """Make the network for what `encoder` gives.

    Parameters
    ----------
    settings
        Sizes from section ``model`` of params.yaml. Its ``bins`` are already in the encoder's edges.
    network
        The class: `FNN`, or its counterpart in `groundwork.scratch`.
    """
    sizes = {name: size for name, size in settings.items() if name != "bins"}
    return network(encoder.edges, encoder.categories, objective.outputs, **sizes)
