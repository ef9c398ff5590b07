"""Lexical features of a query and a document: BM25 and TF-IDF."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler

from groundwork.baselines import Array
from groundwork.baselines.linear import Matrix
from groundwork.competitions import Pair
from groundwork.encoders.language.bm25 import BM25, paired

# n-grams within words match a query's "bracket" with a title's "brackets", which whole words would not.
GRAMS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (2, 4)}
LONG_GRAMS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (4, 4)}
MOST = 50_000  # the most frequent n-grams are kept; the others carry little information
# The cosine is a single column among thousands; scaling it up weakens the penalty on its weight.
COSINE_WEIGHT = 3.0


@dataclass(frozen=True)
class FieldScores:
    """BM25 of the query for each text of the document, standardized."""

    pair: Pair

    def __call__(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> tuple[Matrix, Matrix]:
        """Fit on the documents of `train` and score both: ``[rows, 2 * fields]``."""
        train, valid = _filled(train, self.pair), _filled(valid, self.pair)
        documents = train.drop_duplicates(self.pair.document)
        scores: list[list[Array]] = [[], []]
        for name in self.pair.fields:
            bm25 = BM25(**LONG_GRAMS).fit(documents[name])
            for columns, frame in zip(scores, (train, valid), strict=True):
                columns.append(_scores(bm25, frame[self.pair.query], frame[name]))
        train_scores, valid_scores = map(np.column_stack, scores)
        scaler = StandardScaler().fit(train_scores)
        return scaler.transform(train_scores), scaler.transform(valid_scores)


@dataclass(frozen=True)
class PairTfIdf:
    """TF-IDF of the query and of the document's texts, and the cosine between the two."""

    pair: Pair

    def __call__(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> tuple[Matrix, Matrix]:
        """Fit on the texts of `train` and weight both: sparse, ``[rows, 2 * n-grams + 1]``."""
        train, valid = _filled(train, self.pair), _filled(valid, self.pair)
        texts = [frame[list(self.pair.fields)].agg(" ".join, axis=1) for frame in (train, valid)]
        queries = [frame[self.pair.query] for frame in (train, valid)]
        vectors = TfidfVectorizer(sublinear_tf=True, max_features=MOST, **GRAMS)
        vectors.fit(pd.concat([queries[0], texts[0]]).unique())
        train_features, valid_features = (self._both(vectors, *pairs) for pairs in zip(queries, texts, strict=True))
        return train_features, valid_features

    def _both(self, vectors: TfidfVectorizer, queries: pd.Series, documents: pd.Series) -> Matrix:
        query, document = by_text(vectors.transform, queries), by_text(vectors.transform, documents)
        cosine = COSINE_WEIGHT * _row_sums(query.multiply(document))[:, None]
        return sparse.hstack([query, document, sparse.csr_array(cosine)], format="csr")


def _scores(bm25: BM25, queries: pd.Series, documents: pd.Series) -> NDArray[np.float32]:
    """Score pairs, ``[rows, 2]``: BM25, and BM25 divided by the sum of the rarities of the query's words."""
    query_terms, weights = by_text(bm25.mark, queries), by_text(bm25.weights, documents)
    score = paired(query_terms, weights)
    return np.column_stack([score, score / np.maximum(query_terms @ bm25.rarity, 1e-9)])


def by_text(transform: Any, texts: pd.Series) -> Any:
    """Transform each distinct text once, and return a row for every text: sparse, ``[rows, ...]``."""
    codes, distinct = pd.factorize(texts)
    return transform(distinct)[codes]


def _row_sums(matrix: Matrix) -> NDArray[np.float64]:
    return np.asarray(matrix.sum(1)).ravel()


def _filled(frame: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    texts = [pair.query, *pair.fields]
    return frame.assign(**{name: frame[name].fillna("") for name in texts})
