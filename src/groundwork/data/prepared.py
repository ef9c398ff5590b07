"""Defines the interface of prepared data, and reads and writes its tables."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from groundwork.errors import UserError

TRAIN, TEST, FOLDS, SUBMISSION = "train.parquet", "test.parquet", "folds.parquet", "sample_submission.csv"
# Number of the model that is trained on all rows, to predict what comes after them.
FINAL = -1


def part(fold: int) -> str:
    """Return the name of a fold for its learning curves and its file."""
    return "final" if fold == FINAL else f"fold_{fold}"


@dataclass(frozen=True, kw_only=True)
class Prepared(ABC):
    """Data that the train and predict stages read.

    Attributes
    ----------
    folds
        Numbers of the validation folds.
    final
        Whether predictions come from one model trained on all rows (fold `FINAL`) instead of the folds' mean. This is
        the case if folds are periods of time.
    test
        Rows to predict for the submission.
    sample_submission
        Path of Kaggle's sample submission, an exact copy.
    data_sha256, folds_sha256
        Hash of the tables, and hash of the targets and folds. Scores are comparable if the latter agree, whatever the
        features.
    """

    folds: list[int]
    final: bool
    test: pd.DataFrame
    sample_submission: Path
    data_sha256: str
    folds_sha256: str

    @abstractmethod
    def training(self, fold: int) -> pd.DataFrame:
        """Return the training rows of `fold`."""

    @abstractmethod
    def validation(self, fold: int) -> pd.DataFrame:
        """Return the validation rows of `fold`."""

    @property
    @abstractmethod
    def labels(self) -> pd.DataFrame:
        """Return the table that contains every label: all labelled rows, or all articles."""

    @abstractmethod
    def test_ids(self, sample: pd.DataFrame) -> pd.Series:
        """Return the ids of `test` as in the first column of Kaggle's sample submission `sample`."""


def read_table(path: Path) -> pd.DataFrame:
    """Read a table that `write_table` wrote; raise `UserError` as `load` does."""
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise _not_prepared(path, "not found") from None
    except (pa.ArrowException, OSError) as error:
        raise _not_prepared(path, f"is not a whole parquet file ({str(error).splitlines()[0]})") from None


def submission_in(folder: Path) -> Path:
    """Return the path of Kaggle's sample submission; raise `UserError` if it is missing."""
    if not (folder / SUBMISSION).is_file():
        raise _not_prepared(folder / SUBMISSION, "not found")
    return folder / SUBMISSION


def _not_prepared(path: Path, problem: str) -> UserError:
    return UserError(f"{path}: {problem}", f"make it: `groundwork prepare {path.parent.name}`")


def write_table(frame: pd.DataFrame | pa.Table, path: Path) -> None:
    """Write a table as a parquet file that depends only on its rows."""
    # Drop pandas' metadata, which contains pandas' version.
    table = pa.Table.from_pandas(frame, preserve_index=False) if isinstance(frame, pd.DataFrame) else frame
    # Open the file here: pyarrow would delete a path that it fails to write, even a file that existed before.
    with path.open("wb") as stream:
        parquet.write_table(table.replace_schema_metadata(None), stream, compression="zstd")
