"""What the prepare stage leaves on the disk, read back."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from groundwork.errors import UserError
from groundwork.files import sha256_of_all

TRAIN, TEST, FOLDS, SUBMISSION = "train.parquet", "test.parquet", "folds.parquet", "sample_submission.csv"


@dataclass(frozen=True)
class Prepared:
    """What the train and predict stages read.

    Attributes
    ----------
    train, test
        The row id, the columns of the competition's inputs and, in `train`, the target. Numbers are float64, labels
        and group keys `str`, pixels uint8.
    folds
        The row id and `fold` (int8): the fold that the row validates.
    sample_submission
        Kaggle's file, byte for byte.
    data_sha256, folds_sha256
        Hashes of the files of `train` and `test`, and of the folds with the target: scores compare where the latter
        agree, whatever features they were made from.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    folds: pd.DataFrame
    sample_submission: Path
    data_sha256: str
    folds_sha256: str


def load(folder: Path) -> Prepared:
    """Read what `prepare` wrote to `folder`.

    Raises
    ------
    UserError
        If a file is missing or broken; names the command that makes it.
    """
    train, test, folds = (_read(folder / name) for name in (TRAIN, TEST, FOLDS))
    if not (folder / SUBMISSION).is_file():
        raise _not_prepared(folder / SUBMISSION, "not found")
    return Prepared(
        train,
        test,
        folds,
        folder / SUBMISSION,
        data_sha256=sha256_of_all([folder / TRAIN, folder / TEST]),
        folds_sha256=folds_hash(folds, target=train.iloc[:, -1]),
    )


def folds_hash(folds: pd.DataFrame, target: pd.Series) -> str:
    """Hash row ids, folds and targets: what out-of-fold predictions are judged by.

    The hash is that of the content; neither the row ids' dtype nor the file's format matters.
    """
    ids = folds.drop(columns="fold").iloc[:, 0]
    lines = (f"{row},{fold},{truth}\n" for row, fold, truth in zip(ids, folds["fold"], target, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise _not_prepared(path, "not found") from None
    except (pa.ArrowException, OSError) as error:
        raise _not_prepared(path, f"is not a whole parquet file ({str(error).splitlines()[0]})") from None


def _not_prepared(path: Path, problem: str) -> UserError:
    return UserError(f"{path}: {problem}", f"make it: `groundwork prepare {path.parent.name}`")
