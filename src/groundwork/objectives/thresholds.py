"""Chooses thresholds, weights of classes and cut points for which a metric of labels is highest."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np

from groundwork.objectives.metrics import Metric
from groundwork.objectives.ranking import Array

# Quantiles of the predictions that are tried as thresholds or cut points, and the rounds over tags, classes or cuts.
CANDIDATES, ROUNDS = 60, 3
# Where all tags are scored together, each try takes as long as all of them.
FEWER = 15
# Above so many, cut points and weights of classes are not chosen one by one: there are too few rows for each.
MOST = 30


@dataclass(frozen=True)
class Decision(ABC):
    """Turns predictions into labels."""

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, metric: Metric, target: Array, predicted: Array) -> Self:
        """Choose what `metric` scores best, for targets and predictions of the same rows."""

    @abstractmethod
    def apply(self, predicted: Array) -> Array:
        """Return class codes ``[rows]``, 0 or 1 for each tag ``[rows, tags]``, or grades ``[rows]``; int64."""

    def to_json(self) -> dict[str, Any]:
        """Return its name and numbers, for `from_json`."""
        return {"name": self.name, **{key: list(value) for key, value in asdict(self).items()}}


@dataclass(frozen=True)
class Thresholds(Decision):
    """Says yes above a threshold: one for each tag, or one for the second of two classes.

    Parameters
    ----------
    above
        The thresholds.
    """

    above: tuple[float, ...]
    name: ClassVar[str] = "thresholds"

    @classmethod
    def fit(cls, metric: Metric, target: Array, predicted: Array) -> Self:
        """Choose the thresholds in turn."""
        chances = cls._chances(predicted)
        tags = chances.shape[1]
        if metric.by_tag and tags > 1:
            single = [Thresholds.fit(metric, target[:, [tag]], chances[:, [tag]]).above[0] for tag in range(tags)]
            return cls(tuple(single))

        def score(above: Array) -> float:
            answers = chances > above
            return _score(metric, target, (answers if target.ndim == 2 else answers[:, 0]).astype(np.int64))

        def around(above: Array, place: int) -> Array:
            # Most thresholds that matter for a rare tag are among its few rows.
            yes = (target[:, place] if target.ndim == 2 else target) > 0.5
            tried = CANDIDATES if tags == 1 else FEWER
            return np.concatenate([_quantiles(chances[yes, place], tried), _quantiles(chances[:, place], tried)])

        # The first start is a threshold for all; then each gets its own.
        common = [np.full(tags, value) for value in np.append(0.5, _quantiles(chances.ravel()))]
        return cls(tuple(_climb(score, common, around, tags, rounds=1).tolist()))

    @staticmethod
    def _chances(predicted: Array) -> Array:
        return predicted

    def apply(self, predicted: Array) -> Array:
        """Return 0 or 1 for each tag."""
        return (predicted > np.array(self.above)).astype(np.int64)


@dataclass(frozen=True)
class Threshold(Thresholds):
    """Says the second of two classes above a threshold."""

    name: ClassVar[str] = "threshold"

    @staticmethod
    def _chances(predicted: Array) -> Array:
        return predicted[:, 1:]

    def apply(self, predicted: Array) -> Array:
        """Return 0 or 1."""
        return super().apply(predicted[:, 1:])[:, 0]


@dataclass(frozen=True)
class Weights(Decision):
    """Says the class whose weighted probability is highest.

    Parameters
    ----------
    weights
        The weight of each class.
    """

    weights: tuple[float, ...]
    name: ClassVar[str] = "weights"

    @classmethod
    def fit(cls, metric: Metric, target: Array, predicted: Array) -> Self:
        """Choose a power of the classes' shares, and then the weights in turn."""

        def score(weights: Array) -> float:
            return _score(metric, target, (predicted * weights).argmax(1))

        def around(weights: Array, place: int) -> Array:
            return weights[place] * np.geomspace(1 / 4, 4, CANDIDATES // 2)

        classes = predicted.shape[1]
        shares = (np.bincount(target.astype(np.int64), minlength=classes) + 1) / (len(target) + classes)
        powers = [shares**-power for power in np.linspace(0, 1.5, 13)]
        weights = _climb(score, powers, around, classes if classes <= MOST else 0)
        return cls(tuple((weights / weights.max()).tolist()))

    def apply(self, predicted: Array) -> Array:
        """Return class codes."""
        return (predicted * np.array(self.weights)).argmax(1)


@dataclass(frozen=True)
class Cuts(Decision):
    """Says the grade by the cut points between which a number is; of probabilities, the expected class is the number.

    Parameters
    ----------
    grades
        The grades, ascending.
    cuts
        The points between them, ascending.
    """

    grades: tuple[int, ...]
    cuts: tuple[float, ...]
    name: ClassVar[str] = "cuts"

    @classmethod
    def fit(cls, metric: Metric, target: Array, predicted: Array) -> Self:
        """Choose cuts half-way between the grades, or that give each grade its share; and then move them in turn."""
        numbers, grades = _expected(predicted), np.unique(np.rint(target)).astype(np.int64)

        def score(cuts: Array) -> float:
            return _score(metric, target, grades[np.searchsorted(cuts, numbers)])

        def around(cuts: Array, place: int) -> Array:
            low, high = np.concatenate([[-np.inf], cuts, [np.inf]])[[place, place + 2]]
            inside = numbers[(numbers >= low) & (numbers <= high)]
            return _quantiles(inside) if len(inside) else cuts[[place]]

        half = (grades[1:] + grades[:-1]) / 2
        shares = np.array([(target < grade - 0.5).mean() for grade in grades[1:]])
        starts = [half, np.quantile(numbers, shares)]
        cuts = _climb(score, starts, around, len(half) if len(half) <= MOST else 0)
        return cls(tuple(grades.tolist()), tuple(cuts.tolist()))

    def apply(self, predicted: Array) -> Array:
        """Return grades, or the codes of ordered classes."""
        return np.array(self.grades)[np.searchsorted(np.array(self.cuts), _expected(predicted))]


def _expected(predicted: Array) -> Array:
    return predicted @ np.arange(predicted.shape[1]) if predicted.ndim == 2 else predicted


def _score(metric: Metric, target: Array, answers: Array) -> float:
    """Score answers, the higher the better; what cannot be scored is worst."""
    assert metric.of_labels is not None  # only metrics of labels have decisions
    score = metric.of_labels(target, answers)
    return -np.inf if np.isnan(score) else score if metric.higher_is_better else -score


def _quantiles(numbers: Array, most: int = CANDIDATES) -> Array:
    """Return at most so many points between the sorted, distinct numbers, evenly many rows apart."""
    distinct = np.unique(numbers)
    between = (distinct[1:] + distinct[:-1]) / 2
    if len(between) <= most:
        return between
    # Between two values, so that equal predictions get equal answers whatever the rounding.
    places = np.searchsorted(between, np.quantile(numbers, np.linspace(0, 1, most + 2)[1:-1]))
    return between[np.unique(places.clip(0, len(between) - 1))]


def _climb(
    score: Callable[[Array], float],
    starts: Iterable[Array],
    around: Callable[[Array, int], Array],
    places: int,
    rounds: int = ROUNDS,
) -> Array:
    """Choose the best of `starts`, and then better numbers for its first `places` in turn, while the score rises."""
    scored = [(score(start), start) for start in starts]
    # Of equal starts the first.
    highest, best = max(scored, key=lambda pair: pair[0])
    best = best.astype(float)
    for _ in range(rounds if places > 1 else min(places, 1)):
        before = highest
        for place in range(places):
            for value in around(best, place):
                tried = best.copy()
                tried[place] = value
                if (reached := score(tried)) > highest:
                    best, highest = tried, reached
        if highest <= before:
            break
    return best
