"""Splits a fold's training rows into those to learn from and a hold-out that decides when to stop."""

import pandas as pd
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from groundwork.competitions import Competition
from groundwork.objectives import KINDS


def held_out(
    competition: Competition, train: pd.DataFrame, share: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split training rows; groups stay together, and classes keep their shares.

    Returns
    -------
    kept, watched
        The rows to learn from, and `share` of the rows.

    Raises
    ------
    ValueError
        If there are too few rows, groups, or rows of a class.
    """
    task = competition.task
    if task.groups:
        split = GroupShuffleSplit(1, test_size=share, random_state=seed)
        learned, watching = next(split.split(train, groups=train[task.groups]))
        return train.iloc[learned], train.iloc[watching]
    strata = KINDS[competition.kind].holdout_strata(train, task)
    kept, watched = train_test_split(train, test_size=share, stratify=strata, random_state=seed)
    return kept, watched
