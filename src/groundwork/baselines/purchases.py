"""Recommendation baselines: popularity, repurchase and item-based nearest neighbours.

They work on arrays of codes and multiply sparse matrices in chunks; thirty million purchases take minutes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from groundwork.baselines import Array

Codes = NDArray[np.int64]
Sparse: TypeAlias = Any

# The number of each customer's last purchases that count, of neighbours that are kept for each article, and of
# customers or articles in a chunk. They limit memory and time for any amount of data.
HISTORY, NEIGHBOURS, CHUNK = 32, 200, 2048


@dataclass(frozen=True)
class Popularity:
    """The articles that sold most in the last week.

    Attributes
    ----------
    articles
        Number of articles.
    days, answers
        Length of the last week in days, and of the lists.
    """

    articles: int
    days: int
    answers: int
    name: str = "popularity of the last week"

    def fit_predict(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> Array:
        """Rank articles by their sales in the `days` before the validation rows; see `Baseline`."""
        log = _Log.of(train, valid, self.articles, self.days)
        nothing = np.empty((len(valid), 0), dtype=np.int64)
        return log.filled(nothing, self.answers, log.bought_once)


@dataclass(frozen=True)
class Repurchase:
    """The articles that the customer bought, the latest first; then those that sold most in the last week."""

    articles: int
    days: int
    answers: int
    name: str = "repurchase"

    def fit_predict(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> Array:
        """Rank each customer's articles by their last purchase; see `Baseline`."""
        log = _Log.of(train, valid, self.articles, self.days)
        pieces = [first_distinct(log.own(rows, HISTORY), self.answers) for rows in _chunks(len(valid))]
        return log.filled(np.concatenate(pieces), self.answers, False)


@dataclass(frozen=True)
class ItemKNN:
    """The articles that are most similar to those that the customer bought.

    The similarity of two articles is the cosine of their columns in the matrix of customers and articles. An article's
    score is its similarity summed over the customer's last purchases. Customers without purchases get the articles that
    sold most.

    References
    ----------
    Deshpande and Karypis, "Item-Based Top-N Recommendation Algorithms", ACM TOIS 2004.
    """

    articles: int
    days: int
    answers: int
    name: str = "item-kNN"

    def fit_predict(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> Array:
        """Rank articles by their similarity to the customer's; see `Baseline`."""
        log = _Log.of(train, valid, self.articles, self.days)
        similarity = _nearest(_last_bought(train, self.articles))
        pieces = []
        for rows in _chunks(len(valid)):
            own = log.own(rows, HISTORY)
            history = _incidence(np.nonzero(own >= 0)[0], own[own >= 0], len(own), self.articles)
            scores = history @ similarity
            if log.bought_once:
                known = log.own(rows)
                scores -= scores.multiply(
                    _incidence(np.nonzero(known >= 0)[0], known[known >= 0], len(own), self.articles)
                )
                scores.eliminate_zeros()
            pieces.append(_best(scores, self.answers))
        return log.filled(np.concatenate(pieces), self.answers, log.bought_once)


@dataclass(frozen=True)
class _Log:
    """The training purchases, with the position of each validation customer's.

    Attributes
    ----------
    article
        The articles of the training purchases, sorted by customer and day.
    start, end
        The range of each validation customer's purchases in `article`.
    popular
        Articles by their sales in the last week, then of all time, then by code, without those that were never sold.
    bought_once
        Whether no customer bought an article again in the last week. Films are rated once, but shirts are bought again;
        only if nobody buys an article again are the customer's own articles left out of lists.
    """

    article: Array
    start: Codes
    end: Codes
    popular: Codes
    bought_once: bool

    @classmethod
    def of(cls, train: pd.DataFrame, valid: pd.DataFrame, articles: int, days: int) -> "_Log":
        customer, article = train["customer"].to_numpy(), train["article"].to_numpy()
        late = train["day"].to_numpy() >= int(valid["day"].min()) - days
        recent, total = (np.bincount(codes, minlength=articles) for codes in (article[late], article))
        # The sort is stable: articles with equal sales stay in the order of their codes.
        popular = np.lexsort((-total, -recent))
        popular = popular[total[popular] > 0]
        # The earlier purchases of customers who bought in the last week.
        active = np.bincount(customer[late], minlength=int(customer.max(initial=0)) + 1) > 0
        before = ~late & active[customer]
        pairs, known = (customer[rows].astype(np.int64) * articles + article[rows] for rows in (late, before))
        pairs = np.unique(pairs)
        again = pairs[np.searchsorted(pairs, known).clip(max=len(pairs) - 1)] == known
        valid_customer = valid["customer"].to_numpy()
        start = np.searchsorted(customer, valid_customer)
        end = np.searchsorted(customer, valid_customer, side="right")
        return cls(article, start, end, popular, not again.any())

    def own(self, rows: slice, most: int | None = None) -> Codes:
        """Return the articles of validation customers, the latest first: ``[rows, most]``, padded with -1."""
        start, end = self.start[rows, None], self.end[rows, None]
        longest = int((end - start).max(initial=0))
        position = end - 1 - np.arange(longest if most is None else min(most, longest))
        return np.where(position >= start, self.article[np.maximum(position, 0)], -1).astype(np.int64)

    def filled(self, ranked: Codes, answers: int, without_own: bool) -> Codes:
        """Fill lists up with popular articles; leave out the customer's own if `without_own` is set."""
        pieces = []
        for rows in _chunks(len(ranked)):
            known = self.own(rows) if without_own else np.empty((len(ranked[rows]), 0), dtype=np.int64)
            popular = self.popular[: answers + known.shape[1]]
            lists = np.column_stack([known, ranked[rows], np.tile(popular, (len(known), 1))])
            pieces.append(first_distinct(lists, answers, skip=known.shape[1]))
        return np.concatenate(pieces)


def first_distinct(lists: Codes, answers: int, skip: int = 0) -> Codes:
    """Keep the first `answers` distinct codes of each row.

    Parameters
    ----------
    lists
        Codes of at least 0, or -1 for nothing, ``[rows, any]``.
    skip
        Number of leading columns whose codes are left out of the result.

    Returns
    -------
    array
        int64 ``[rows, answers]``, padded with -1.
    """
    order = lists.argsort(axis=1, kind="stable")
    ordered = np.take_along_axis(lists, order, axis=1)
    fresh = ordered >= 0
    fresh[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
    kept = np.empty_like(fresh)
    np.put_along_axis(kept, order, fresh, axis=1)
    kept[:, :skip] = False
    first = (~kept).argsort(axis=1, kind="stable")[:, :answers]
    codes = np.take_along_axis(np.where(kept, lists, -1), first, axis=1)
    result = np.full((len(lists), answers), -1, dtype=np.int64)
    result[:, : codes.shape[1]] = codes
    return result


def _last_bought(train: pd.DataFrame, articles: int) -> Sparse:
    """Return a matrix of 1 for each customer's last `HISTORY` articles, ``[customers, articles]``."""
    customer = train["customer"].to_numpy()
    counts = np.bincount(customer)
    last = np.cumsum(counts)[customer] - np.arange(len(customer)) <= HISTORY
    return _incidence(customer[last], train["article"].to_numpy()[last], len(counts), articles)


def _incidence(rows: Array, columns: Array, height: int, width: int) -> Sparse:
    matrix = sparse.csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(height, width))
    matrix.data[:] = 1  # the conversion sums up repeated entries
    return matrix


def _nearest(bought: Sparse) -> Sparse:
    """Return the cosines between the columns of `bought`: the `NEIGHBOURS` largest of each row, including ties."""
    norms = np.sqrt(np.maximum(bought.sum(0), 1)).astype(np.float32)
    unit = (bought / norms[None, :]).tocsr()
    columns, pieces = unit.tocsc(), []
    for chunk in _chunks(bought.shape[1]):
        near = (columns[:, chunk].T @ unit).tocsr()
        for start, end in pairwise(near.indptr):
            values = near.data[start:end]
            if len(values) > NEIGHBOURS:
                values[values < np.partition(values, -NEIGHBOURS)[-NEIGHBOURS]] = 0
        near.eliminate_zeros()
        pieces.append(near)
    return sparse.vstack(pieces, format="csr")


def _best(scores: Sparse, most: int) -> Codes:
    """Rank each row's stored columns by their value, ``[rows, most]``, padded with -1."""
    position = _ranks(scores)
    row = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
    inside = position < most
    ranked = np.full((scores.shape[0], most), -1, dtype=np.int64)
    ranked[row[inside], position[inside]] = scores.indices[inside]
    return ranked


def _ranks(matrix: Sparse) -> Codes:
    """Return the rank of each stored value in its row, 0 for the largest; ties are in order of their column."""
    matrix.sort_indices()
    lengths = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0]), lengths)
    order = np.lexsort((-matrix.data, row))
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order)) - np.repeat(matrix.indptr[:-1], lengths)
    return position


def _chunks(length: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, max(length, 1), CHUNK))
