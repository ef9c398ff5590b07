"""Holds a share of the training rows back, as Kaggle does for its private leaderboard.

The private rows are in no fold, no table that a stage reads, and nothing that is learned. They are chosen as folds are:
stratified, whole groups, or the last rows by time, since test rows come later, too. The choice depends on the archive
and the share alone. Another `folds_seed` leaves it as it is: rows that a network was chosen on may never become
private ones.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from groundwork.competitions import Competition, Labelled
from groundwork.data.folds import assign, by_time
from groundwork.errors import UserError
from groundwork.files import writing
from groundwork.objectives import KINDS

FOLDER = Path("data/private")
# A share is a number of equal parts, such as 1 of 10; there are at most so many.
PARTS = 20
SEED = 0


def path(lane_name: str) -> Path:
    """Return where the private rows of a lane are."""
    return FOLDER / f"{lane_name}.parquet"


def problem(competition: Competition, share: float) -> str | None:
    """Say why a share cannot be held back from a competition's rows; None if it can, or is 0."""
    if not share:
        return None
    if not isinstance(competition, Labelled):
        return (
            f"found {share}; expected 0: a log of purchases has no labelled rows to hold back, and its last weeks are "
            "its folds"
        )
    return f"found {share}; expected 0, or {1 / PARTS} to 0.5" if share < 1 / PARTS else None


def chosen(competition: Labelled, train: pd.DataFrame, share: float) -> NDArray[np.bool_]:
    """Choose the private rows.

    Parameters
    ----------
    train
        All training rows, with encoded targets.
    share
        Rounded to a fraction of at most `PARTS` parts.

    Returns
    -------
    array of shape (n,), bool
        True for private rows. Every class stays among the others.

    Raises
    ------
    UserError
        If there are too few rows, groups or times.
    """
    part, kind, task = Fraction(share).limit_denominator(PARTS), KINDS[competition.kind], competition.task
    groups = train[competition.group_folds_by].to_numpy() if competition.group_folds_by else None
    targets = list(competition.targets)
    try:
        if competition.fold_by_time:
            spans = part.denominator - 1  # besides the first one
            numbers = by_time(train[competition.fold_by_time], spans, competition.time_format)
        else:
            strata = kind.strata(task) if competition.stratify else None
            values = train[targets if len(targets) > 1 else targets[0]].to_numpy()
            numbers = assign(values, part.denominator, SEED, strata, groups)
    except UserError as error:
        raise UserError(
            f"params.yaml: private: found {share}; it takes {part.numerator} of {part.denominator} equal parts of the "
            f"training rows, which cannot be made: {error.problem}",
            "set `private: 0`, or a share of fewer parts: 0.5, 0.25, 0.2 or 0.1",
        ) from None
    private = numbers < part.numerator
    for target in targets if kind.class_count(train, task) else ():
        lost = private & ~train[target].isin(train[target][~private]).to_numpy()
        private &= ~(lost if groups is None else pd.Series(groups).isin(groups[lost]).to_numpy())
    return private


def write(rows: pd.DataFrame, out: Path, *, data_sha256: str, share: float) -> None:
    """Write private rows, with the hash of the prepared data that lacks them."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    facts = {"data_sha256": data_sha256, "share": repr(share)}
    with writing(out) as temporary, temporary.open("wb") as stream:
        parquet.write_table(table.replace_schema_metadata(facts), stream, compression="zstd")


def read(lane_name: str, *, data_sha256: str, share: float) -> pd.DataFrame:
    """Read the private rows of a lane.

    Parameters
    ----------
    data_sha256, share
        Of the prepared data, and of params.yaml: rows of another share may be in training now.

    Raises
    ------
    UserError
        If they are not there, broken, or held back from other data.
    """
    file, again = path(lane_name), f"make it: `groundwork prepare {lane_name}`"
    try:
        table = parquet.read_table(file)
    except FileNotFoundError:
        raise UserError(f"{file}: not found", again) from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{file}: cannot be read ({str(error).splitlines()[0]})", again) from None
    facts = table.schema.metadata or {}
    if facts.get(b"data_sha256") != data_sha256.encode() or facts.get(b"share") != repr(share).encode():
        raise UserError(
            f"{file}: was held back from other data than {lane_name}'s prepared data, or with another share",
            f"make both again: `groundwork repro {lane_name}`",
        )
    return table.to_pandas()
