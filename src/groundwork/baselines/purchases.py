"""Recommendations without a network: what sold last, what the customer bought, what was bought beside it.

All of it is array work on codes and sparse products in chunks: thirty million purchases pass through in minutes.
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

# The purchases that count of each customer, the neighbours that are kept of each article, and how many customers or
# articles are worked on at once: they bound memory, and time, whatever the data.
HISTORY, NEIGHBOURS, CHUNK = 32, 200, 2048


@dataclass(frozen=True)
class Popularity:
    """The articles that sold most in the last week.

    Attributes
    ----------
    articles
        How many articles there are.
    days, answers
        Length of the week, and of the lists.
    """

    articles: int
    days: int
    answers: int
    name: str = "popularity of the last week"

    def fit_predict(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> Array:
        """Rank what sold in the `days` before the validation begins; see `Baseline`."""
        log = _Log.of(train, valid, self.articles, self.days)
        nothing = np.empty((len(valid), 0), dtype=np.int64)
        return log.filled(nothing, self.answers, log.bought_once)


@dataclass(frozen=True)
class Repurchase:
    """The customer's own articles, the latest first; then those that sold most in the last week."""

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
    """The articles that were bought by those who bought the customer's own [1]_.

    Two articles are as near as the cosine of the columns of who bought them; a list sums up over the customer's last
    purchases. Those who have none get what sold most.

    .. [1] Deshpande and Karypis, "Item-Based Top-N Recommendation Algorithms", ACM TOIS 2004.
    """

    articles: int
    days: int
    answers: int
    name: str = "item-kNN"

    def fit_predict(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> Array:
        """Rank articles by their nearness to the customer's; see `Baseline`."""
        log = _Log.of(train, valid, self.articles, self.days)
        nearness = _nearest(_last_bought(train, self.articles))
        pieces = []
        for rows in _chunks(len(valid)):
            own = log.own(rows, HISTORY)
            history = _incidence(np.nonzero(own >= 0)[0], own[own >= 0], len(own), self.articles)
            scores = history @ nearness
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
    """The training purchases as seen from the customers who are asked about.

    Attributes
    ----------
    article
        The training purchases' articles: by customer, then day.
    start, end
        Where each asked customer's purchases lie in it.
    popular
        Articles by their sales of the last week, then of all time, then their code; never sold ones are left out.
    bought_once
        Whether nobody bought in the last week what they had bought before. Films are rated once and shirts bought
        again: only where it never happens is an article that the customer has no answer.
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
        # Stable: equal ones stay in the order of their codes.
        popular = np.lexsort((-total, -recent))
        popular = popular[total[popular] > 0]
        # Of those who bought in the last week: their purchases before.
        active = np.bincount(customer[late], minlength=int(customer.max(initial=0)) + 1) > 0
        before = ~late & active[customer]
        pairs, known = (customer[rows].astype(np.int64) * articles + article[rows] for rows in (late, before))
        pairs = np.unique(pairs)
        again = pairs[np.searchsorted(pairs, known).clip(max=len(pairs) - 1)] == known
        asked = valid["customer"].to_numpy()
        start, end = np.searchsorted(customer, asked), np.searchsorted(customer, asked, side="right")
        return cls(article, start, end, popular, not again.any())

    def own(self, rows: slice, most: int | None = None) -> Codes:
        """Lay out purchases of the asked customers `rows`, the latest first: ``[rows, most]``, filled up with -1."""
        start, end = self.start[rows, None], self.end[rows, None]
        longest = int((end - start).max(initial=0))
        place = end - 1 - np.arange(longest if most is None else min(most, longest))
        return np.where(place >= start, self.article[np.maximum(place, 0)], -1).astype(np.int64)

    def filled(self, ranked: Codes, answers: int, without_own: bool) -> Codes:
        """Fill lists up with what is popular, if wanted without what the customer has."""
        pieces = []
        for rows in _chunks(len(ranked)):
            known = self.own(rows) if without_own else np.empty((len(ranked[rows]), 0), dtype=np.int64)
            popular = self.popular[: answers + known.shape[1]]
            lists = np.column_stack([known, ranked[rows], np.tile(popular, (len(known), 1))])
            pieces.append(first_distinct(lists, answers, skip=known.shape[1]))
        return np.concatenate(pieces)


def first_distinct(lists: Codes, answers: int, skip: int = 0) -> Codes:
    """Keep the first `answers` different codes of each row.

    Parameters
    ----------
    lists
        Codes of at least 0, or -1 for nothing, ``[rows, any]``.
    skip
        So many first columns are not wanted, nor what they hold.

    Returns
    -------
    array
        int64 ``[rows, answers]``, filled up with -1.
    """
    order = lists.argsort(axis=1, kind="stable")
    ordered = np.take_along_axis(lists, order, axis=1)
    fresh = ordered >= 0
    fresh[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
    kept = np.empty_like(fresh)
    np.put_along_axis(kept, order, fresh, axis=1)
    kept[:, :skip] = False
    first = (~kept).argsort(axis=1, kind="stable")[:, :answers]
    found = np.take_along_axis(np.where(kept, lists, -1), first, axis=1)
    result = np.full((len(lists), answers), -1, dtype=np.int64)
    result[:, : found.shape[1]] = found
    return result


def _last_bought(train: pd.DataFrame, articles: int) -> Sparse:
    """Return who bought what among their last `HISTORY` purchases: 1 or nothing, ``[customers, articles]``."""
    customer = train["customer"].to_numpy()
    counts = np.bincount(customer)
    last = np.cumsum(counts)[customer] - np.arange(len(customer)) <= HISTORY
    return _incidence(customer[last], train["article"].to_numpy()[last], len(counts), articles)


def _incidence(rows: Array, columns: Array, height: int, width: int) -> Sparse:
    matrix = sparse.csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(height, width))
    matrix.data[:] = 1  # the conversion has summed up what stands twice
    return matrix


def _nearest(bought: Sparse) -> Sparse:
    """Return the cosines between the columns of `bought`, the `NEIGHBOURS` largest of each row, and their equals."""
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
    """Rank each row's stored columns by their value, ``[rows, most]``, filled up with -1."""
    place = _places(scores)
    row = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
    inside = place < most
    ranked = np.full((scores.shape[0], most), -1, dtype=np.int64)
    ranked[row[inside], place[inside]] = scores.indices[inside]
    return ranked


def _places(matrix: Sparse) -> Codes:
    """Count the stored values of each row from the largest, 0, on; equal ones by their column."""
    matrix.sort_indices()
    lengths = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0]), lengths)
    order = np.lexsort((-matrix.data, row))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order)) - np.repeat(matrix.indptr[:-1], lengths)
    return place


def _chunks(length: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, max(length, 1), CHUNK))
