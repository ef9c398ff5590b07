"""Checks of rows: copies between train and test, copies across folds, and equal rows with other labels."""

import numpy as np
import pandas as pd

from groundwork.checks.alarms import Alarm, Check
from groundwork.checks.views import Rows

# Equal rows are copies only where rows are nearly all distinct: in a table of a few labels, equality is chance.
DISTINCT, COPIES, CONTRADICTIONS, FEWEST = 0.8, 0.02, 0.005, 5
COARSE = "most rows have the same columns as others, so equal rows are no copies"


def same_rows(rows: Rows) -> Check:
    """Look for test rows that are training rows, too."""
    keys, name = rows.keys, "same rows in train and test"
    if _coarse(keys[: rows.train]):
        return Check(name, skipped=COARSE)
    copies = np.isin(keys[rows.train :], keys[: rows.train]) & rows.telling[rows.train :]
    measured = {"share of test rows": copies.mean(), "test rows": copies.sum()}
    if copies.mean() < COPIES or copies.sum() < FEWEST:
        return Check(name, measured=measured)
    return Check(
        name,
        Alarm(
            f"{copies.sum():,} test rows ({copies.mean():.1%}) equal a training row in every column that is read",
            "their labels are known already: the public score measures memory there, and cross-validation does not",
            "find out how the tables were split; keep such rows together in folds (`group_folds_by`) if new rows may "
            "be copies too, or leave them out of what you judge by",
        ),
        measured,
    )


def across_folds(rows: Rows) -> Check:
    """Look for training rows with a copy in another fold."""
    keys, name = rows.keys[: rows.train], "same rows across folds"
    if _coarse(keys):
        return Check(name, skipped=COARSE)
    spread = pd.Series(rows.folds).groupby(keys).transform("nunique").to_numpy() > 1
    spread &= rows.telling[: rows.train]
    measured = {"share of rows": spread.mean(), "rows": spread.sum()}
    if spread.mean() < COPIES or spread.sum() < FEWEST:
        return Check(name, measured=measured)
    return Check(
        name,
        Alarm(
            f"{spread.sum():,} training rows ({spread.mean():.1%}) have an equal row in another fold",
            "a network that remembers the copy predicts the row, so the out-of-fold score is too high",
            "name a column that copies share in `group_folds_by` of the competition's file: they then stay in one fold",
        ),
        measured,
    )


def contradictions(rows: Rows) -> Check:
    """Look for equal training rows with other labels."""
    keys, name = rows.keys[: rows.train], "labels that contradict each other"
    if _coarse(keys):
        return Check(name, skipped=COARSE)
    by_key = pd.DataFrame(rows.targets).groupby(keys)
    ranges = by_key.transform("max") - by_key.transform("min")
    apart = (ranges > 0.25).any(axis=1).to_numpy() & rows.telling[: rows.train]
    measured = {"share of rows": apart.mean(), "rows": apart.sum()}
    if apart.mean() < CONTRADICTIONS or apart.sum() < FEWEST:
        return Check(name, measured=measured)
    return Check(
        name,
        Alarm(
            f"{apart.sum():,} training rows ({apart.mean():.1%}) equal another row and have another label",
            "no model can be right about both: labels are noisy there, or a column that tells them apart is not read",
            "look at some of them; read the missing column in `inputs` or `features`, or mend the "
            "labels in the archive",
        ),
        measured,
    )


def _coarse(keys: np.ndarray) -> bool:
    return len(np.unique(keys)) < DISTINCT * len(keys)
