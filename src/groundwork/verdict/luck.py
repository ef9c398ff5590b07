"""How far a difference may be from the truth by luck: of the rows that were drawn, and of the seeds.

A score moves for three reasons: other rows, another seed, and both together, because a seed is lucky on some rows and
unlucky on others. Resampled rows show the first and the third; the spread of scores over seeds shows the second and the
third. Their sum counts the third twice, and the larger of the two leaves one out. So the part of the seeds' spread that
comes from the rows is estimated by itself, from resampled differences between seeds, and taken off: the analysis of
variance of readers and cases for any metric (Gallas et al., "A framework for random-effects ROC analysis: biases with
the bootstrap and other variance estimators", Communications in Statistics 38, 2009). `benchmarks/honesty.py` compares
all three by simulation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from groundwork.objectives.ranking import Array

# Below it, the spread of seeds is known so badly that what is taken off it may be too much.
FEW = 4


@dataclass(frozen=True)
class Spread:
    """The spread of scores over seeds, of one or several experiments.

    Attributes
    ----------
    variance
        Of the score of one seed, over seeds, on the same rows.
    of_rows
        The part of it that other rows would change: the variance over resampled rows.
    freedom
        Degrees of freedom: seeds minus experiments; 0 where nothing is known.
    """

    variance: Any = 0.0
    of_rows: Any = 0.0
    freedom: int = 0

    @classmethod
    def pooled(cls, experiments: Sequence[tuple[Array, Array]]) -> "Spread":
        """Estimate it from experiments of several seeds each.

        Parameters
        ----------
        experiments
            Scores of the seeds, ``[seeds]``, and of their resamples, ``[resamples, seeds]``.
        """
        several = [(scores, resamples) for scores, resamples in experiments if len(scores) > 1]
        freedom = sum(len(scores) - 1 for scores, _ in several)
        if not freedom:
            return cls()
        squares = sum(float(((scores - scores.mean()) ** 2).sum()) for scores, _ in several)
        of_rows = sum(float(np.nanvar(m - m.mean(1, keepdims=True), axis=0, ddof=1).sum()) for _, m in several)
        return cls(squares / freedom, of_rows / freedom, freedom)


@dataclass(frozen=True)
class Luck:
    """What is known of the error of a difference; arrays where several differences are judged at once.

    Attributes
    ----------
    rows
        Variance of the difference over resampled rows, with predictions averaged by seed.
    units
        The number of units that were resampled.
    spread
        Of the seeds.
    share
        The sum of one divided by the number of seeds, over the sides that have seeds.
    """

    rows: Any
    units: int
    spread: Spread
    share: float

    @property
    def of_seeds(self) -> Any:
        """The variance of the difference over seeds that no rows explain."""
        return self.share * np.maximum(self.spread.variance - self.spread.of_rows, 0.0)

    @property
    def variance(self) -> Any:
        """The variance of the difference, with both sources."""
        return self.rows + self.of_seeds

    @property
    def freedom(self) -> Any:
        """Degrees of freedom of `variance`, by Satterthwaite."""
        uncertain = self.rows**2 / max(self.units - 1, 1)
        if self.share and self.spread.freedom:
            seeds = self.of_seeds if self.spread.freedom >= FEW else self.share * np.asarray(self.spread.variance)
            uncertain = uncertain + seeds**2 / self.spread.freedom
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(uncertain > 0, self.variance**2 / uncertain, np.inf)

    def half_width(self, tried: int = 1, level: float = 0.95) -> Any:
        """Return half the width of the interval of each of `tried` differences, which all hold at `level`."""
        from scipy.stats import t

        return t.ppf(1 - (1 - level) / 2 / tried, np.maximum(self.freedom, 1.0)) * np.sqrt(self.variance)

    def needed(self, gain: float, seeds: int, tried: int = 1, level: float = 0.95) -> tuple[int | None, float]:
        """Return what would suffice for a verdict, if the difference stays what it is.

        Returns
        -------
        seeds
            Seeds of each side that has seeds, on the same rows; None if no number of them suffices.
        times
            How many times the rows, with the same seeds; infinite if no number of them suffices.
        """
        from scipy.stats import norm

        bound = (gain / norm.ppf(1 - (1 - level) / 2 / tried)) ** 2
        alone = max(self.rows - self.share * self.spread.of_rows, 0.0)  # rows, whatever the seeds
        by_seed = seeds * (self.variance - alone)
        enough = None if bound <= alone or not self.share else max(seeds + 1, int(np.ceil(by_seed / (bound - alone))))
        times = self.rows / (bound - self.of_seeds) if bound > self.of_seeds else np.inf
        return enough, float(times)
