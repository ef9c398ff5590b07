"""Metrics of labels: what share of them is right, in one way or another.

A metric of labels is a function of targets and answers: class codes ``[rows]``, 0 or 1 for each tag ``[rows, tags]``,
or grades (whole numbers, ``[rows]``). `of_predictions` makes a score of predictions from it.

Most are computed from the counts of right and wrong answers with NumPy, not with scikit-learn, which takes a hundred
times as long for the same numbers: choosing thresholds (`groundwork.objectives.decisions`) computes them thousands of
times. The tests compare them with definitions in plain Python and with scikit-learn.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np

from groundwork.errors import UserError
from groundwork.objectives.ranking import Array, Score

OfLabels: TypeAlias = Callable[[Array, Array], float]


def plain(target: Array, prediction: Array) -> Array:
    """Return the obvious answers: the likeliest class, tags above one half, or the nearest grade.

    Parameters
    ----------
    target
        ``[rows]``, or ``[rows, tags]``.
    prediction
        Probabilities ``[rows, classes]`` or ``[rows, tags]``, or numbers ``[rows]``.
    """
    if target.ndim == 2:
        return (prediction > 0.5).astype(np.int64)
    if prediction.ndim == 2:
        return prediction.argmax(-1)
    return np.rint(prediction)


def of_predictions(function: OfLabels) -> Score:
    """Make the score of probabilities or numbers from a metric of labels, with the obvious answers."""
    return partial(_of_predictions, function)


def _of_predictions(function: OfLabels, target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    return function(target, plain(target, prediction))


def of_grades(function: OfLabels) -> Score:
    """Make the score of probabilities of classes, or of numbers, ``[rows]`` or ``[rows, targets]``."""
    return partial(_of_grades, function)


def _of_grades(function: OfLabels, target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    if target.ndim == 2:
        return float(np.mean([function(*pair) for pair in zip(target.T, np.rint(prediction).T, strict=True)]))
    return function(target, plain(target, prediction))


def _counts(target: Array, answers: Array) -> Array:
    """Count rows by class and answer, ``[classes, classes]``."""
    target, answers = target.astype(np.int64), answers.astype(np.int64)
    classes = int(max(target.max(initial=0), answers.max(initial=0))) + 1
    return np.bincount(target * classes + answers, minlength=classes**2).reshape(classes, classes).astype(float)


def _right_and_wrong(target: Array, answers: Array) -> tuple[Array, Array, Array]:
    """Count true positives, false positives and false negatives of each class or tag."""
    if target.ndim == 2:
        is_so, said = target > 0.5, answers > 0.5
        hits = (is_so & said).sum(0).astype(float)
        return hits, said.sum(0) - hits, is_so.sum(0) - hits
    counts = _counts(target, answers)
    hits = counts.diagonal()
    return hits, counts.sum(0) - hits, counts.sum(1) - hits


def _ratio(above: Array, below: Array) -> Array:
    """Divide; 0 where nothing is divided by nothing."""
    return np.divide(above, below, out=np.zeros_like(above, dtype=float), where=below > 0)


def _f(beta: float, hits: Array, false: Array, missed: Array) -> Array:
    return _ratio((1 + beta**2) * hits, (1 + beta**2) * hits + beta**2 * missed + false)


def accuracy(target: Array, answers: Array) -> float:
    """Compute the share of right answers."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(target, answers))


def balanced_accuracy(target: Array, answers: Array) -> float:
    """Compute the mean share of right answers over the classes of `target`; nan if there is only one."""
    counts = _counts(target, answers)
    rows = counts.sum(1)
    present = rows > 0
    return float((counts.diagonal()[present] / rows[present]).mean()) if present.sum() > 1 else float("nan")


def f_binary(beta: float = 1.0) -> OfLabels:
    """Make F-beta of class 1, or the mean over tags; nan without a positive row.

    Raises
    ------
    UserError
        From the metric, if there are more than two classes.
    """

    def score(target: Array, answers: Array) -> float:
        if target.ndim == 2:
            return _f_macro(beta, target, answers)
        if (most := int(max(target.max(initial=0), answers.max(initial=0)))) > 1:
            raise UserError(
                f"the metric f1 and its like score two classes; found {most + 1}",
                "write f1_macro, f1_micro or f1_weighted as the competition's metric",
            )
        if not (target == 1).any():
            return float("nan")
        hits, false, missed = _right_and_wrong(target, answers)
        return float(_f(beta, hits, false, missed)[-1])

    return score


def _f_macro(beta: float, target: Array, answers: Array) -> float:
    hits, false, missed = _right_and_wrong(target, answers)
    if target.ndim == 2:
        # A tag that no row has scores 0, as in scikit-learn; without any positive row there is nothing to score.
        return float(_f(beta, hits, false, missed).mean()) if (hits + missed).any() else float("nan")
    seen = hits + false + missed > 0
    return float(_f(beta, hits, false, missed)[seen].mean()) if seen.any() else float("nan")


def f_macro(beta: float = 1.0) -> OfLabels:
    """Make the mean F-beta over classes or tags."""
    return partial(_f_macro, beta)


def f_micro(beta: float = 1.0) -> OfLabels:
    """Make F-beta of all classes or tags together."""

    def score(target: Array, answers: Array) -> float:
        hits, false, missed = (counts.sum() for counts in _right_and_wrong(target, answers))
        if not hits + missed:
            return float("nan")
        return float(_f(beta, np.array(hits), np.array(false), np.array(missed)))

    return score


def f_weighted(beta: float = 1.0) -> OfLabels:
    """Make the mean F-beta over classes or tags, weighted by their rows."""

    def score(target: Array, answers: Array) -> float:
        hits, false, missed = _right_and_wrong(target, answers)
        rows = hits + missed
        return float((_f(beta, hits, false, missed) * rows).sum() / rows.sum()) if rows.any() else float("nan")

    return score


def f_samples(beta: float = 1.0) -> OfLabels:
    """Make the mean over rows of the F-beta of a row's tags; a row without any on either side scores 0."""

    def score(target: Array, answers: Array) -> float:
        hits, false, missed = _right_and_wrong(target.T, answers.T)
        return float(_f(beta, hits, false, missed).mean()) if (hits + missed).any() else float("nan")

    return score


def matthews(target: Array, answers: Array) -> float:
    """Compute Matthews' correlation coefficient, of tags the mean over those that some rows have and others lack.

    It is 0 where all answers are equal, and nan where all targets are.
    """
    if target.ndim == 2:
        single = [matthews(*pair) for pair in zip(target.T > 0.5, answers.T > 0.5, strict=True)]
        scored = [score for score in single if not np.isnan(score)]
        return float(np.mean(scored)) if scored else float("nan")
    counts = _counts(target, answers)
    rows, actual, said = counts.sum(), counts.sum(1), counts.sum(0)
    varies = rows**2 - (actual**2).sum()
    if not varies:
        return float("nan")
    spread = rows**2 - (said**2).sum()
    return float((counts.trace() * rows - actual @ said) / np.sqrt(varies * spread)) if spread else 0.0


def kappa(power: int) -> OfLabels:
    """Make Cohen's kappa with disagreements weighted by a power of their distance: 0, 1 (linear) or 2 (quadratic).

    The distance is that of the grades as whole numbers, so a grade that no row has counts as a step (scikit-learn
    counts the grades that it sees). It is nan where all targets are equal, or where they are not whole numbers.
    """

    def score(target: Array, answers: Array) -> float:
        whole, said = np.rint(target).astype(np.int64), np.rint(answers).astype(np.int64)
        if not len(whole) or (whole == whole[0]).all() or (whole != target).any():
            return float("nan")
        (grades, rows), (others, times) = _times(whole), _times(said)
        pairs = rows[:, None] * times / len(target) ** 2
        by_chance = (_distance(grades[:, None], others, power) * pairs).sum()
        return float(1 - _distance(whole, said, power).mean() / by_chance) if by_chance else float("nan")

    return score


def _times(grades: Array) -> tuple[Array, Array]:
    """Return the distinct grades, and how often each occurs."""
    low = grades.min()
    if grades.max() - low > 1000:
        return np.unique(grades, return_counts=True)
    times = np.bincount(grades - low)
    return np.flatnonzero(times) + low, times[times > 0]


def _distance(one: Array, other: Array, power: int) -> Array:
    return (one != other).astype(float) if power == 0 else np.abs(one - other) ** power
