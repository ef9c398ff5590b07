"""Recommendation: users and items as vectors, learned from pairs, and the score of a ranked list.

A log of purchases says what was liked, never what was disliked: what a user did not buy may be unknown to them. So
nothing is learned about a single pair. What is learned is an order: of two items, the one that the user bought ranks
above one that they did not.

Koren et al., "Matrix Factorization Techniques for Recommender Systems", https://doi.org/10.1109/MC.2009.263
"""

from collections.abc import Iterable, Sequence

import numpy as np

from groundwork.scratch import functional as F
from groundwork.scratch import nn
from groundwork.scratch.arrays import Array
from groundwork.scratch.nn import init
from groundwork.scratch.random import generator
from groundwork.scratch.tensor import Tensor


class MatrixFactorization(nn.Module):
    """A vector for each user and each item; their dot product says how well the two match.

    All scores are one matrix, users by items, and it is the product of two thin ones: hence the name.

    Parameters
    ----------
    users, items
        How many there are.
    width
        Length of a vector: the number of tastes that can be distinguished.
    std
        Standard deviation of the first vectors.
    """

    def __init__(self, users: int, items: int, width: int, std: float = 0.1) -> None:
        self.user_vectors = nn.Embedding(users, width)
        self.item_vectors = nn.Embedding(items, width)
        # What everybody buys needs no taste to explain it.
        self.item_bias = nn.Parameter(np.zeros(items, np.float32))
        init.normal_(self.user_vectors.weight, std=std)
        init.normal_(self.item_vectors.weight, std=std)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Score pairs: integers ``[...]`` and ``[...]``, of shapes that broadcast, to ``[...]``."""
        products = self.user_vectors(users) * self.item_vectors(items)
        return products.sum(-1) + self.item_bias[Tensor(items).data]

    def scores(self, users: Tensor) -> Tensor:
        """Score every item for each of `users`, integers ``[rows]``: ``[rows, items]``."""
        vectors = self.item_vectors.weight
        return self.user_vectors(users) @ vectors.transpose(0, 1) + self.item_bias


def bpr_loss(positive: Tensor, negative: Tensor) -> Tensor:
    """Average -log sigmoid(positive - negative): the surprise that the first of each pair was preferred.

    Bayesian personalized ranking: Rendle et al., https://arxiv.org/abs/1205.2618

    Parameters
    ----------
    positive, negative
        Scores of what was bought and of what was not, of the same shape; ValueError if it is not.
    """
    if positive.shape != negative.shape:
        shapes = f"{positive.shape}, {negative.shape}"
        raise ValueError(f"expected as many negatives as positives; found shapes {shapes}")
    return -F.logsigmoid(positive - negative).mean()


def sample_negatives(users: Array, bought: Array) -> Array:
    """Draw for each of `users` an item that they did not buy, all with equal probability.

    Parameters
    ----------
    users
        Integers ``[rows]``.
    bought
        Who bought what, boolean ``[users, items]``.

    Returns
    -------
    ndarray
        Items, int64 ``[rows]``.

    Raises
    ------
    ValueError
        If `bought` is not boolean, or one of `users` bought everything.
    """
    if bought.dtype != bool:  # zeros and ones would be places in `items` below
        raise ValueError(f"bought: found {bought.dtype}; expected bool, [users, items]")
    if bought[users].all(1).any():
        raise ValueError(f"user {users[bought[users].all(1)][0]} bought everything: there is no negative to draw")
    items = generator().integers(bought.shape[1], size=len(users))
    # Most draws are right at once; the others are drawn again.
    while (again := bought[users, items]).any():
        items[again] = generator().integers(bought.shape[1], size=again.sum())
    return items


def recommend(scores: Array, k: int) -> Array:
    """List the `k` best items of each row of `scores` ``[rows, items]``, best first: int64 ``[rows, k]``.

    ValueError if `k` is below 1; if there are fewer items, all are listed.
    """
    if k < 1:
        raise ValueError(f"k: found {k}; expected 1 or more items")
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def average_precision(recommended: Sequence[int], bought: Iterable[int], k: int = 12) -> float:
    """Score one ranked list against what was bought: 1 if it begins with all bought items, 0 if it has none of them.

    At each hit it takes the precision so far, the share of hits among the places down to this one. Their sum is
    divided by the number of hits that there could be. An item bought twice counts once; one that is recommended twice
    counts at its first place only, and the second place is lost.

    Parameters
    ----------
    recommended
        Items, best first; those after the first `k` are not looked at.
    bought
        Items; ValueError if there are none, for then nothing can be found.
    k
        Length of the list, 1 or more.
    """
    missing = set(map(int, bought))
    possible = min(k, len(missing))
    if possible < 1:
        raise ValueError(f"found k = {k} and {len(missing)} items; expected 1 or more")
    hits, total = 0, 0.0
    for place, item in enumerate(recommended[:k], start=1):
        if int(item) in missing:
            missing.remove(int(item))  # no second hit by the same item
            hits += 1
            total += hits / place
    return total / possible


def mean_average_precision(recommended: Sequence[Sequence[int]], bought: Sequence[Iterable[int]], k: int = 12) -> float:
    """Average `average_precision` over users, MAP@k; those who bought nothing are left out, ValueError if all are."""
    pairs = [(ranked, set(items)) for ranked, items in zip(recommended, bought, strict=True)]
    scores = [average_precision(ranked, items, k) for ranked, items in pairs if items]
    if not scores:
        raise ValueError(f"bought: found {len(pairs)} users and none who bought anything; expected 1 or more")
    return float(np.mean(scores))
