"""What the prepare stage leaves on the disk, read back."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from groundwork.errors import UserError

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

    @property
    @abstractmethod
    def labels(self) -> pd.DataFrame:
        """Return the table in which every label stands: all labelled rows, or all articles."""

    @abstractmethod
    def test_ids(self, sample: pd.DataFrame) -> pd.Series:
        """Return the ids of `test` as a submission names them; `sample` is Kaggle's, whose first column they are."""


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
