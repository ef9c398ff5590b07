"""Scores documents against queries by their common words (BM25)."""

from collections.abc import Iterable, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer

from groundwork.state import State, array, scalar

Sparse: TypeAlias = Any


class BM25:
    """Weights of a document's words. Their sum over a query's words is the document's score.

    Words are hashed instead of listed. A word in no fitted document counts as the rarest, and a query without known
    words scores 0 for all documents.

    Parameters
    ----------
    k1
        Saturation: how soon further occurrences of a word stop adding to the score.
    b
        Strength of the length normalization, 0 to 1.
    **options
        How to split a text into words: options of `sklearn.feature_extraction.text.HashingVectorizer`, such as
        ``analyzer=list`` for texts that are sequences of words.

    References
    ----------
    Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond",
    https://doi.org/10.1561/1500000019.
    """

    def __init__(self, k1: float = 1.2, b: float = 0.75, **options: Any) -> None:
        self.k1, self.b = k1, b
        self._counter = HashingVectorizer(alternate_sign=False, norm=None, dtype=np.float32, **options)

    def fit(self, documents: Iterable[Any]) -> Self:
        """Compute the words' inverse document frequencies and the mean length of a document."""
        counts = self._counter.transform(documents)
        frequency = np.bincount(counts.indices, minlength=counts.shape[1])
        self.rarity = np.log1p((counts.shape[0] - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
        self.rarest = np.float32(np.log1p((counts.shape[0] + 0.5) / 0.5))
        self.length = float(counts.sum(1).mean()) or 1.0
        return self

    def weights(self, documents: Iterable[Any]) -> Sparse:
        """Return the weights of any documents' words: sparse float32 ``[documents, words]``."""
        counts = self._counter.transform(documents)
        lengths = np.repeat(np.asarray(counts.sum(1)).ravel(), np.diff(counts.indptr)) / self.length
        saturated = counts.data * (self.k1 + 1) / (counts.data + self.k1 * (1 - self.b + self.b * lengths))
        counts.data = (self.rarity[counts.indices] * saturated).astype(np.float32)
        return counts

    def mark(self, queries: Iterable[Any]) -> Sparse:
        """Return 1 for each word of a query, however often it occurs: sparse float32 ``[queries, words]``."""
        marks = self._counter.transform(queries)
        marks.data[:] = 1
        return marks

    def rarities(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return the inverse document frequencies of single words, ``[words]``."""
        return np.asarray(self._counter.transform([word] for word in words) @ self.rarity)

    def state(self) -> State:
        """Return the fitted values of known words, as data; most of the million hashes have no word."""
        known = np.flatnonzero(self.rarity != self.rarest)
        return {
            "k1": float(self.k1),
            "b": float(self.b),
            "length": self.length,
            "rarest": float(self.rarest),
            "known": known,
            "rarity": self.rarity[known],
        }

    @classmethod
    def from_state(cls, state: State, **options: Any) -> Self:
        """Rebuild from `state`; `options` are those of the constructor."""
        bm25 = cls(scalar(state, "k1", float), scalar(state, "b", float), **options)
        bm25.length, bm25.rarest = scalar(state, "length", float), np.float32(scalar(state, "rarest", float))
        bm25.rarity = np.full(bm25._counter.n_features, bm25.rarest)
        bm25.rarity[array(state, "known", np.int64)] = array(state, "rarity", np.float32)
        return bm25


def paired(queries: Sparse, documents: Sparse) -> NDArray[np.float32]:
    """Score the i-th query against the i-th document, float32 ``[rows]``."""
    return np.asarray(queries.multiply(documents).sum(1), dtype=np.float32).ravel()
