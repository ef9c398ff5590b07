"""Finds out how rows should be divided into folds: as train and test were divided."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from groundwork.adding.columns import TIME_NAME, Column
from groundwork.adding.defaults import FOLDS
from groundwork.data.folds import by_time
from groundwork.errors import UserError
from groundwork.features import dates

# A key is a group if it repeats in train, nearly no test row has a value of train (one group may be cut in two), and no
# value fills a fold, as the 0 of a count does.
SHARED, REPEATED, ENOUGH, MOST = 0.05, 1.5, 8, 1 / FOLDS
LATER = 0.95  # share of test rows after the last training row


@dataclass(frozen=True)
class Split:
    """How folds are made.

    Attributes
    ----------
    group
        The column whose equal values stay in one fold, or None.
    time
        The column of the time, where test lies after train, or None.
    reason
        Why.
    form
        The format of the times, where they cannot be read without it.
    obstacle
        Why rows cannot be put in the order of `time` as it stands in the table; empty if they can.
    """

    group: str | None
    time: str | None
    reason: str
    form: str = ""
    obstacle: str = ""

    @property
    def words(self) -> str:
        """Describe the folds in a word or two."""
        return f"by time ({self.time})" if self.time else f"grouped by {self.group}" if self.group else "at random"


def find(train: pd.DataFrame, test: pd.DataFrame, columns: Sequence[Column]) -> Split:
    """Compare train and test: whether test lies after train, or has other groups."""
    for column in columns:
        before, after = _moments(column, train), _moments(column, test)
        if before is not None and after is not None and _is_later(before, after):
            reason = "nearly all test rows lie after the last training row"
            times = train[column.name]
            # Numbers such as 20240131 are in order as they stand.
            plain = column.option == "ISO8601" or pd.api.types.is_numeric_dtype(times)
            form = "" if plain else column.option
            return Split(None, column.name, reason, form, _obstacle(times, before, form))
    groups = [(rows, name, shared) for name in _candidates(train, columns)
              for rows, shared in [_group(train[name], test[name])] if rows]  # fmt: skip
    if groups:
        rows, name, shared = max(groups)
        also = f"only {shared:.0%} of the test rows have a value of train" if shared else "test has none of the values"
        return Split(name, None, f"{rows:.1f} training rows share a value, and {also}")
    return Split(None, None, "train and test have the same groups and times")


def _obstacle(times: pd.Series, moments: pd.Series, form: str) -> str:
    """Say why the times cannot make folds; empty if they can."""
    if len(moments) < len(times):
        return f"{len(times) - len(moments):,} rows have no time"
    try:
        by_time(times, FOLDS, form or None)
    except UserError as error:
        return error.problem
    return ""


def _is_later(before: pd.Series, after: pd.Series) -> bool:
    last = before.max()
    return len(after) > 0 and before.nunique() > 1 and (after >= last).mean() >= LATER and bool((after > last).any())


def _moments(column: Column, frame: pd.DataFrame) -> pd.Series | None:
    if column.role in ("date", "date and time"):
        return dates(frame[column.name], column.option).iloc[:, 0].dropna()
    if column.role == "seconds":
        return frame[column.name].dropna()
    if column.role in ("number", "id-like") and column.name in frame and TIME_NAME.search(column.name):
        numeric = pd.api.types.is_numeric_dtype(frame[column.name])
        return frame[column.name].dropna() if numeric else None
    return None


def _candidates(train: pd.DataFrame, columns: Sequence[Column]) -> list[str]:
    roles = ("number", "category", "many categories", "id-like", "short text")
    names = [column.name for column in columns if column.role in roles and not TIME_NAME.search(column.name)]
    return [name for name in names if not pd.api.types.is_float_dtype(train[name])]


def _group(train: pd.Series, test: pd.Series) -> tuple[float, float]:
    """Return the rows of train for a value, 0 if it is no group, and the share of test rows with a value of train."""
    here, there = train.dropna(), test.dropna()
    known, others = here.unique(), there.unique()
    if min(len(known), len(others)) < ENOUGH:
        return 0.0, 0.0
    rows, both = len(here) / len(known), int(pd.Series(others).isin(known).sum())
    shared = float(there.isin(known).mean())
    # Numbers of which each occurs once or twice differ between train and test by chance.
    counts = here.value_counts()
    repeated = float((here.map(counts) > 1).mean())
    grouped = rows >= REPEATED and repeated > 0.5 and counts.iloc[0] <= MOST * len(here)
    return (rows, shared) if grouped and (shared <= SHARED or both == 1) else (0.0, shared)
