"""The ledger of submissions: a CSV file in git with one row for each submitted file."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from groundwork.errors import UserError
from groundwork.files import write_text
from groundwork.locks import locked

LEDGER = Path("submissions/ledger.csv")

PENDING, COMPLETE, ERROR = "pending", "complete", "error"


@dataclass(frozen=True)
class Entry:
    """One submission. Unknown fields are empty strings.

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
        The git commit at the time, with `-dirty` if tracked files differed from it.
    dvc_lock_sha256
        Hash of `dvc.lock`, which identifies the data, parameters and code that made the file.
    wandb_run
        Id of the run that trained the model.
    cv
        The cross-validated metric, mean over folds.
    public_score, private_score
        As Kaggle writes them.
    status
        `pending`, `complete` or `error`.
    message
        The user's description of the submission.
    despite
        The user's reason to hand it in although the gate suspects a mistake.
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
    despite: str = ""


COLUMNS = [column.name for column in fields(Entry)]


def read(path: Path = LEDGER) -> list[Entry]:
    """Return every entry, oldest first; an empty list if there is no ledger yet.

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
    if header == COLUMNS[:-1]:  # an earlier version had no reasons
        header, rows = COLUMNS, [[*row, ""] for row in rows]
    if header != COLUMNS:
        raise UserError(f"{path}: found columns {','.join(header)}; expected {','.join(COLUMNS)}", restore)
    for number, row in enumerate(rows, start=1):
        if len(row) != len(COLUMNS):
            raise UserError(f"{path}: row {number}: found {len(row)} fields; expected {len(COLUMNS)}", restore)
    return [Entry(*row) for row in rows]


def append(entry: Entry, path: Path = LEDGER) -> None:
    """Append `entry` to the ledger."""
    with _locked(path):
        _write([*read(path), entry], path)


def find(lane_name: str, file_sha256: str, path: Path = LEDGER) -> Entry | None:
    """Return the entry of an earlier submission of this file to this lane; rejected ones do not count."""
    for entry in read(path):
        if (entry.lane, entry.file_sha256) == (lane_name, file_sha256) and entry.status != ERROR:
            return entry
    return None


def replace_entry(old: Entry, new: Entry, path: Path = LEDGER) -> None:
    """Replace `old` by `new`, even if another process has updated the score of `old` meanwhile.

    Raises
    ------
    ValueError
        If `old` is not in the ledger.
    """
    with _locked(path):
        entries = read(path)
        entries[[_key(entry) for entry in entries].index(_key(old))] = new
        _write(entries, path)


def _key(entry: Entry) -> tuple[str, ...]:
    """Return the fields of an entry that never change."""
    return entry.lane, entry.reference, entry.time, entry.file_sha256


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lock the ledger against other processes, so that no row is lost; git ignores the file that is locked."""
    with ExitStack() as stack:
        with suppress(OSError):  # Some network drives have no locks.
            stack.enter_context(locked(path.with_name(f".{path.name}.lock")))
        yield


def _write(entries: Sequence[Entry], path: Path) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(entry) for entry in entries)
    write_text(path, text.getvalue())
