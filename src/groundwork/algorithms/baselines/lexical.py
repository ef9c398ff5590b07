"""What a query and a document's texts have in common, by their weighted words alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.preprocessing import StandardScaler

from groundwork.algorithms.baselines import Array
from groundwork.algorithms.baselines.linear import Matrix
from groundwork.competitions import Pair

# n-grams within words: a query's "bracket" meets a title's "brackets", which whole words would miss.
GRAMS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (2, 4)}
LONG_GRAMS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (4, 4)}
MOST = 50_000  # frequent ones that are kept; the rest are many, and say little
# One column against thousands: the penalty on its weight must not drown it.
COSINE_WEIGHT = 3.0


class BM25:
    """How well a document answers a query, by the words of the query that it holds [1]_.

    Words are hashed rather than listed: one that no fitted document holds counts as the rarest, and a query without a
    known word has the score 0 for all documents.

    Parameters
    ----------
    k1
        How soon further occurrences of a word add nothing.
    b
        How far a long document is held to say the same with more words, 0 to 1.
    **words
        How a text is cut into words, in the terms of `sklearn.feature_extraction.text.HashingVectorizer`.

    .. [1] Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
    """

    def __init__(self, k1: float = 1.2, b: float = 0.75, **words: Any) -> None:
        self.k1, self.b = k1, b
        self._words = HashingVectorizer(alternate_sign=False, norm=None, **words)

    def fit(self, documents: Iterable[str]) -> Self:
        """Learn how rare words are, and how long a document is."""
        counts = self._words.transform(documents)
        frequency = np.bincount(counts.indices, minlength=counts.shape[1])
        self.rarity = np.log1p((counts.shape[0] - frequency + 0.5) / (frequency + 0.5))
        self.length = float(counts.sum(1).mean()) or 1.0
        return self

    def score(self, queries: pd.Series, documents: pd.Series) -> NDArray[np.float64]:
        """Score pairs, ``[rows, 2]``: BM25, and its part of the sum of the query's words' rarities."""
        query, document = by_text(self._words.transform, queries), by_text(self._words.transform, documents)
        lengths = np.repeat(_row_sums(document), np.diff(document.indptr)) / self.length
        saturated = document.data * (self.k1 + 1) / (document.data + self.k1 * (1 - self.b + self.b * lengths))
        document.data = self.rarity[document.indices] * saturated
        query.data[:] = 1
        score = _row_sums(query.multiply(document))
        return np.column_stack([score, score / np.maximum(query @ self.rarity, 1e-9)])


@dataclass(frozen=True)
class FieldScores:
    """BM25 of the query in each text of the document, standardized."""

    pair: Pair

    def __call__(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> tuple[Matrix, Matrix]:
        """Fit on the documents of `train` and score both: ``[rows, 2 * fields]``."""
        train, valid = _filled(train, self.pair), _filled(valid, self.pair)
        documents = train.drop_duplicates(self.pair.document)
        scores: list[list[Array]] = [[], []]
        for name in self.pair.fields:
            bm25 = BM25(**LONG_GRAMS).fit(documents[name])
            for found, frame in zip(scores, (train, valid), strict=True):
                found.append(bm25.score(frame[self.pair.query], frame[name]))
        seen, asked = map(np.column_stack, scores)
        scaler = StandardScaler().fit(seen)
        return scaler.transform(seen), scaler.transform(asked)


@dataclass(frozen=True)
class PairTfIdf:
    """TF-IDF of the query and of the document's texts, and the cosine of the two."""

    pair: Pair

    def __call__(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> tuple[Matrix, Matrix]:
        """Fit on the texts of `train` and weight both: sparse, ``[rows, 2 * n-grams + 1]``."""
        train, valid = _filled(train, self.pair), _filled(valid, self.pair)
        texts = [frame[list(self.pair.fields)].agg(" ".join, axis=1) for frame in (train, valid)]
        queries = [frame[self.pair.query] for frame in (train, valid)]
        vectors = TfidfVectorizer(sublinear_tf=True, max_features=MOST, **GRAMS)
        vectors.fit(pd.concat([queries[0], texts[0]]).unique())
        seen, asked = (self._both(vectors, *pairs) for pairs in zip(queries, texts, strict=True))
        return seen, asked

    def _both(self, vectors: TfidfVectorizer, queries: pd.Series, documents: pd.Series) -> Matrix:
        query, document = by_text(vectors.transform, queries), by_text(vectors.transform, documents)
        cosine = COSINE_WEIGHT * _row_sums(query.multiply(document))[:, None]
        return sparse.hstack([query, document, sparse.csr_array(cosine)], format="csr")


def by_text(transform: Any, texts: pd.Series) -> Any:
    """Transform each different text once, and give every row its own: sparse, ``[rows, ...]``."""
    codes, different = pd.factorize(texts)
    return transform(different)[codes]


def _row_sums(matrix: Matrix) -> NDArray[np.float64]:
    return np.asarray(matrix.sum(1)).ravel()


def _filled(frame: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    texts = [pair.query, *pair.fields]
    return frame.assign(**{name: frame[name].fillna("") for name in texts})
