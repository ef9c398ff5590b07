"""Metrics of rankings: of the rows within a query (search), and of the articles recommended to a customer.

All are vectorised: a hundred thousand rows take a fraction of a second, while a call for each query would take minutes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]
OnDevice: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"
T = TypeVar("T", Array, "Tensor")


class Score(Protocol):
    """``score(target, prediction, groups=None)`` on arrays; `groups` is the query of each row."""

    def __call__(self, target: Array, prediction: Array, groups: Array | None = None, /) -> float:
        """Score `prediction` against `target`; return nan if nothing can be scored."""


@dataclass(frozen=True)
class _Ties:
    """Runs of rows with equal query and score, ordered by query, with the best scores first.

    Attributes
    ----------
    order
        Row numbers in this order: ``[rows]``.
    start, size, query, above
        For each run: its first index into `order`, its number of rows, its query (0, 1, ...) and the number of the
        query's rows with a higher score: ``[runs]``.
    rows
        The number of rows of each query: ``[queries]``.
    """

    order: Array
    start: Array
    size: Array
    query: Array
    above: Array
    rows: Array

    def sums(self, gain: Array) -> Array:
        """Sum a value per row over each run."""
        return np.add.reduceat(gain[self.order], self.start, dtype=float)


def _ties(prediction: Array, groups: Array | None) -> _Ties:
    from sklearn.utils import assert_all_finite

    if groups is None:
        raise ValueError("a ranking within queries needs the query of each row; found groups=None")
    score = np.asarray(prediction, dtype=float)
    assert_all_finite(score, input_name="prediction")
    code, queries = pd.factorize(np.asarray(groups), use_na_sentinel=False)
    order = np.lexsort((-score, code))
    score, code = score[order], code[order]
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (score[1:] != score[:-1]) | (code[1:] != code[:-1])
    start = np.flatnonzero(begins)
    rows = np.bincount(code, minlength=len(queries))
    return _Ties(
        order=order,
        start=start,
        size=np.diff(start, append=len(order)),
        query=code[start],
        above=start - (np.cumsum(rows) - rows)[code[start]],
        rows=rows,
    )


def _expected_gain(gain: Array, ties: _Ties, discount: Array) -> Array:
    """Sum ``gain * discount`` over the first ``len(discount)`` ranks of each query, averaged over the orders of ties.

    Each row of a run can be at each of the run's ranks, so every rank of the run has the run's mean gain.

    References
    ----------
    McSherry and Najork, "Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied
    Scores", ECIR 2008.
    """
    first_ranks = np.append(0.0, np.cumsum(discount))
    upper = first_ranks[np.minimum(ties.above, len(discount))]
    lower = first_ranks[np.minimum(ties.above + ties.size, len(discount))]
    return np.bincount(ties.query, ties.sums(gain) / ties.size * (lower - upper), minlength=len(ties.rows))


@dataclass(frozen=True)
class MeanOver:
    """A score that is a mean over queries or customers.

    Attributes
    ----------
    values
        ``values(target, prediction, groups)``: the value of each query, in the order in which queries appear, or of
        each customer; nan for those that are left out.
    """

    values: Callable[[Array, Array, Array | None], Array]

    def __call__(self, target: Array, prediction: Array, groups: Array | None = None, /) -> float:
        """Average over those that are not left out; nan if all are."""
        scores = self.values(target, prediction, groups)
        counted = scores[~np.isnan(scores)]
        return float(counted.mean()) if len(counted) else float("nan")


def _where(counts: Array, scores: Array) -> Array:
    """Put `scores` at the places that `counts` marks, and nan elsewhere."""
    values = np.full(len(counts), np.nan)
    values[counts] = scores
    return values


def ndcg(k: int) -> Score:
    """Make NDCG@k with a gain of ``2 ** relevance - 1``, the mean over queries.

    Rows with equal scores count with the mean over their orders. Queries without relevance above 0 and queries of one
    row are left out, because there is nothing to rank. The score is that of scikit-learn's `ndcg_score` with these
    gains, which however gives 0 to the former, refuses the latter and needs queries of equal length.

    Raises
    ------
    ValueError
        If a relevance is negative, a score is not finite, or `groups` is missing.

    References
    ----------
    Burges et al., "Learning to Rank Using Gradient Descent", ICML 2005.
    """
    discount = 1 / np.log2(np.arange(k) + 2)

    def values(target: Array, prediction: Array, groups: Array | None) -> Array:
        if (target < 0).any():
            raise ValueError(f"NDCG needs relevance of at least 0; found {target.min()}")
        ties, gain = _ties(prediction, groups), 2.0**target - 1
        ideal = _expected_gain(gain, _ties(target, groups), discount)
        counts = (ideal > 0) & (ties.rows > 1)
        return _where(counts, _expected_gain(gain, ties, discount)[counts] / ideal[counts])

    return MeanOver(values)


def recall(k: int, relevant_from: float) -> Score:
    """Make recall@k: the share of a query's relevant rows that are among its k best scores, the mean over queries.

    A row is relevant if its relevance is at least `relevant_from`. Ties count as in `ndcg`; queries without a relevant
    row and queries of one row are left out. (torchmetrics breaks ties by row order and misses relevant rows whose score
    is not positive.)
    """

    def values(target: Array, prediction: Array, groups: Array | None) -> Array:
        ties = _ties(prediction, groups)
        relevant = target >= relevant_from
        total = np.bincount(ties.query, ties.sums(relevant), minlength=len(ties.rows))
        counts = (total > 0) & (ties.rows > 1)
        return _where(counts, _expected_gain(relevant, ties, np.ones(k))[counts] / total[counts])

    return MeanOver(values)


def mrr(relevant_from: float) -> Score:
    """Make the mean reciprocal rank of each query's first relevant row.

    Relevance, ties and left-out queries are as in `recall`, and so are the errors of torchmetrics.
    """

    def values(target: Array, prediction: Array, groups: Array | None) -> Array:
        from scipy.special import gammaln

        def log_choose(n: Array, m: Array) -> Array:
            return np.asarray(gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1))

        ties = _ties(prediction, groups)
        relevant = ties.sums(target >= relevant_from)
        runs = np.flatnonzero(relevant)
        queries, first = np.unique(ties.query[runs], return_index=True)
        # Each query's best run that has relevant rows.
        run = runs[first]
        size = ties.size[run]
        rank_in_run = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size) + 1
        tied, hits, above = (np.repeat(values, size) for values in (size, relevant[run], ties.above[run]))
        # The probability that the first of `hits` relevant rows is at this rank: their ranks are drawn uniformly.
        chance = np.exp(log_choose(tied - rank_in_run, hits - 1) - log_choose(tied, hits))
        reciprocal = np.bincount(np.repeat(np.arange(len(run)), size), chance / (above + rank_in_run))
        scores = np.full(len(ties.rows), np.nan)
        scores[queries] = np.where(ties.rows[queries] > 1, reciprocal, np.nan)
        return scores

    return MeanOver(values)


def _per_customer(bought: T, recommended: T, ranks: T, k: int) -> tuple[T, T]:
    """Compute average precision at k and recall at k, each ``[customers]``.

    `bought` is sorted along its rows, none of which is empty. The code uses only operations that arrays and tensors
    share.
    """
    repeats = ((recommended[:, :, None] == recommended[:, None, :]) & (ranks[:, None] > ranks)).any(-1)
    hits = (recommended[:, :, None] == bought[:, None, :]).any(-1) & (recommended >= 0) & ~repeats
    articles = (bought >= 0).sum(-1) - ((bought[:, 1:] == bought[:, :-1]) & (bought[:, 1:] >= 0)).sum(-1)
    precision = hits.cumsum(-1) / ranks
    return (precision * hits).sum(-1) / articles.clip(max=k), hits.sum(-1) / articles


def _on_arrays(k: int, target: Array, prediction: Array) -> tuple[Array, Array]:
    bought, recommended = np.sort(target, axis=-1), prediction[:, :k]
    customers = np.asarray((bought >= 0).any(-1))
    scores = _per_customer(bought[customers], recommended[customers], np.arange(1, recommended.shape[1] + 1), k)
    return _where(customers, scores[0]), _where(customers, scores[1])


def _on_tensors(k: int, target: "Tensor", prediction: "Tensor") -> "tuple[Tensor, Tensor]":
    import torch

    bought, recommended = target.sort(dim=-1).values, prediction[:, :k]
    customers = (bought >= 0).any(-1)
    ranks = torch.arange(1, recommended.shape[1] + 1, device=target.device)
    return _per_customer(bought[customers], recommended[customers], ranks, k)


def map_at(k: int) -> tuple[Score, OnDevice]:
    """Make MAP@k of recommended articles, on arrays and on the device.

    Targets are the articles that each customer bought, ``[customers, most purchases]``; predictions are the recommended
    articles, best first, ``[customers, k]``. Both are codes of at least 0, padded with -1. Average precision is the sum
    of the precision at each hit, divided by the largest possible number of hits. An article that was bought twice
    counts once; one that is recommended twice counts at its first position only. Customers who bought nothing are left
    out. (torchmetrics divides by the actual number of hits, and needs a row for each pair.)
    """
    return (
        MeanOver(lambda target, prediction, groups: _on_arrays(k, target, prediction)[0]),
        lambda target, prediction: _on_tensors(k, target, prediction)[0].mean(),
    )


def recall_at(k: int) -> tuple[Score, OnDevice]:
    """Make recall@k: the share of a customer's purchases among the first k recommendations; otherwise as `map_at`."""
    return (
        MeanOver(lambda target, prediction, groups: _on_arrays(k, target, prediction)[1]),
        lambda target, prediction: _on_tensors(k, target, prediction)[1].mean(),
    )


def gini_of_numbers(target: Array, prediction: Array) -> float:
    """Compute the Gini coefficient of the target in the order of predictions, divided by that of a perfect order.

    Rows are sorted by prediction, highest first. The coefficient is the mean, over rows, of the share of the target in
    the rows so far minus the share of rows. Equal predictions count with the mean over their orders; the result is nan
    where all targets are equal or their sum is not above 0.
    """
    target = np.asarray(target, dtype=float)
    perfect = _gini(target, target)
    return _gini(target, np.asarray(prediction, dtype=float)) / perfect if perfect > 0 else float("nan")


def _gini(target: Array, prediction: Array) -> float:
    if not len(target) or target.sum() <= 0 or (target == target[0]).all():
        return float("nan")
    _, run = np.unique(-prediction, return_inverse=True)
    expected = np.bincount(run, target) / np.bincount(run)  # of each run of equal predictions
    shares = np.cumsum(expected[np.sort(run)]) / target.sum()
    return float((shares - np.arange(1, len(target) + 1) / len(target)).mean())
