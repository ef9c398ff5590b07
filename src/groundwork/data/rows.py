"""Prepares and loads labelled rows: typed tables with row-wise features, and a fold for each row."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from groundwork.competitions import Labelled
from groundwork.data import archives, tables
from groundwork.data.folds import assign
from groundwork.data.prepared import FOLDS, SUBMISSION, TEST, TRAIN, Prepared, read_table, submission_in, write_table
from groundwork.errors import UserError
from groundwork.files import sha256_of_all
from groundwork.objectives import KINDS


@dataclass(frozen=True, kw_only=True)
class PreparedRows(Prepared):
    """Labelled rows and their folds.

    Attributes
    ----------
    train, test
        The row id, the columns of the competition's inputs and, in `train`, the targets. Numbers are float64, labels,
        group keys and texts `str`, pixels uint8.
    fold
        The row id and `fold` (int8): the fold that the row validates.
    """

    train: pd.DataFrame
    fold: pd.DataFrame

    def training(self, fold: int) -> pd.DataFrame:
        """Return the rows outside `fold`."""
        return self.train[(self.fold["fold"] != fold).to_numpy()]

    def validation(self, fold: int) -> pd.DataFrame:
        """Return the rows inside `fold`."""
        return self.train[(self.fold["fold"] == fold).to_numpy()]

    @property
    def labels(self) -> pd.DataFrame:
        """Return all labelled rows."""
        return self.train

    def test_ids(self, sample: pd.DataFrame) -> pd.Series:
        """Return the row ids of `test`, in its order."""
        return self.test[sample.columns[0]]


def prepare(competition: Labelled, archive: archives.Archive, out: Path, folds: int, seed: int) -> None:
    """Read and check the tables of `archive`; write them and the folds into the folder `out`.

    Raises
    ------
    UserError
        If the archive, one of its tables or the number of folds does not fit the competition.
    """
    key, targets = competition.id, list(competition.targets)
    kind, task = KINDS[competition.kind], competition.task
    train = _table(competition, archive, "train.csv", competition.columns)
    test_columns = {name: kind for name, kind in competition.columns.items() if name not in targets}
    test = _table(competition, archive, "test.csv", test_columns)
    for name in targets:
        if problem := kind.target_problem(train[name], task):
            raise UserError(f"{archive}: train.csv: column {name!r}: found {problem}", archive.fix)
    submission = _submission(competition, archive, test[key])

    strata = kind.strata(task) if competition.stratify else None
    groups = train[competition.group_folds_by].to_numpy() if competition.group_folds_by else None
    numbers = assign(train[targets if len(targets) > 1 else targets[0]].to_numpy(), folds, seed, strata, groups)
    extra = {
        member: tables.read(archive, member, columns, partial=True)
        for member, columns in competition.optional.items()
        if archives.contains(archive, member)
    }
    write_table(_with_features(competition, train, extra), out / TRAIN)
    write_table(_with_features(competition, test, extra), out / TEST)
    write_table(pd.DataFrame({key: train[key], "fold": numbers}), out / FOLDS)
    (out / SUBMISSION).write_bytes(submission)


def _table(competition: Labelled, archive: archives.Archive, member: str, columns: Mapping[str, type]) -> pd.DataFrame:
    key = competition.id
    frame = tables.read(archive, member, columns, key=key if key in columns else None)
    if key not in columns:
        frame = pd.concat([pd.Series(np.arange(1, len(frame) + 1), name=key), frame], axis=1)
    if competition.inputs.image:
        pixels = frame[competition.pixels]
        values = pixels.to_numpy()
        if values.min() < 0 or values.max() > 255:
            row, column = np.argwhere((values < 0) | (values > 255))[0]
            raise UserError(
                f"{archive}: {member}: row {row + 1}: column {pixels.columns[column]!r}: found "
                f"{values[row, column]}, expected a pixel from 0 to 255",
                archive.fix,
            )
    return frame


def _submission(competition: Labelled, archive: archives.Archive, ids: pd.Series) -> bytes:
    """Return the sample submission's bytes; raise `UserError` if its rows or columns do not match test.csv."""
    key, member = competition.id, competition.sample_submission
    sample_ids = tables.read(archive, member, {key: competition.columns.get(key, int)}, key=key, partial=True)[key]
    comparisons = ((sample_ids, ids, "that is not in test.csv"), (ids, sample_ids, "of test.csv that is not in it"))
    for values, allowed, description in comparisons:
        unmatched = values[~values.isin(allowed)]
        if len(unmatched):
            raise UserError(
                f"{archive}: {member}: column {key!r}: {len(unmatched)} ids do not match test.csv, expected the same "
                f"ids; the first {description}: {unmatched.iloc[0]}",
                archive.fix,
            )
    content = archives.read_bytes(archive, member)
    names = [str(name) for name in pd.read_csv(io.BytesIO(content), nrows=0)]
    multiple = list(competition.targets) if len(competition.targets) > 1 else []
    if len(names) != 1 + len(competition.targets) or names[0] != key or (multiple and names[1:] != multiple):
        predicted = f"{', '.join(multiple)} in this order" if multiple else "one predicted column"
        raise UserError(
            f"{archive}: {member}: found the columns {', '.join(names)}; expected {key} and {predicted}",
            archive.fix,
        )
    return content


def _with_features(competition: Labelled, frame: pd.DataFrame, extra: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return row id, input columns and, if `frame` has them, the targets."""
    inputs, key, targets = competition.inputs, competition.id, [name for name in competition.targets if name in frame]
    columns = frame.drop(columns=[key, *targets])
    features = competition.features(competition.join(columns, extra))
    if inputs.image:
        features = features[competition.pixels].astype("uint8")
    else:
        missing = [name for name in (*inputs.numeric, *inputs.labels) if name not in features]
        if missing:
            raise UserError(
                f"{competition.slug}: inputs name {missing[0]!r}, which is neither a column of train.csv nor made by "
                "`features`",
                "fix the competition's file in src/groundwork/competitions/",
            )
        kinds = dict.fromkeys(inputs.numeric, "float64") | dict.fromkeys(inputs.labels, "str")
        features = features[list(kinds)].astype(kinds)
    # The columns that group and rank rows are not inputs, unless the competition's file says so.
    kept = dict.fromkeys(
        name for name in (competition.group_folds_by, competition.query) if name not in (None, *features)
    )
    return pd.concat([frame[[key, *(name for name in kept if name in frame)]], features, frame[targets]], axis=1)


def load(competition: Labelled, folder: Path) -> PreparedRows:
    """Read what `prepare` wrote to `folder`; raise `UserError` as `groundwork.data.load.load` does."""
    train, test, folds = (read_table(folder / name) for name in (TRAIN, TEST, FOLDS))
    return PreparedRows(
        folds=sorted(int(fold) for fold in folds["fold"].unique()),
        final=False,
        train=train,
        test=test,
        fold=folds,
        sample_submission=submission_in(folder),
        data_sha256=sha256_of_all([folder / TRAIN, folder / TEST]),
        folds_sha256=folds_hash(folds, train[list(competition.targets)]),
    )


def folds_hash(folds: pd.DataFrame, targets: pd.DataFrame) -> str:
    """Return the hash of row ids, folds and targets, which decide how out-of-fold predictions are scored.

    The hash depends only on the content, not on the dtype of the row ids or the file's format.
    """
    ids = folds.drop(columns="fold").iloc[:, 0]
    columns = [ids, folds["fold"], *(targets[name] for name in targets)]
    lines = (",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
