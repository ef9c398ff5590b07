"""Assigns rows to folds. The `prepare` stage does this once, so that all experiments share the folds."""

import logging
import warnings
from typing import Literal

import numpy as np
import pandas as pd

from groundwork.errors import UserError

Strata = Literal["classes", "quantiles", "tags"]
QUANTILES = 10
MOST_FOLDS = np.iinfo(np.int8).max
# Dates whose day and month only a format tells apart.
AMBIGUOUS = r"^\s*\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b"

log = logging.getLogger(__name__)


def assign(
    target: np.ndarray,
    folds: int,
    seed: int,
    stratify: Strata | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Assign each row to the fold that it validates.

    Parameters
    ----------
    target : array of shape (n,) or (n, targets)
        Classes, numbers, or 0 and 1 for each tag, without missing values.
    stratify
        `classes`: each fold has the same share of each class. `quantiles`: each fold has the same share of each
        of up to ten ranges of the number, the first of several. `tags`: each fold has the same share of each tag,
        the rarest first (iterative stratification: Sechidis et al. 2011,
        https://doi.org/10.1007/978-3-642-23808-6_10); with `groups`, shares of tags are left to chance. `None`: drawn
        at random.
    groups : array of shape (n,), optional
        Rows of a group stay in one fold. With `stratify`, shares are then as equal as whole groups allow.

    Returns
    -------
    array of shape (n,), int8
        Values 0 to `folds` - 1.

    Raises
    ------
    UserError
        If there are fewer rows or fewer groups than folds.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    rows = len(target)
    if groups is not None:
        # Integer codes: scikit-learn compares them a hundred times as fast as strings, and missing names get a code.
        groups = pd.factorize(groups, sort=True, use_na_sentinel=False)[0]
    units, name = (rows, "rows") if groups is None else (len(np.unique(groups)), "groups")
    if not 2 <= folds <= min(units, MOST_FOLDS):
        raise _too_many(folds, f"expected 2 to {min(units, MOST_FOLDS)} for {units} {name}")
    strata = np.zeros(rows, dtype=np.int64)
    if stratify == "classes":
        classes, strata, members = np.unique(target, return_inverse=True, return_counts=True)
        if (few := members < folds).any():
            rare = ", ".join(f"{name} ({count})" for name, count in zip(classes[few], members[few], strict=True))
            log.warning("classes with fewer rows than folds, which not every fold can contain: %s", rare)
            # scikit-learn refuses strata that are all smaller than the number of folds.
            strata = np.where(few[strata], -1, strata)
    elif stratify == "quantiles":
        # Ranks instead of values: equal values may be separated, so every stratum has at least `folds` rows.
        first = target if target.ndim == 1 else target[:, 0]
        ranks = np.argsort(np.argsort(first, kind="stable"), kind="stable")
        strata = ranks * min(QUANTILES, rows // folds) // rows
    if stratify == "tags" and groups is None:
        from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

        splitter, strata = MultilabelStratifiedKFold, target
    elif groups is None:
        splitter = KFold if stratify is None else StratifiedKFold
    else:
        splitter = GroupKFold if stratify in (None, "tags") else StratifiedGroupKFold
    numbers = np.empty(rows, dtype=np.int8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # said above, with the names of the classes
        split = splitter(folds, shuffle=True, random_state=seed).split(np.zeros((rows, 1)), strata, groups)
        for number, (_, validation) in enumerate(split):
            numbers[validation] = number
    return numbers


def by_time(times: pd.Series, folds: int, form: str | None = None) -> np.ndarray:
    """Cut rows into consecutive spans of time: one more than folds, since the first has no rows before it.

    Parameters
    ----------
    times : Series of length n
        Numbers, or dates as text, without missing values. Rows with equal times stay together.
    form
        The format of the dates, as `pandas.to_datetime` takes it. None for numbers, and for dates that can be read in
        one way only, such as 2024-03-31.

    Returns
    -------
    array of shape (n,), int8
        The fold that each row validates, counted from the end: 0 is the last span. `folds` marks the first span, which
        validates none.

    Raises
    ------
    UserError
        If a time is missing or cannot be read, or there are too few different ones.
    """
    read = times if form is None and pd.api.types.is_numeric_dtype(times) else _moments(times, form)
    if (wrong := read.isna()).any():
        raise UserError(
            f"column {times.name!r}: found {times[wrong].iloc[0]} in row {int(wrong.argmax()) + 1}; expected a date "
            f"or a number in each row, since folds are spans of it; {int(wrong.sum())} such rows",
            "correct `time_format` of the competition's file, or name another column in `fold_by_time`, or None",
        )
    values = read.to_numpy()
    # Where the first row of each distinct time stands among all rows decides the span of all its rows.
    first = np.searchsorted(np.sort(values), values)
    span = first * (folds + 1) // len(values)
    if not 1 <= folds <= MOST_FOLDS or len(np.unique(span)) < folds + 1:
        raise _too_many(folds, f"expected fewer for {len(np.unique(values))} different times in {times.name!r}")
    return (folds - span).astype(np.int8)


def _moments(times: pd.Series, form: str | None) -> pd.Series:
    written = times.astype("str")
    if form is None and (unclear := written.str.contains(AMBIGUOUS)).any():
        raise UserError(
            f"column {times.name!r}: found {written[unclear].iloc[0]} in row {int(unclear.argmax()) + 1}, whose day "
            "and month may be either way round; expected the format of such dates",
            'say it in the competition\'s file, such as `time_format="%d/%m/%Y"`',
        )
    # In one zone, since times of several do not compare.
    return pd.to_datetime(written, errors="coerce", format=form or "mixed", utc=True).dt.tz_localize(None)


def _too_many(folds: int, expected: str) -> UserError:
    return UserError(f"params.yaml: folds: found {folds}; {expected}", "set `folds` in params.yaml to such a number")
