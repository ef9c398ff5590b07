"""Draws small synthetic tables column by column, so that a competition's pipeline can be tested without an account.

The columns are independent: a score on such a table means nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Marginal:
    """The distribution of a column by itself; one of `quantiles`, `labels` and `words` is given.

    Attributes
    ----------
    quantiles
        Numbers at equal steps of probability, from the smallest to the largest.
    whole
        Whether only whole numbers occur.
    labels
        Value -> share.
    words
        The words of a text, separated by spaces.
    missing
        Share of missing values.
    """

    quantiles: tuple[float, ...] = ()
    whole: bool = False
    labels: Mapping[str, float] = field(default_factory=dict)
    words: str = ""
    missing: float = 0.0

    def draw(self, rng: np.random.Generator, rows: int) -> pd.Series:
        """Draw a column of `rows` values."""
        if self.quantiles:
            numbers = np.interp(rng.random(rows), np.linspace(0, 1, len(self.quantiles)), self.quantiles)
            numbers = numbers.round(0 if self.whole else 4)
            drawn: pd.Series = pd.Series(numbers.astype("int64") if self.whole and not self.missing else numbers)
        elif self.labels:
            shares = np.array([*self.labels.values()])
            drawn = pd.Series(rng.choice([*self.labels], rows, p=shares / shares.sum()).astype(object))
        else:
            words = self.words.split()
            drawn = pd.Series([" ".join(rng.choice(words, rng.integers(3, 30))) for _ in range(rows)])
        return drawn.mask(rng.random(rows) < self.missing) if self.missing else drawn


def table(rng: np.random.Generator, rows: int, columns: Mapping[str, Marginal]) -> pd.DataFrame:
    """Draw a table of `rows` rows, each column by itself."""
    return pd.DataFrame({name: column.draw(rng, rows) for name, column in columns.items()})
