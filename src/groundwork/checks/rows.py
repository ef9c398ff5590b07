"""Checks of rows: copies between train and test, copies across folds, and equal rows with other labels."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.checks.alarms import Alarm, Check
from groundwork.checks.views import Array, Rows

# Equal rows are copies only where rows are nearly all distinct: in a table of a few labels, equality is chance.
DISTINCT, COPIES, CONTRADICTIONS, FEWEST = 0.8, 0.02, 0.005, 5
COARSE = "most rows have the same columns as others, so equal rows are no copies"


def same_rows(rows: Rows) -> Check:
    """Look for test rows that are training rows, too."""
    known, keys = np.split(rows.keys, [rows.train])
    return _judged(
        "same rows in train and test",
        "test rows",
        known,
        np.isin(keys, known) & rows.telling[rows.train :],
        COPIES,
        Alarm(
            "equal a training row in every column that is read",
            "their labels are known already: the public score measures memory there, and cross-validation does not",
            "find out how the tables were split; keep such rows together in folds (`group_folds_by`) if new rows may "
            "be copies too, or leave them out of what you judge by",
        ),
    )


def across_folds(rows: Rows) -> Check:
    """Look for training rows with a copy in another fold."""
    keys = rows.keys[: rows.train]
    spread = pd.Series(rows.folds).groupby(keys).transform("nunique").to_numpy() > 1
    return _judged(
        "same rows across folds",
        "training rows",
        keys,
        spread & rows.telling[: rows.train],
        COPIES,
        Alarm(
            "have an equal row in another fold",
            "a network that remembers the copy predicts the row, so the out-of-fold score is too high",
            "name a column that copies share in `group_folds_by` of the competition's file: they then stay in one fold",
        ),
    )


def contradictions(rows: Rows) -> Check:
    """Look for equal training rows with other labels."""
    keys = rows.keys[: rows.train]
    by_key = pd.DataFrame(rows.targets).groupby(keys)
    ranges = by_key.transform("max") - by_key.transform("min")
    return _judged(
        "labels that contradict each other",
        "training rows",
        keys,
        (ranges > 0.25).any(axis=1).to_numpy() & rows.telling[: rows.train],
        CONTRADICTIONS,
        Alarm(
            "equal another row and have another label",
            "no model can be right about both: labels are noisy there, or a column that tells them apart is not read",
            "look at some of them; read the missing column in `inputs` or `features`, or mend the "
            "labels in the archive",
        ),
    )


def _judged(name: str, unit: str, keys: Array, marked: NDArray[np.bool_], least: float, alarm: Alarm) -> Check:
    """Sound `alarm`, behind how many rows are `marked`, if their share is at least `least`."""
    if len(np.unique(keys)) < DISTINCT * len(keys):
        return Check(name, skipped=COARSE)
    share, count = marked.mean(), marked.sum()
    measured = {f"share of {unit}": share, unit: count}
    if share < least or count < FEWEST:
        return Check(name, measured=measured)
    return Check(name, replace(alarm, saw=f"{count:,} {unit} ({share:.1%}) {alarm.saw}"), measured)
