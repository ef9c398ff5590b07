"""What the prepare stage leaves on the disk, read back."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from groundwork.competitions import Competition, Labelled
from groundwork.errors import UserError
from groundwork.files import sha256_of_all

TRAIN, TEST, FOLDS, SUBMISSION = "train.parquet", "test.parquet", "folds.parquet", "sample_submission.csv"
# What is trained on everything, to predict what comes after.
FINAL = -1


def part(fold: int) -> str:
    """Name a fold's curves and its file."""
    return "final" if fold == FINAL else f"fold_{fold}"


@dataclass(frozen=True, kw_only=True)
class Prepared(ABC):
    """What the train and predict stages read.

    Attributes
    ----------
    folds
        Numbers of the folds that validate.
    final
        Whether the model that predicts is one trained on everything (fold `FINAL`), not the folds' mean: what is
        validated by time is predicted from all of it.
    test
        What the submission asks about.
    sample_submission
        Kaggle's file, byte for byte.
    data_sha256, folds_sha256
        Hashes of the tables, and of what out-of-fold predictions are judged by: scores compare where the latter
        agree, whatever features they were made from.
    """

    folds: list[int]
    final: bool
    test: pd.DataFrame
    sample_submission: Path
    data_sha256: str
    folds_sha256: str

    @abstractmethod
    def training(self, fold: int) -> pd.DataFrame:
        """Return what `fold`'s model may learn from."""

    @abstractmethod
    def validation(self, fold: int) -> pd.DataFrame:
        """Return what `fold`'s model is judged by."""


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


def load(competition: Competition, folder: Path) -> Prepared:
    """Read what `prepare` wrote to `folder`.

    Raises
    ------
    UserError
        If a file is missing or broken; names the command that makes it.
    """
    if not isinstance(competition, Labelled):
        from groundwork.data import purchases

        return purchases.load(competition, folder)
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
    """Hash row ids, folds and targets: what out-of-fold predictions are judged by.

    The hash is that of the content; neither the row ids' dtype nor the file's format matters.
    """
    ids = folds.drop(columns="fold").iloc[:, 0]
    columns = [ids, folds["fold"], *(targets[name] for name in targets)]
    lines = (",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_table(path: Path) -> pd.DataFrame:
    """Read a table that `write_table` wrote; raise `UserError` as `load` does."""
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise _not_prepared(path, "not found") from None
    except (pa.ArrowException, OSError) as error:
        raise _not_prepared(path, f"is not a whole parquet file ({str(error).splitlines()[0]})") from None


def submission_in(folder: Path) -> Path:
    """Return where Kaggle's sample submission lies; raise `UserError` if it does not."""
    if not (folder / SUBMISSION).is_file():
        raise _not_prepared(folder / SUBMISSION, "not found")
    return folder / SUBMISSION


def _not_prepared(path: Path, problem: str) -> UserError:
    return UserError(f"{path}: {problem}", f"make it: `groundwork prepare {path.parent.name}`")


def write_table(frame: pd.DataFrame | pa.Table, path: Path) -> None:
    """Write a table so that the same rows give the same file."""
    # Without pandas' metadata: it names pandas' version.
    table = pa.Table.from_pandas(frame, preserve_index=False) if isinstance(frame, pd.DataFrame) else frame
    # Through a file of our own: pyarrow deletes a path that it fails to write, whatever stands there.
    with path.open("wb") as stream:
        parquet.write_table(table.replace_schema_metadata(None), stream, compression="zstd")
