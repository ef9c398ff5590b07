"""A query tower and a product tower over sub-words, and a head that compares their vectors and reads lexical signals.

- Two towers, one space of vectors: Huang et al., "Learning Deep Structured Semantic Models for Web Search using
  Clickthrough Data" (DSSM), https://doi.org/10.1145/2505515.2505665.
- The towers start as latent semantic analysis of the catalogue and learn slowly. From random vectors they learn the
  training queries by heart: a few thousand queries are too few to learn what words mean.
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

ABSENT = -1e4  # a score that leaves nothing after softmax, also in half precision


def _embedding(start: Tensor) -> nn.Embedding:
    """Make an embedding that starts from `start`; its row 0 is padding, and is not trained."""
    made = nn.Embedding(len(start), start.shape[1], padding_idx=0)
    with torch.no_grad():
        made.weight.copy_(start)
    return made


def _learn_at(module: Any, rate: float) -> None:
    """Give a module's parameters a learning rate of their own, as `groundwork.training.optimizers` reads it."""
    for part in module.modules():
        part.optimizer_options = {"lr": rate}


class Tower(nn.Module):
    """Weighted mean of a text's sub-words, bent by a residual layer, of unit length.

    Parameters
    ----------
    weights
        The weight with which each sub-word starts, such as its inverse document frequency, ``[sub-words + 1]``.
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
        # The residual layer starts at nothing: the tower begins as the weighted mean.
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, text: Tensor, vectors: nn.Embedding) -> Tensor:
        """Map sub-words ``[rows, length]``, filled up with 0, to vectors of unit length ``[rows, width]``."""
        absent = text == 0
        if self.training:
            absent = absent | (torch.rand(text.shape, device=text.device) < self.dropout / 2)
        share = self.score(text)[..., 0].masked_fill(absent, ABSENT).softmax(dim=1)
        mean = torch.einsum("nt,ntw->nw", share, vectors(text))
        hidden = F.dropout(F.relu(self.inner(mean)), self.dropout, self.training)
        # Not in half precision: what keeps the length of an empty text from zero is zero there.
        return F.normalize((mean + self.outer(hidden)).float(), dim=1)


class TwoTower(nn.Module):
    """Towers, the elementwise product of their vectors, lexical signals, then hidden layers and a linear head.

    Parameters
    ----------
    vectors, weights
        With which vector ``[sub-words + 1, width of a tower]`` and weight ``[sub-words + 1]`` each sub-word starts; row
        0 is padding.
    edges
        Bin edges of the signals, ``[signals, bins + 1]``.
    outputs
        Logits of each row.
    tower
        Units of a tower's residual layer.
    tower_learning_rate, tower_dropout
        The towers' own; see `Tower` for the latter.
    width, depth, embedding, dropout
        Units of a hidden layer; hidden layers; length of a signal's embedding; share of units dropped.
    product_dropout
        Share of the towers' product dropped; without it the head learns training queries by heart.
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
    """A fitted encoder of queries and documents: vectors and rarity of its sub-words, and the signals' bin edges."""

    latent: Any
    edges: Tensor


def build(settings: Mapping[str, Any], encoder: Pairs, objective: Objective) -> TwoTower:
    """Make the network for the pairs that `encoder` gives; the encoder's edges hold the settings' ``bins``."""
    sizes = {name: size for name, size in settings.items() if name != "bins"}
    vectors, rarity = torch.from_numpy(encoder.latent.vectors), torch.from_numpy(encoder.latent.rarity)
    return TwoTower(vectors, rarity, encoder.edges, objective.outputs, **sizes)
