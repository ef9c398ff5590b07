"""Folds: which rows validate which network. Made once, in `prepare`, so that every experiment shares them."""

from typing import Literal

import numpy as np

from groundwork.errors import UserError

QUANTILES = 10
MOST_FOLDS = np.iinfo(np.int8).max


def assign(
    target: np.ndarray,
    folds: int,
    seed: int,
    stratify: Literal["classes", "quantiles"] | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Give each row the number of the fold that it validates.

    Parameters
    ----------
    target : array of shape (n,)
        Classes or numbers, without missing values.
    stratify
        `classes`: each fold has the same share of each class. `quantiles`: each fold has the same share of each
        of up to ten ranges of the number. `None`: drawn at random.
    groups : array of shape (n,), optional
        Rows of one group get one fold. With `stratify`, shares are then as equal as whole groups allow.

    Returns
    -------
    array of shape (n,), int8
        Values 0 to `folds` - 1.

    Raises
    ------
    UserError
        If there are fewer rows, fewer groups, or fewer members of a class, than folds.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    rows = len(target)
    parts, what = (rows, "rows") if groups is None else (len(np.unique(groups)), "groups")
    if not 2 <= folds <= min(parts, MOST_FOLDS):
        raise _too_many(folds, f"expected 2 to {min(parts, MOST_FOLDS)} for {parts} {what}")
    strata = np.zeros(rows, dtype=np.int64)
    if stratify == "classes":
        classes, strata, members = np.unique(target, return_inverse=True, return_counts=True)
        if members.min() < folds:
            rare = classes[members.argmin()]
            raise _too_many(folds, f"expected at most {members.min()}: as many rows have the rarest class, {rare}")
    elif stratify == "quantiles":
        # Ranks, not values: equal values may part, so every stratum has at least `folds` rows.
        ranks = np.argsort(np.argsort(target, kind="stable"), kind="stable")
        strata = ranks * min(QUANTILES, rows // folds) // rows
    if groups is None:
        splitter = KFold if stratify is None else StratifiedKFold
    else:
        splitter = GroupKFold if stratify is None else StratifiedGroupKFold
    numbers = np.empty(rows, dtype=np.int8)
    split = splitter(folds, shuffle=True, random_state=seed).split(strata[:, None], strata, groups)
    for number, (_, validation) in enumerate(split):
        numbers[validation] = number
    return numbers


def _too_many(folds: int, expected: str) -> UserError:
    return UserError(f"params.yaml: folds: found {folds}; {expected}", "lower `folds` in params.yaml")
