"""Retrieval: how well documents match a query (BM25), and how good a ranking is (NDCG)."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from groundwork.scratch.arrays import Array


class BM25:
    """Scores documents by the words that they share with a query (https://doi.org/10.1561/1500000019).

    Three counts decide: how often a word occurs in a document, how many documents contain it, and how long they are.

    Parameters
    ----------
    documents
        Each a list of words.
    k1
        How soon further occurrences of a word add nothing: at 0, a second one already does not count.
    b
        How far a long document is held to say the same with more words: 0 is not at all, 1 is in proportion.

    Attributes
    ----------
    counts : list of Counter
        How often each document holds each of its words.
    holding : Counter
        How many documents hold each word.
    lengths : ndarray
        Words of each document, float64 ``[documents]``.

    Raises
    ------
    ValueError
        If there is no document, `k1` is negative or not finite, or `b` lies outside 0 to 1.
    TypeError
        If a document, or a query, is a string: it would be taken for a list of letters.
    """

    def __init__(self, documents: Sequence[Sequence[str]], k1: float = 1.2, b: float = 0.75) -> None:
        if not len(documents):
            raise ValueError("documents: found none; expected one or more")
        if not (0 <= k1 < math.inf and 0 <= b <= 1):  # NaN is neither
            raise ValueError(f"found k1 {k1} and b {b}; expected k1 of at least 0, and b between 0 and 1")
        self.k1, self.b = k1, b
        self.counts = [Counter(_words("a document", document)) for document in documents]
        self.holding = Counter(word for count in self.counts for word in count)
        self.lengths: Array = np.array([count.total() for count in self.counts], np.float64)

    def rarity(self, word: str) -> float:
        """Inverse document frequency: large for a word that few documents contain, never below 0."""
        holding = self.holding[word]
        return math.log1p((len(self.counts) - holding + 0.5) / (holding + 0.5))

    def weights(self, word: str) -> Array:
        """Return what `word` adds to each document's score, float64 ``[documents]``; 0 where it does not occur."""
        times = np.array([count[word] for count in self.counts], np.float64)
        # Documents of average length have 1 here; in a longer one, a word has to occur more often to count as much.
        length = 1 - self.b + self.b * self.lengths / (self.lengths.mean() or 1.0)
        # Approaches 1 as the word occurs more often. (With k1 of 0 and without the word, it would be 0/0.)
        share = times / np.maximum(times + self.k1 * length, 1e-9)
        return self.rarity(word) * (self.k1 + 1) * share

    def scores(self, query: Sequence[str]) -> Array:
        """Score all documents for the words of `query`, each counted once: float64 ``[documents]``."""
        different = dict.fromkeys(_words("the query", query))
        return sum((self.weights(word) for word in different), np.zeros(len(self.counts)))


def dcg(relevance: Any, k: int | None = None) -> float:
    """Discounted cumulative gain of an order: Σ (2^relevance - 1) / log2(place + 1), over places 1 to `k`.

    Parameters
    ----------
    relevance
        In the order of the list, best place first: numbers of at least 0, ``[documents]``.
    k
        How many places count; None: all.

    Raises
    ------
    ValueError
        If relevance is negative, or so large that 2^relevance overflows, or `k` is below 1.
    """
    if k is not None and k < 1:
        raise ValueError(f"k: found {k}; expected 1 or more places")
    gains = 2.0 ** _relevance(relevance)[:k] - 1
    # A reader looks at the second place less than at the first, and hardly at the tenth.
    return float((gains / np.log2(np.arange(len(gains)) + 2)).sum())


def ndcg(relevance: Any, scores: Any, k: int | None = None) -> float:
    """DCG of the order by `scores`, divided by that of the best order: 1 is perfect.

    Documents of equal score keep their order. A query without any relevant document gives 0.

    Parameters
    ----------
    relevance
        What judges say of each document of one query, at least 0, ``[documents]``.
    scores
        What a model says of them, ``[documents]``; only the order matters.
    k
        How many places count; None: all.

    Raises
    ------
    ValueError
        If shapes differ, scores are NaN, or `dcg` refuses relevance or `k`.

    References
    ----------
    Järvelin and Kekäläinen, https://doi.org/10.1145/582415.582418; with these gains: Burges et al.,
    https://doi.org/10.1145/1102351.1102363
    """
    judged, said = _relevance(relevance), np.asarray(scores, np.float64)
    if judged.shape != said.shape:
        raise ValueError(f"expected a score for each relevance; found shapes {judged.shape} and {said.shape}")
    if np.isnan(said).any():
        raise ValueError("scores: found NaN, which has no place in an order")
    best = dcg(np.sort(judged)[::-1], k)
    return dcg(judged[np.argsort(-said, kind="stable")], k) / best if best else 0.0


def _relevance(values: Any) -> Array:
    relevance = np.asarray(values, np.float64)
    if relevance.ndim != 1:
        raise ValueError(f"relevance: expected shape [documents], of one query; found {relevance.shape}")
    if not (relevance >= 0).all():
        raise ValueError(f"relevance: found {relevance[~(relevance >= 0)][0]}; expected numbers of at least 0")
    with np.errstate(over="ignore"):
        if not np.isfinite((2.0**relevance).sum()):
            raise ValueError(f"relevance: found {relevance.max()}; expected numbers x of which 2^x does not overflow")
    return relevance


def _words(what: str, words: Sequence[str]) -> Sequence[str]:
    if isinstance(words, str):
        raise TypeError(f"{what}: found the string {words[:20]!r}; expected a list of words")
    return words
