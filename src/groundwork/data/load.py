"""The layouts of competitions' tables: how each is prepared, and read back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from groundwork.competitions import Competition
from groundwork.data import purchases, rows
from groundwork.data.archives import Archive
from groundwork.data.prepared import Prepared
from groundwork.naming import ByName

# By `Competition.layout`; each takes the class of competitions that names it.
PREPARE: ByName[Callable[[Any, Archive, Path, int, int], None]] = {
    "rows": rows.prepare,
    "purchases": purchases.prepare,
}
LOAD: ByName[Callable[[Any, Path], Prepared]] = {
    "rows": rows.load,
    "purchases": purchases.load,
}


def prepare(competition: Competition, archive: Archive, out: Path, folds: int, seed: int) -> None:
    """Read and check the tables of `archive`; write them and the folds into the folder `out`.

    Raises
    ------
    UserError
        If the archive, a table in it or the number of folds is not what the competition needs.
    """
    PREPARE[competition.layout](competition, archive, out, folds, seed)


def load(competition: Competition, folder: Path) -> Prepared:
    """Read what `prepare` wrote to `folder`.

    Raises
    ------
    UserError
        If a file is missing or broken; names the command that makes it.
    """
    return LOAD[competition.layout](competition, folder)
