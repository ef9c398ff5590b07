"""Weights of a blend's members: none is negative, and their sum is 1.

A score of rows on which weights were chosen would be too high. Therefore `weigh` chooses weights for each fold, on the
other folds, and these give the blend's out-of-fold predictions. The weights for the test rows are chosen on all
out-of-fold rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from groundwork.objectives.decisions import decision_for
from groundwork.objectives.metrics import Metric
from groundwork.objectives.ranking import Array

Numbers: TypeAlias = NDArray[np.float64]
# A function to the scale on which predictions are averaged, and its inverse.
Scale: TypeAlias = tuple[Callable[[Any], Any], Callable[[Any], Any]]
# Members in the bag of hill climbing, and additions without a better score after which it ends.
MOST, PATIENCE = 50, 10


@dataclass(frozen=True)
class Rows:
    """Out-of-fold rows of all members.

    Attributes
    ----------
    metric, judged_as
        The competition's metric, and the kind's `Objective.judged_as`.
    target
        See `Metric.judges`.
    members
        Each member's predictions of these rows, ``[rows]`` or ``[rows, columns]``.
    scale
        See `scale_of`.
    groups
        The query of each row, or None.
    """

    metric: Metric
    judged_as: tuple[str, ...]
    target: Array
    members: Sequence[Array]
    scale: Scale
    groups: Array | None = None

    def part(self, inside: NDArray[np.bool_]) -> "Rows":
        """Return some of the rows."""
        groups = None if self.groups is None else self.groups[inside]
        members = [member[inside] for member in self.members]
        return replace(self, target=self.target[inside], members=members, groups=groups)

    def products(self) -> Numbers:
        """Return the mean products of each two members' errors, ``[members, members]``; all columns count alike."""
        to, _ = self.scale
        if classes := self.target.ndim == 1 and self.members[0].ndim == 2:
            actual = np.eye(self.members[0].shape[1])[self.target]
        else:
            actual = to(self.target.astype(float))
        spread = 1.0 if classes else np.where(actual.std(0) > 0, actual.std(0), 1.0)
        errors = [((to(member.astype(float)) - actual) / spread).ravel() for member in self.members]
        products: Numbers = np.array([[np.mean(one * other) for other in errors] for one in errors])
        return products


def scale_of(metric: Metric, *predicted: Array) -> Scale:
    """Return the scale on which predictions are averaged: the metric's own, such as logarithms, where all have it."""
    if metric.link is not None:
        with np.errstate(all="ignore"):
            if all(np.isfinite(metric.link[0](values.astype(float))).all() for values in predicted):
                return metric.link
    return _same, _same


def _same(values: Any) -> Any:
    return values


def average(weights: Numbers, members: Sequence[Array], scale: Scale) -> Array:
    """Average predictions with a weight for each member; they keep their type."""
    to, back = scale
    mean: Array = back(np.tensordot(weights, np.stack([to(member.astype(float)) for member in members]), axes=1))
    return mean.astype(members[0].dtype)


def weigh(method: str, rows: Rows, folds: Array) -> tuple[Numbers, Numbers]:
    """Choose weights for each fold on the other folds, and weights on all rows.

    Parameters
    ----------
    method
        A key of `METHODS`.
    folds
        The fold of each row, of two folds or more.

    Returns
    -------
    by_fold
        ``[folds, members]``, in the order of the folds' numbers.
    final
        ``[members]``.
    """
    choose = METHODS[method]
    return np.stack([choose(rows.part(folds != fold)) for fold in np.unique(folds)]), choose(rows)


def least_squares(rows: Rows) -> Numbers:
    """Choose the weights whose average has the least squared error: non-negative least squares.

    With the sum 1, the average's error is the average of the errors, so it is enough to make that small. An equation
    that the sum is 1 among those of `nnls` changes the solution's length alone, which is divided out.
    """
    from scipy.optimize import nnls

    products = rows.products()
    values, vectors = np.linalg.eigh(products / (np.trace(products) or 1.0))
    equations = np.vstack([np.sqrt(values.clip(0))[:, None] * vectors.T, np.ones(len(products))])
    weights: Numbers = nnls(equations, np.append(np.zeros(len(products)), 1.0))[0]
    return weights / weights.sum()


def hill_climbing(rows: Rows) -> Numbers:
    """Add the member to a bag that raises the metric of the bag's mean most, again and again, and keep the best bag.

    Members may be added several times: Caruana et al. 2004, "Ensemble Selection from Libraries of Models",
    https://doi.org/10.1145/1015330.1015432. The squared error decides between equal scores. It decides alone where the
    metric's labels need a decision (a threshold, for instance), which is chosen later.
    """
    products, metric, (_, back) = rows.products(), rows.metric, rows.scale
    members = np.stack([rows.scale[0](member.astype(float)) for member in rows.members])
    decided = decision_for(metric, rows.judged_as, rows.members[0]) is not None

    def score(counts: Numbers) -> tuple[float, float]:
        weights = counts / counts.sum()
        smooth = -float(weights @ products @ weights)
        if decided:
            return 0.0, smooth
        found = metric.score(rows.target, back(np.tensordot(weights, members, axes=1)), rows.groups)
        return (found if metric.higher_is_better else -found) if np.isfinite(found) else -np.inf, smooth

    bag = np.zeros(len(members))
    best, best_score, since = bag, (-np.inf, -np.inf), 0
    while bag.sum() < MOST and since < PATIENCE:
        bag, found = max(((grown, score(grown)) for grown in bag + np.eye(len(bag))), key=lambda pair: pair[1])
        since += 1
        if found > best_score:
            best, best_score, since = bag, found, 0
    return best / best.sum()


# By `groundwork.settings.Blend.method`; the plain mean has no weights to choose.
METHODS: dict[str, Callable[[Rows], Numbers]] = {
    "hill_climbing": hill_climbing,
    "nnls": least_squares,
}
