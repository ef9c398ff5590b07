"""The second stage: from the archive to typed, checked tables with row-wise features and folds. It fits nothing."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from groundwork import files
from groundwork.competitions import Competition
from groundwork.data import folds as fold
from groundwork.data import tables
from groundwork.data.prepared import FOLDS, SUBMISSION, TEST, TRAIN
from groundwork.errors import UserError


def prepare(
    competition: Competition,
    path: Path,
    out: Path,
    folds: int,
    seed: int,
    source: Literal["sample", "kaggle"] = "sample",
) -> None:
    """Read and check the lane's archive at `path`; write the folder `out`, whole or not at all.

    Parameters
    ----------
    folds, seed
        Number of folds, and the seed that they are drawn with.
    source
        Where the archive comes from: what a message tells to mend.

    Raises
    ------
    UserError
        If the archive, a table in it or the number of folds is not what the competition needs, or `out` cannot be
        written.
    """
    key, target = competition.id, competition.target
    archive = tables.archive(competition, source, path)
    train = _table(competition, archive, "train.csv", competition.columns)
    test = _table(competition, archive, "test.csv", {c: k for c, k in competition.columns.items() if c != target})
    _check_target(competition, train[target], archive)
    submission = _submission(competition, archive, test[key])

    strata: Literal["classes", "quantiles"] = "classes" if competition.kind == "classification" else "quantiles"
    groups = train[competition.group_folds_by].to_numpy() if competition.group_folds_by else None
    numbers = fold.assign(train[target].to_numpy(), folds, seed, strata if competition.stratify else None, groups)
    with files.writing(out) as temporary:
        temporary.mkdir()
        _write(_with_features(competition, train), temporary / TRAIN)
        _write(_with_features(competition, test), temporary / TEST)
        _write(pd.DataFrame({key: train[key], "fold": numbers}), temporary / FOLDS)
        (temporary / SUBMISSION).write_bytes(submission)


def _table(competition: Competition, archive: tables.Archive, member: str, columns: Mapping[str, type]) -> pd.DataFrame:
    key = competition.id
    frame = tables.read(archive, member, columns, key=key if key in columns else None)
    if key not in columns:
        frame = pd.concat([pd.Series(np.arange(1, len(frame) + 1), name=key), frame], axis=1)
    if competition.inputs.image:
        pixels = frame.drop(columns=[key, competition.target], errors="ignore")
        values = pixels.to_numpy()
        if values.min() < 0 or values.max() > 255:
            row, column = np.argwhere((values < 0) | (values > 255))[0]
            raise UserError(
                f"{archive}: {member}: row {row + 1}: column {pixels.columns[column]!r}: found "
                f"{values[row, column]}, expected a pixel from 0 to 255",
                archive.mend,
            )
    return frame


def _check_target(competition: Competition, target: pd.Series, archive: tables.Archive) -> None:
    """Refuse a target that a network cannot learn or the metric cannot score."""
    problem, values = None, np.sort(target.unique())
    if target.isna().any():
        problem = f"{int(target.isna().sum())} missing values, expected none"
    elif len(values) == 1:
        problem = f"{values[0]} in every row, expected two values or more: there is nothing to learn"
    elif competition.kind == "classification" and not np.array_equal(values, np.arange(len(values))):
        problem = f"the classes {', '.join(map(str, values[:10]))}; expected 0, 1, 2 … without a gap"
    elif competition.log_target and values[0] <= 0:
        problem = f"{values[0]}; expected numbers above 0: the metric takes their logarithm"
    if problem:
        raise UserError(f"{archive}: train.csv: column {competition.target!r}: found {problem}", archive.mend)


def _submission(competition: Competition, archive: tables.Archive, ids: pd.Series) -> bytes:
    """Return the sample submission, if it asks for one answer to each row of test.csv and to no others."""
    key, member = competition.id, competition.sample_submission
    asked = tables.read(archive, member, {key: competition.columns.get(key, int)}, key=key, partial=True)[key]
    for one, other, what in ((asked, ids, "that test.csv lacks"), (ids, asked, "of test.csv is not in it")):
        alien = one[~one.isin(other)]
        if len(alien):
            raise UserError(
                f"{archive}: {member}: column {key!r}: {len(alien)} ids do not match test.csv, expected the same ids; "
                f"the first {what}: {alien.iloc[0]}",
                archive.mend,
            )
    content = tables.read_bytes(archive, member)
    names = [str(name) for name in pd.read_csv(io.BytesIO(content), nrows=0)]
    if len(names) != 2 or names[0] != key:
        raise UserError(
            f"{archive}: {member}: found the columns {', '.join(names)}; expected {key} and one that is predicted",
            archive.mend,
        )
    return content


def _with_features(competition: Competition, frame: pd.DataFrame) -> pd.DataFrame:
    """Return row id, input columns and the target, if `frame` has it."""
    inputs, own = competition.inputs, [competition.id, competition.target]
    made = competition.features(frame.drop(columns=own, errors="ignore"))
    if inputs.image:
        made = made.astype("uint8")
    else:
        labels = (*inputs.categorical, *inputs.group)
        missing = [name for name in (*inputs.numeric, *labels) if name not in made]
        if missing:
            raise UserError(
                f"{competition.slug}: inputs name {missing[0]!r}, which is no column of train.csv and which `features` "
                "does not make",
                "mend the competition's file in src/groundwork/competitions/",
            )
        kinds = dict.fromkeys(inputs.numeric, "float64") | dict.fromkeys(labels, "str")
        made = made[list(kinds)].astype(kinds)
    target = frame[[competition.target]] if competition.target in frame else None
    return pd.concat([frame[competition.id], made, target], axis=1)


def _write(frame: pd.DataFrame, path: Path) -> None:
    # Without pandas' metadata: it names pandas' version, and the same rows shall give the same file.
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    # Through a file of our own: pyarrow deletes a path that it fails to write, whatever stands there.
    with path.open("wb") as stream:
        parquet.write_table(table, stream, compression="zstd")
