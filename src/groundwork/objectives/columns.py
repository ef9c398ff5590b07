"""Rules for the columns of a submission: what is certainly wrong, and what is suspicious.

A failure is certain: Kaggle would refuse the file, or score it wrongly. A suspicion may be honest work, such as a class
so rare that no row is predicted to have it, or test data that differ from the training data.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import numpy as np
import pandas as pd

# Limits of the distance between test and out-of-fold predictions. They are wide, because train and test data do differ
# in some competitions. They catch mistakes: predictions left on the log scale (distance 1), doubled prices (0.6), two
# classes exchanged on Titanic (0.24). A normal distribution shifted by half its standard deviation has a distance of
# 0.20 and passes; by 1.05 standard deviations, 0.40.
NUMBER_LIMIT = 0.40  # Kolmogorov-Smirnov distance: the largest gap between two cumulative distributions
CLASS_LIMIT = 0.20  # total variation distance between class shares
# A short test set can have a large distance by chance, so the p-value must also be below this.
BEYOND_DOUBT = 1e-6
SHOWN = 20  # labels in a message

SUSPICIONS = ("constant", "shift")


class Suspicion(NamedTuple):
    """What is unusual about a column, and which of `SUSPICIONS` it is."""

    name: Literal["constant", "shift"]
    text: str


class Rule(Protocol):
    """What a column of a submission may contain. Values are text, as in the file; a missing one is NaN."""

    def failures(self, values: pd.Series) -> list[str]:
        """List what is certainly wrong: line, found, expected."""

    def suspicions(self, values: pd.Series, oof: pd.Series | None) -> list[Suspicion]:
        """List what is unusual in a column without failures; `oof` has the out-of-fold predictions as handed in."""


@dataclass(frozen=True)
class Labels:
    """A column of labels.

    Parameters
    ----------
    spelled
        Every label, as the competition spells it.
    """

    spelled: Sequence[str]

    def failures(self, values: pd.Series) -> list[str]:
        """Name the first value that is no label, or is spelled otherwise."""
        expected = ", ".join(self.spelled[:SHOWN]) + (" …" if len(self.spelled) > SHOWN else "")
        return missing(values, expected) or wrong(values, ~values.isin(self.spelled), expected)

    def suspicions(self, values: pd.Series, oof: pd.Series | None) -> list[Suspicion]:
        """Report a single label, and shares of the labels that differ from the out-of-fold ones."""
        found = constant(values)
        return found or ([] if oof is None else _shift(_classes_apart(values, oof.astype(str))))


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Parameters
    ----------
    low, high
        The smallest and the largest number allowed.
    positive
        Whether numbers must be above 0, because the metric takes their logarithm.
    meaning
        What the numbers are, for messages.
    """

    low: float = -np.inf
    high: float = np.inf
    positive: bool = False
    meaning: str = "a number"

    def failures(self, values: pd.Series) -> list[str]:
        """Name the first value that is missing, no finite number, or out of range."""
        if failures := missing(values, self.meaning):
            return failures
        numbers = pd.to_numeric(values, errors="coerce").astype(float)
        expected = f"{self.meaning} from {self.low:g} to {self.high:g}" if np.isfinite(self.high) else self.meaning
        if failures := wrong(values, numbers.isna(), self.meaning):
            return failures
        if failures := wrong(values, pd.Series(np.isinf(numbers), index=values.index), "a finite number"):
            return failures
        if failures := wrong(values, (numbers < self.low) | (numbers > self.high), expected):
            return failures
        return wrong(values, numbers <= 0, "above 0: the metric takes a logarithm") if self.positive else []

    def suspicions(self, values: pd.Series, oof: pd.Series | None) -> list[Suspicion]:
        """Report a constant, and a distribution that differs from the out-of-fold one."""
        if found := constant(values):
            return found
        return [] if oof is None else _shift(_numbers_apart(values.astype(float), oof.astype(float)))


@dataclass(frozen=True)
class Lists:
    """A column of lists of ids with spaces between them.

    Parameters
    ----------
    ids
        The ids that a list may contain.
    most
        The maximum length of a list.
    """

    ids: pd.Series = field(repr=False)
    most: int

    def failures(self, values: pd.Series) -> list[str]:
        """Name the first list that is missing, too long, or has an unknown or repeated id."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if failures := missing(values, "ids with spaces between them"):
            return failures
        lists = pc.split_pattern(pa.array(values, type=pa.string()), " ")
        counts = np.asarray(pc.list_value_length(lists))
        row, ids = np.repeat(np.arange(len(values)), counts), pc.list_flatten(lists)
        numbers = np.asarray(pc.fill_null(pc.index_in(ids, value_set=pa.array(self.ids, type=pa.string())), -1))
        # After sorting, equal ids of a list are neighbours.
        order = np.lexsort((numbers, row))
        again = (np.diff(row[order]) == 0) & (np.diff(numbers[order]) == 0)
        failures = []
        for wrong_rows, describe, expected in (
            (np.flatnonzero(counts > self.most), lambda line: f"{counts[line]} ids", f"{self.most} at the most"),
            (row[numbers < 0], lambda _: ids[int(np.argmax(numbers < 0))].as_py(), "an id of the competition's"),
            (np.unique(row[order][1:][again]), lambda line: values.iloc[line], "each id once"),
        ):
            if len(wrong_rows):
                place = pd.Series(np.isin(np.arange(len(values)), wrong_rows))
                failures.append(f"{lines(place)}: found {describe(wrong_rows[0])}; expected {expected}")
        return failures

    def suspicions(self, values: pd.Series, oof: pd.Series | None) -> list[Suspicion]:
        """Report nothing: equal lists are common, since popular items suit everybody."""
        return []


def missing(values: pd.Series, expected: str) -> list[str]:
    """Name the first missing value."""
    absent = values.isna()
    return [f"{lines(absent)}: found no value; expected {expected}"] if absent.any() else []


def wrong(values: pd.Series, where: pd.Series, expected: str) -> list[str]:
    """Name the first of the values at `where`."""
    return [f"{lines(where)}: found {values[where].iloc[0]}; expected {expected}"] if where.any() else []


def constant(values: pd.Series) -> list[Suspicion]:
    """Report a column whose values are all equal."""
    if len(values) > 1 and values.nunique() == 1:
        return [Suspicion("constant", f"every row is {values.iloc[0]}")]
    return []


def lines(wrong: pd.Series) -> str:
    """Name the first wrong line of the file (the header is line 1) and the number of further ones."""
    numbers = np.flatnonzero(wrong) + 2
    return f"line {numbers[0]}" + (f" and {len(numbers) - 1} more" if len(numbers) > 1 else "")


def _shift(text: str | None) -> list[Suspicion]:
    return [Suspicion("shift", text)] if text else []


def _numbers_apart(values: pd.Series, oof: pd.Series) -> str | None:
    """Compare the distributions of two columns of numbers; return None if they are close enough."""
    from scipy.stats import ks_2samp

    test = ks_2samp(values, oof, method="asymp")
    here, there = (f"median {numbers.median():.4g}" for numbers in (values, oof))
    return _apart(float(test.statistic), NUMBER_LIMIT, float(test.pvalue), here, there)


def _classes_apart(values: pd.Series, oof: pd.Series) -> str | None:
    """Compare the shares of the classes in two columns of labels; return None if they are close enough."""
    from scipy.stats import chi2_contingency

    counts = pd.DataFrame({"here": values.value_counts(), "there": oof.value_counts()}).fillna(0)
    shares = counts / counts.sum()
    gaps = (shares["here"] - shares["there"]).abs()
    chance = float(chi2_contingency(counts.to_numpy()).pvalue) if len(counts) > 1 else 1.0
    widest = shares.iloc[int(gaps.argmax())]
    here, there = (f"{widest[side]:.0%} of class {widest.name}" for side in ("here", "there"))
    return _apart(float(gaps.sum() / 2), CLASS_LIMIT, chance, here, there)


def _apart(distance: float, limit: float, chance: float, here: str, there: str) -> str | None:
    if distance <= limit or chance > BEYOND_DOUBT:
        return None
    return (
        f"the predictions are not like the out-of-fold ones: found {here}, out-of-fold {there} "
        f"(distance {distance:.2f}; above {limit:.2f} is unusual)"
    )
