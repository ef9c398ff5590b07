"""Prepares and loads labelled rows: typed tables with row-wise features, and a fold for each row."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from groundwork.competitions import Labelled
from groundwork.data import archives, private, tables
from groundwork.data.folds import assign, by_time
from groundwork.data.prepared import FOLDS, SUBMISSION, TEST, TRAIN, Prepared, read_table, submission_in, write_table
from groundwork.data.rowwise import applied
from groundwork.data.targets import with_targets
from groundwork.errors import UserError
from groundwork.files import sha256_of_all
from groundwork.objectives import KINDS

# Shares of test rows whose category no training row has: from the first on they are said, above the second refused.
UNSEEN_SAID, UNSEEN_REFUSED = 0.05, 0.5

log = logging.getLogger(__name__)


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
        """Return the rows outside `fold`; for spans of time those before it, and all of them for `FINAL`."""
        number = self.fold["fold"]
        return self.train[((number > fold) if self.final else (number != fold)).to_numpy()]

    def validation(self, fold: int) -> pd.DataFrame:
        """Return the rows inside `fold`."""
        return self.train[(self.fold["fold"] == fold).to_numpy()]

    @property
    def labels(self) -> pd.DataFrame:
        """Return all labelled rows."""
        return self.train

    def test_ids(self, sample: pd.DataFrame) -> pd.Series:
        """Return the row ids of `test`, in its order."""
        return self.test.iloc[:, 0]


def prepare(
    competition: Labelled, archive: archives.Archive, out: Path, folds: int, seed: int, share: float = 0.0
) -> pd.DataFrame | None:
    """Read and check the tables of `archive`; write them and the folds into the folder `out`.

    Returns
    -------
    DataFrame or None
        The share of the training rows that are held back, as the training table has them; None for a share of 0.

    Raises
    ------
    UserError
        If the archive, one of its tables or the number of folds does not fit the competition.
    """
    key, targets = competition.id, list(competition.targets)
    kind, task = KINDS[competition.kind], competition.task
    train, test = _tables(competition, archive)
    for name in targets:
        if problem := kind.target_problem(train[name], task):
            raise UserError(
                f"{archive}: {competition.train_targets or competition.train}: column {name!r}: found {problem}",
                f"{archive.fix}; or, if the data is right, declare it in {_file(competition)}: `kind`, `targets`, "
                "`types`, `classes`",
            )
    encoded = kind.encoded_targets(train, task)
    train = train.assign(**{name: encoded[name] for name in targets})
    sample = tables.text(archive, competition.sample_submission)
    if key not in train:
        train = pd.concat([pd.Series(np.arange(1, len(train) + 1), name=key), train], axis=1)
    if key not in test:
        test = pd.concat([_ids_in(sample, len(test), competition, archive).rename(key), test], axis=1)
    _check_sample(competition, archive, sample, test[key])
    names = [str(name) for name in sample]
    if expected := kind.columns_lacking(names[1:], train, task):
        raise UserError(
            f"{archive}: {competition.sample_submission}: found the columns {', '.join(names)}; expected "
            f"{names[0]} and {expected}",
            _mismatch(competition, archive),
        )

    aside = None
    if share:
        held_back = private.chosen(competition, train, share)
        aside, train = train[held_back].reset_index(drop=True), train[~held_back].reset_index(drop=True)
    if competition.fold_by_time:
        numbers = by_time(train[competition.fold_by_time], folds, competition.time_format)
    else:
        strata = kind.strata(task) if competition.stratify else None
        groups = train[competition.group_folds_by].to_numpy() if competition.group_folds_by else None
        numbers = assign(train[targets if len(targets) > 1 else targets[0]].to_numpy(), folds, seed, strata, groups)
    extra = {
        member: tables.read(archive, member, columns, partial=True)
        for member, columns in competition.optional.items()
        if archives.contains(archive, member)
    }
    made, asked = (_with_features(competition, table, extra) for table in (train, test))
    _check_categories(competition, made, asked, archive)
    write_table(made, out / TRAIN)
    write_table(asked, out / TEST)
    write_table(pd.DataFrame({key: train[key], "fold": numbers}), out / FOLDS)
    (out / SUBMISSION).write_bytes(tables.plain(archive, competition.sample_submission))
    return None if aside is None else _with_features(competition, aside, extra)


def _tables(competition: Labelled, archive: archives.Archive) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the training and the test table with equal types; ids that are no whole numbers stay text."""
    members = (competition.train, competition.test)
    apart = [competition.train_targets] if competition.train_targets else []
    types = tables.types(archive, [*members, *apart], competition.types)
    headers = {member: tables.header(archive, member) for member in members}
    if types.get(competition.id) is float:
        types[competition.id] = str
    # The id may be missing in either table, and targets are missing in the test table. Declared columns must be there.
    single = {competition.id, *competition.targets} | competition.types.keys()
    if lacking := [name for name in types if name not in single and any(name not in headers[m] for m in members)]:
        log.warning("%s: left out columns that only one of the tables has: %s", archive, ", ".join(lacking))
    frames = []
    for member in members:
        expected = {
            name: kind
            for name, kind in types.items()
            if name not in lacking
            and not ((member == competition.test or apart) and name in competition.targets)
            and not (name == competition.id and name not in headers[member] and name not in competition.types)
        }
        frame = tables.read(archive, member, expected, key=competition.id if competition.id in expected else None)
        if competition.inputs.image:
            _check_pixels(frame[competition.pixels], member, archive)
        frames.append(frame)
    train, test = frames
    for member in apart:
        train = with_targets(train, archive, member, competition.id, types, competition.targets)
    return train, test


def _check_pixels(pixels: pd.DataFrame, member: str, archive: archives.Archive) -> None:
    values = pixels.to_numpy()
    if values.min() < 0 or values.max() > 255:
        row, column = np.argwhere((values < 0) | (values > 255))[0]
        raise UserError(
            f"{archive}: {member}: row {row + 1}: column {pixels.columns[column]!r}: found "
            f"{values[row, column]}, expected a pixel from 0 to 255",
            archive.fix,
        )


def _ids_in(sample: pd.DataFrame, rows: int, competition: Labelled, archive: archives.Archive) -> pd.Series:
    """Return the sample submission's ids, as the ids of test rows that have none: whole numbers where they all are."""
    ids = sample.iloc[:, 0]
    if len(ids) != rows:
        raise UserError(
            f"{archive}: {competition.sample_submission}: found {len(ids)} rows; expected {rows}, one for each row of "
            f"{competition.test}, which has no column {competition.id!r}",
            _mismatch(competition, archive),
        )
    return ids.astype("int64") if ids.str.fullmatch(r"0|[1-9]\d{0,17}").all() else ids


def _check_sample(competition: Labelled, archive: archives.Archive, sample: pd.DataFrame, ids: pd.Series) -> None:
    """Check that the sample submission has the ids of the test rows. Ids are compared as text."""
    member, sample_ids, own = competition.sample_submission, sample.iloc[:, 0], ids.astype("str")
    renamed = sample.columns[0].casefold() != competition.id.casefold()
    if renamed and {*sample_ids} != {*own}:
        raise UserError(
            f"{archive}: {member}: found the columns {', '.join(map(str, sample))}; expected {competition.id} first, "
            "then the predicted columns",
            _mismatch(competition, archive),
        )
    comparisons = ((sample_ids, own, "that is not in the test rows"), (own, sample_ids, "of a test row that it lacks"))
    for values, allowed, description in comparisons:
        unmatched = values[~values.isin(allowed)]
        if len(unmatched):
            raise UserError(
                f"{archive}: {member}: column {sample.columns[0]!r}: {len(unmatched)} ids do not match "
                f"{competition.test}, expected the same ids; the first {description}: {unmatched.iloc[0]}",
                _mismatch(competition, archive),
            )


def _mismatch(competition: Labelled, archive: archives.Archive) -> str:
    """Return the next step where an archive and a competition's file differ, and either may be wrong."""
    return f"{archive.fix}; or, if the archive is right, correct {_file(competition)}"


def _file(competition: Labelled) -> str:
    return f"the competition's file in src/groundwork/competitions/ ({competition.slug})"


def _with_features(competition: Labelled, frame: pd.DataFrame, extra: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return row id, input columns and, if `frame` has them, the targets."""
    inputs, key, targets = competition.inputs, competition.id, [name for name in competition.targets if name in frame]
    file, groups = _file(competition), bool(inputs.group)
    features = frame.drop(columns=targets)
    for name, function in (("join", partial(_joined, competition, extra)), ("features", competition.features)):
        features = applied(function, name, features, key, groups, file)
    if inputs.image:
        features = features[competition.pixels].astype("uint8")
    else:
        if missing := [name for name in (*inputs.numeric, *inputs.labels) if name not in features]:
            raise UserError(
                f"{file}: inputs name {', '.join(map(repr, missing))}, which are neither columns of "
                f"{competition.train} nor made by `features`",
                "correct `inputs` or `features`, then run the command again",
            )
        kinds = dict.fromkeys(inputs.numeric, "float64") | dict.fromkeys(inputs.labels, "str")
        features = features[list(kinds)].astype(kinds)
    # The columns that group and rank rows are not inputs, unless the competition's file says so.
    kept = dict.fromkeys(
        name for name in (competition.group_folds_by, competition.query) if name not in (None, *features)
    )
    features = features.drop(columns=key, errors="ignore")
    return pd.concat([frame[[key, *(name for name in kept if name in frame)]], features, frame[targets]], axis=1)


def _check_categories(
    competition: Labelled, train: pd.DataFrame, test: pd.DataFrame, archive: archives.Archive
) -> None:
    """Say which categories only test rows have, with their share; refuse columns in which most test rows have them."""
    unseen = {name: ~test[name].isin(train[name]) & test[name].notna() for name in competition.inputs.categorical}
    shares = {name: float(rows.mean()) for name, rows in unseen.items()}
    said = {name: f"{name} ({share:.0%} of the test rows)" for name, share in shares.items() if share >= UNSEEN_SAID}
    if useless := [said[name] for name in said if shares[name] > UNSEEN_REFUSED]:
        raise UserError(
            f"{archive}: {competition.test}: found categories that no training row has in {', '.join(useless)}; "
            "expected most of them in training rows, too",
            f"spell both tables alike in `features` of {_file(competition)}, or leave the column out of `inputs`; then "
            "run the command again",
        )
    if said:
        log.warning("%s: categories that no training row has: %s", archive, ", ".join(said.values()))


def _joined(competition: Labelled, extra: Mapping[str, pd.DataFrame], frame: pd.DataFrame) -> pd.DataFrame:
    return competition.join(frame, extra)


def load(competition: Labelled, folder: Path) -> PreparedRows:
    """Read what `prepare` wrote to `folder`; raise `UserError` as `groundwork.data.load.load` does."""
    train, test, folds = (read_table(folder / name) for name in (TRAIN, TEST, FOLDS))
    numbers = sorted(int(fold) for fold in folds["fold"].unique())
    return PreparedRows(
        # The first span of time validates no fold.
        folds=numbers[:-1] if competition.by_time else numbers,
        final=competition.by_time,
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
