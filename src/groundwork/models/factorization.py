"""Factorization: scores an article for a customer by the product of their vectors.

- A customer's vector is the weighted sum of the articles in their history, of which the latest count most: Kabbur et
  al., "FISM: Factored Item Similarity Models", https://doi.org/10.1145/2487575.2487589, and Covington et al., "Deep
  Neural Networks for YouTube Recommendations", https://doi.org/10.1145/2959100.2959190. A new customer needs no
  training; for a customer without a history only popularity counts.
- In training, each purchase is compared with those of its mini-batch and with articles drawn at random, corrected for
  how often an article is drawn: Yi et al., "Sampling-Bias-Corrected Neural Modeling",
  https://doi.org/10.1145/3298689.3346996.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from groundwork.objectives.recommendation import Recommendation


class Factorization(nn.Module):
    """Scores articles for customers.

    Parameters
    ----------
    features
        Numbers of each article's labels, int64 ``[articles, columns]``; a label counts once over all columns.
    labels
        Number of labels.
    sales
        Sales of each article in each span of time, ``[spans, articles]``; the last span is first.
    share
        Share of each article among the training purchases, ``[articles]``.
    candidates
        Codes of the articles that may be recommended, ascending, int64 ``[candidates]``.
    length
        The longest history.
    width
        Length of a vector.
    dropout
        Share of a customer's vector that is dropped.
    negatives
        Number of random candidates that a mini-batch is compared with, in addition to its own purchases.
    """

    def __init__(
        self,
        features: Tensor,
        labels: int,
        sales: Tensor,
        share: Tensor,
        candidates: Tensor,
        length: int,
        width: int = 64,
        dropout: float = 0.2,
        negatives: int = 1024,
    ) -> None:
        super().__init__()
        self.negatives = negatives
        # An article has the same vector in histories and as a candidate. It is not an `nn.Embedding`, because weight
        # decay must apply to it: the vectors of rarely bought articles should stay near zero.
        self.article_weight = nn.Parameter(torch.randn(len(features), width) * 0.02)
        self.labels = nn.EmbeddingBag(max(labels, 1), width, mode="sum")
        nn.init.zeros_(self.labels.weight)
        self.bias = nn.Parameter(torch.zeros(len(features)))
        # Logarithm of a purchase's weight, by its distance from the last one.
        self.recency = nn.Parameter(-torch.log1p(0.3 * torch.arange(length)))
        self.scale = nn.Parameter(torch.zeros(()))
        self.bought_before = nn.Parameter(torch.zeros(()))
        self.trend = nn.Parameter(torch.zeros(()))
        self.dropout = nn.Dropout(dropout)
        self.features: Tensor
        self.candidates: Tensor
        self.log_sales: Tensor
        self.register_buffer("features", features, persistent=False)
        self.register_buffer("candidates", candidates, persistent=False)
        self.register_buffer("log_sales", sales.log1p(), persistent=False)
        # Expected number of comparisons with an article, from a single purchase and from the draws of a mini-batch.
        self.share: Tensor
        self.drawn: Tensor
        self.register_buffer("share", share, persistent=False)
        draws = torch.zeros(len(features)).index_fill(0, candidates, negatives / len(candidates))
        self.register_buffer("drawn", draws, persistent=False)

    def forward(self, history: Tensor, span: Tensor, article: Tensor | None = None) -> Tensor:
        """Score articles.

        Parameters
        ----------
        history
            Codes plus 1 of the articles that each customer bought, the latest last, int32 or int64 ``[rows, longest]``,
            padded with 0.
        span
            Row of `sales` for the previous span, int64 ``[rows]``.
        article
            In training: codes of the articles that were bought next, int64 ``[rows]``.

        Returns
        -------
        Tensor
            Scores of the candidates, ``[rows, candidates]``. In training, scores of the compared articles, ``[rows,
            compared]``, of which the one that was bought next is first.
        """
        customers = self.dropout(self._customers(history)) * self.scale.exp()
        if article is None:
            return self._scores(customers, history, span, self.candidates)
        drawn = self.candidates[torch.randint(len(self.candidates), (self.negatives,), device=article.device)]
        pool, place = torch.unique(torch.cat([article, drawn]), return_inverse=True)
        # Frequent comparisons would lower an article's score; subtracting the log probability corrects for that.
        chance = -torch.expm1(len(article) * torch.log1p(-self.share[pool].clamp(max=0.99)) - self.drawn[pool])
        scores = self._scores(customers, history, span, pool) - chance.clamp(min=1e-9).log()
        own = place[: len(article), None]
        return torch.cat([scores.gather(1, own), scores.scatter(1, own, -torch.inf)], dim=1)

    def _vectors(self, codes: Tensor) -> Tensor:
        """Return articles' vectors, ``[..., width]``: the sum of an article's own vector and those of its labels."""
        if not self.features.shape[1]:
            return F.embedding(codes, self.article_weight)
        # Histories share articles; each distinct vector is computed once.
        articles, place = torch.unique(codes, return_inverse=True)
        return F.embedding(place, F.embedding(articles, self.article_weight) + self.labels(self.features[articles]))

    def _customers(self, history: Tensor) -> Tensor:
        """Sum the vectors of each history by recency, ``[rows, width]``."""
        present = history > 0
        # Positions are counted from the end of each history.
        place = present.sum(1, keepdim=True) - 1 - torch.arange(history.shape[1], device=history.device)
        weights = self.recency[place.clamp(min=0)].exp() * present
        weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-6).sqrt()
        return torch.einsum("nl,nlw->nw", weights, self._vectors((history.long() - 1).clamp(min=0)))

    def _scores(self, customers: Tensor, history: Tensor, span: Tensor, pool: Tensor) -> Tensor:
        """Score the articles of `pool` (codes, ascending), ``[rows, len(pool)]``."""
        spans, which = torch.unique(span, return_inverse=True)
        offset = self.bias[pool] + self.trend * self.log_sales[spans[:, None], pool]
        # In prediction all rows have the same span.
        scores = torch.addmm(offset if len(spans) == 1 else offset[which], customers, self._vectors(pool).T)
        place = torch.searchsorted(pool, history.long() - 1).clamp(max=len(pool) - 1)
        row = torch.arange(len(history), device=history.device)[:, None]
        # An article that was bought twice counts once.
        before = torch.unique((row * len(pool) + place)[pool[place] == history - 1])
        scores.view(-1).index_add_(0, before, self.bought_before.to(scores.dtype).expand(len(before)))
        return scores


class Histories(Protocol):
    """A fitted encoder of purchases: facts about each article, and the longest history."""

    features: Tensor
    labels: int
    sales: Tensor
    share: Tensor
    length: int


def build(settings: Mapping[str, Any], encoder: Histories, objective: Recommendation) -> Factorization:
    """Make the network that scores the candidates of `objective` for the histories that `encoder` gives."""
    articles = (encoder.features, encoder.labels, encoder.sales, encoder.share)
    return Factorization(*articles, objective.candidates, encoder.length, **settings)
