"""What the prepare stage leaves on the disk, read back."""

from pathlib import Path

from groundwork.competitions import Competition, Labelled
from groundwork.data import purchases, rows
from groundwork.data.prepared import Prepared


def load(competition: Competition, folder: Path) -> Prepared:
    """Read what `prepare` wrote to `folder`.

    Raises
    ------
    UserError
        If a file is missing or broken; names the command that makes it.
    """
    if isinstance(competition, Labelled):
        return rows.load(competition, folder)
    return purchases.load(competition, folder)
