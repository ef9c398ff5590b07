"""A two-tower network for search: towers for query and document, and a head that also reads lexical signals.

- The two towers map to the same vector space: Huang et al., "Learning Deep Structured Semantic Models for Web Search
  using Clickthrough Data" (DSSM), https://doi.org/10.1145/2505515.2505665.
- The towers start from latent semantic analysis of the catalogue and have a low learning rate. From random vectors
  they would memorize the training queries: a few thousand queries are too few to learn what words mean.
- Lexical signals are embedded piecewise-linearly, as in `groundwork.models.fnn`.
"""

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from groundwork.models.fnn import PiecewiseLinearEmbedding
from groundwork.objectives.base import Objective

ABSENT = -1e4  # a score that becomes zero after softmax, also in half precision


def _embedding(start: Tensor) -> nn.Embedding:
    """Make an embedding with the initial weights `start`; row 0 is padding and is not trained."""
    embedding = nn.Embedding(len(start), start.shape[1], padding_idx=0)
    with torch.no_grad():
        embedding.weight.copy_(start)
    return embedding


def _learn_at(module: Any, rate: float) -> None:
    """Set the learning rate of a module's parameters, which `groundwork.training.optimizers` reads."""
    for part in module.modules():
        part.optimizer_options = {"lr": rate}


class Tower(nn.Module):
    """The weighted mean of a text's sub-words, transformed by a residual layer and scaled to unit length.

    Parameters
    ----------
    weights
        The initial weight of each sub-word, such as its inverse document frequency, ``[sub-words + 1]``.
    width, hidden
        Length of a vector; units of the residual layer.
    dropout
        Share of the hidden units dropped; half of it is the share of sub-words dropped.
    """

    def __init__(self, weights: Tensor, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.score = _embedding(weights.log()[:, None])
        self.inner = nn.Linear(width, hidden)
        self.outer = nn.Linear(hidden, width)
        # The residual layer starts at zero, so that the tower is the weighted mean at first.
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, text: Tensor, vectors: nn.Embedding) -> Tensor:
        """Map sub-words ``[rows, length]``, padded with 0, to vectors of unit length ``[rows, width]``."""
        absent = text == 0
        if self.training:
            absent = absent | (torch.rand(text.shape, device=text.device) < self.dropout / 2)
        share = self.score(text)[..., 0].masked_fill(absent, ABSENT).softmax(dim=1)
        mean = torch.einsum("nt,ntw->nw", share, vectors(text))
        hidden = F.dropout(F.relu(self.inner(mean)), self.dropout, self.training)
        # In half precision the epsilon that prevents a division by zero for an empty text would be zero.
        return F.normalize((mean + self.outer(hidden)).float(), dim=1)


class TwoTower(nn.Module):
    """Towers, the elementwise product of their vectors, lexical signals, then hidden layers and a linear head.

    Parameters
    ----------
    vectors, weights
        The initial vector ``[sub-words + 1, width of a tower]`` and weight ``[sub-words + 1]`` of each sub-word; row 0
        is padding.
    edges
        Bin edges of the signals, ``[signals, bins + 1]``.
    outputs
        Logits of each row.
    tower
        Units of a tower's residual layer.
    tower_learning_rate, tower_dropout
        Learning rate and dropout of the towers; see `Tower` for the latter.
    width, depth, embedding, dropout
        Units of a hidden layer; number of hidden layers; length of a signal's embedding; share of units dropped.
    product_dropout
        Share of the towers' product that is dropped; without dropout the head memorizes training queries.
    """

    def __init__(
        self,
        vectors: Tensor,
        weights: Tensor,
        edges: Tensor,
        outputs: int = 1,
        tower: int = 128,
        tower_learning_rate: float = 1e-4,
        tower_dropout: float = 0.2,
        width: int = 128,
        depth: int = 2,
        embedding: int = 6,
        dropout: float = 0.2,
        product_dropout: float = 0.3,
    ) -> None:
        super().__init__()
        size = vectors.shape[1]
        self.vectors = _embedding(vectors)
        self.query_tower = Tower(weights, size, tower, tower_dropout)
        self.document_tower = Tower(weights, size, tower, tower_dropout)
        for slow in (self.vectors, self.query_tower, self.document_tower):
            _learn_at(slow, tower_learning_rate)
        self.signals = PiecewiseLinearEmbedding(edges, embedding)
        self.product_dropout = product_dropout
        inputs = len(edges) * embedding + size
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout)]
            inputs = width
        self.hidden = nn.Sequential(*layers)
        self.head = nn.Linear(inputs, outputs)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def embed_query(self, query: Tensor) -> Tensor:
        """Map sub-words ``[rows, length]`` to unit vectors ``[rows, width of a tower]``."""
        return self.query_tower(query, self.vectors)

    def embed_document(self, document: Tensor) -> Tensor:
        """Map sub-words ``[rows, length]`` to unit vectors ``[rows, width of a tower]``."""
        return self.document_tower(document, self.vectors)

    def forward(self, query: Tensor, document: Tensor, signals: Tensor) -> Tensor:
        """Map sub-words ``[rows, length]`` of both and signals ``[rows, signals]`` to logits ``[rows, outputs]``."""
        product = self.embed_query(query) * self.embed_document(document) * math.sqrt(self.vectors.embedding_dim)
        product = F.dropout(product, self.product_dropout, self.training)
        return self.head(self.hidden(torch.cat([self.signals(signals).flatten(1), product], dim=1)))


class Pairs(Protocol):
    """A fitted encoder of queries and documents: its sub-words' vectors and weights, and the signals' bin edges."""

    latent: Any
    edges: Tensor


def build(settings: Mapping[str, Any], encoder: Pairs, objective: Objective) -> TwoTower:
    """Make the network for the pairs that `encoder` gives; ``bins`` of the settings are in the encoder's edges."""
    sizes = {name: size for name, size in settings.items() if name != "bins"}
    vectors, rarity = torch.from_numpy(encoder.latent.vectors), torch.from_numpy(encoder.latent.rarity)
    return TwoTower(vectors, rarity, encoder.edges, objective.outputs, **sizes)
