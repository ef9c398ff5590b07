"""The ledger of submissions: one row per file handed in, kept in git."""

import csv
import fcntl
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from groundwork.errors import UserError
from groundwork.files import write_text

LEDGER = Path("submissions/ledger.csv")

PENDING, COMPLETE, ERROR = "pending", "complete", "error"


@dataclass(frozen=True)
class Entry:
    """One submission; empty text where nothing is known.

    Attributes
    ----------
    time
        When it was handed in: ISO 8601, UTC.
    lane
        The competition's key in params.yaml.
    file_sha256
        Hash of the file's bytes.
    reference
        Kaggle's number for the submission.
    commit
        The git commit at hand, with `-dirty` when tracked files differed from it.
    dvc_lock_sha256
        Hash of `dvc.lock`: which data, parameters and code made the file.
    wandb_run
        Id of the run that trained the model.
    cv
        The cross-validated metric, mean over folds.
    public_score, private_score
        As Kaggle writes them.
    status
        `pending`, `complete` or `error`.
    message
        What was said about it.
    """

    time: str
    lane: str
    file_sha256: str
    reference: str
    commit: str
    dvc_lock_sha256: str
    wandb_run: str
    cv: str
    public_score: str
    private_score: str
    status: str
    message: str


COLUMNS = [column.name for column in fields(Entry)]


def read(path: Path = LEDGER) -> list[Entry]:
    """Return every entry, oldest first; none if there is no ledger yet.

    Raises
    ------
    UserError
        If the file has other columns, or a row has too few or too many fields.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
    restore = f"restore it: `git checkout {path}`"
    if header != COLUMNS:
        raise UserError(f"{path}: found columns {','.join(header)}; expected {','.join(COLUMNS)}", restore)
    for number, row in enumerate(rows, start=1):
        if len(row) != len(COLUMNS):
            raise UserError(f"{path}: row {number}: found {len(row)} fields; expected {len(COLUMNS)}", restore)
    return [Entry(*row) for row in rows]


def append(entry: Entry, path: Path = LEDGER) -> None:
    """Add `entry` at the end."""
    with _alone(path):
        _write([*read(path), entry], path)


def find(lane: str, file_sha256: str, path: Path = LEDGER) -> Entry | None:
    """Return the entry by which this file was handed in to this lane; a rejected one does not count."""
    for entry in read(path):
        if (entry.lane, entry.file_sha256) == (lane, file_sha256) and entry.status != ERROR:
            return entry
    return None


def replace_entry(old: Entry, new: Entry, path: Path = LEDGER) -> None:
    """Put `new` where `old` stands, perhaps with a score by now that another process wrote.

    Raises
    ------
    ValueError
        If `old` is not in the ledger.
    """
    with _alone(path):
        entries = read(path)
        entries[[_which(entry) for entry in entries].index(_which(old))] = new
        _write(entries, path)


def _which(entry: Entry) -> tuple[str, ...]:
    """Return what of an entry never changes."""
    return entry.lane, entry.reference, entry.time, entry.file_sha256


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let nobody else read and write the ledger meanwhile, so that no row is lost."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The folder itself is locked: a file for that would be one more for git.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # Some network drives lock no folders.
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(entries: Sequence[Entry], path: Path) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(entry) for entry in entries)
    write_text(path, text.getvalue())
