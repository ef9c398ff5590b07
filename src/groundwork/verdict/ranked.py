"""Metrics of ranks: rows are sorted once, and each resample is a set of weights in this order.

Each entry of `RANKED` takes targets and predictions of all rows, and returns ``score(weights)``: how often each row is
in each resample, ``[resamples, rows]`` -> the metric, ``[resamples]``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self, TypeAlias

import numpy as np

from groundwork.objectives.metrics_probabilities import columns
from groundwork.objectives.ranking import Array

Weighed: TypeAlias = Callable[[Array], Array]


@dataclass(frozen=True)
class _Order:
    """Rows from the highest prediction to the lowest, and where each run of equal predictions begins."""

    rows: Array
    start: Array
    target: Array

    @classmethod
    def of(cls, target: Array, predicted: Array) -> Self:
        rows = np.argsort(-predicted.astype(float), kind="stable")
        ordered = predicted[rows]
        start = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        return cls(rows, start, target[rows].astype(float))

    def sums(self, weights: Array) -> tuple[Array, Array]:
        """Sum weights, and weighted targets, over each run: ``[resamples, runs]`` each."""
        ordered = weights[:, self.rows]
        weighted = ordered * self.target
        if len(self.start) == len(self.rows):
            return ordered, weighted
        return np.add.reduceat(ordered, self.start, axis=1), np.add.reduceat(weighted, self.start, axis=1)


def _auc(order: _Order, weights: Array) -> Array:
    every, positive = order.sums(weights)
    negative = every - positive
    below = negative.sum(1, keepdims=True) - np.cumsum(negative, axis=1)
    won = (positive * (below + negative / 2)).sum(1)
    return won / (positive.sum(1) * negative.sum(1))


def _average_precision(order: _Order, weights: Array) -> Array:
    every, positive = order.sums(weights)
    reached = np.cumsum(every, axis=1)
    precision = np.divide(np.cumsum(positive, axis=1), reached, out=np.zeros_like(reached), where=reached > 0)
    total = positive.sum(1)
    mixed = (total > 0) & (total < every.sum(1))
    return np.where(mixed, (precision * positive).sum(1) / total, np.nan)


def _gini_of(order: _Order, weights: Array) -> Array:
    """Average, over rows, the share of the target so far minus the share of rows; a run counts with its mean target."""
    every, target = order.sums(weights)
    total, rows = target.sum(1), every.sum(1)
    before = np.cumsum(target, axis=1) - target
    shares = (every * before + target * (every + 1) / 2).sum(1) / total
    return (shares - (rows + 1) / 2) / rows


def _gini(target: Array, predicted: Array) -> Weighed:
    if target.ndim < predicted.ndim:
        area = _by_column(_auc, target, predicted)
        return lambda weights: 2 * area(weights) - 1
    pairs = [(target, predicted)] if target.ndim == 1 else list(zip(target.T, predicted.T, strict=True))
    orders = [(_Order.of(actual, said), _Order.of(actual, actual)) for actual, said in pairs]

    def score(weights: Array) -> Array:
        each = [_gini_of(said, weights) / _positive(_gini_of(perfect, weights)) for said, perfect in orders]
        return np.mean(each, axis=0)

    return score


def _positive(values: Array) -> Array:
    """Replace what is not above 0, or only by rounding, by nan."""
    return np.where(values > 1e-12, values, np.nan)


def _by_column(of: Callable[[_Order, Array], Array], target: Array, predicted: Array) -> Weighed:
    """Average over the columns that some rows of the resample have and others lack."""
    orders = [_Order.of(*pair) for pair in zip(*(values.T for values in columns(target, predicted)), strict=True)]

    def score(weights: Array) -> Array:
        each = np.array([of(order, weights) for order in orders])
        scored = np.isfinite(each)
        return np.where(scored, each, 0.0).sum(0) / scored.sum(0)

    return score


def _median_error(target: Array, predicted: Array) -> Weighed:
    """Find the median in the order of errors, of several targets the mean of their medians."""
    errors = np.abs(target - predicted).reshape(len(target), -1).T
    orders = [np.argsort(error, kind="stable") for error in errors]

    def score(weights: Array) -> Array:
        medians = []
        for error, order in zip(errors, orders, strict=True):
            reached = np.cumsum(weights[:, order], axis=1)
            rows = reached[:, -1:]
            # Of an even number of rows, both in the middle.
            middle = [(reached <= place).sum(1) for place in ((rows - 1) // 2, rows // 2)]
            medians.append(error[order][middle].mean(0))
        return np.mean(medians, axis=0)

    return score


RANKED: dict[str, Callable[[Array, Array], Weighed]] = {
    "auc": partial(_by_column, _auc),
    "average_precision": partial(_by_column, _average_precision),
    "gini": _gini,
    "median_ae": _median_error,
}
