"""Draws of units with replacement: how often each unit is in each resample."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_DRAWN = 50_000_000  # units drawn in all resamples together
FEWEST = 50  # a standard error from 50 resamples is off by a tenth of itself
AT_ONCE = 2_000_000  # units whose counts are in memory at once


@dataclass(frozen=True)
class Draws:
    """Resamples of as many units as there are.

    Attributes
    ----------
    units
        The number of units.
    resamples
        How often they are drawn; `limited` gives the number that the limit on drawn units leaves.
    seed
        Equal seeds give equal draws, so that both sides of a comparison see the same ones.
    """

    units: int
    resamples: int
    seed: int = 0

    @classmethod
    def limited(cls, units: int, resamples: int) -> "Draws":
        """Make as many resamples as the limit on drawn units allows, and at least a few."""
        return cls(units, min(resamples, max(FEWEST, MOST_DRAWN // units)))

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        """Yield the counts of some resamples after the other, float64 ``[some, units]``."""
        rng = np.random.default_rng(self.seed)
        some = max(1, AT_ONCE // self.units)
        for begin in range(0, self.resamples, some):
            rows = min(some, self.resamples - begin)
            drawn = rng.integers(0, self.units, size=(rows, self.units), dtype=np.int32)
            drawn = drawn + np.arange(rows, dtype=np.int64)[:, None] * self.units
            counts = np.bincount(drawn.ravel(), minlength=rows * self.units)
            yield counts.reshape(rows, self.units).astype(np.float64)
