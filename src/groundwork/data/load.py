"""Prepares and loads a competition's tables by its layout."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from groundwork.competitions import Competition
from groundwork.data import purchases, rows
from groundwork.data.archives import Archive
from groundwork.data.prepared import Prepared
from groundwork.naming import ByName

# Keys are values of `Competition.layout`; each function takes the subclass of `Competition` with that layout.
PREPARE: ByName[Callable[[Any, Archive, Path, int, int, float], pd.DataFrame | None]] = {
    "rows": rows.prepare,
    "purchases": purchases.prepare,
}
LOAD: ByName[Callable[[Any, Path], Prepared]] = {
    "rows": rows.load,
    "purchases": purchases.load,
}


def prepare(
    competition: Competition, archive: Archive, out: Path, folds: int, seed: int, share: float = 0.0
) -> pd.DataFrame | None:
    """Read and check the tables of `archive`; write them and the folds into the folder `out`.

    Returns
    -------
    DataFrame or None
        The share of the training rows that are held back, which are not in `out`; None for a share of 0.

    Raises
    ------
    UserError
        If the archive, one of its tables or the number of folds does not fit the competition.
    """
    return PREPARE[competition.layout](competition, archive, out, folds, seed, share)


def load(competition: Competition, folder: Path) -> Prepared:
    """Read what `prepare` wrote to `folder`.

    Raises
    ------
    UserError
        If a file is missing or broken; the message names the command that makes it.
    """
    return LOAD[competition.layout](competition, folder)
