"""The journal of a sweep: Optuna's log of trials, a line each, which several processes and machines may share.

Optuna's own lock is a file that a killed process leaves behind, and that others break after half a minute. Here the
kernel holds the lock, as in the fold store, and releases it with its process.
"""

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from groundwork.locks import locked

NAME = "journal.log"


def storage(folder: Path, say: Callable[[str], None]) -> JournalStorage:
    """Open the journal in a folder, and mend it first.

    A line that was cut by a kill or a full disk is removed: the next one would be appended to it, and Optuna can read
    neither then, nor anything behind them. Where that has happened already, the journal is set aside; a new one costs
    no training, because the folds of its trials are in the fold store.

    Parameters
    ----------
    say
        Gets a line about each thing that was mended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    lock = _Lock(path, say)
    lock.acquire()
    try:
        if (line := _unreadable(path)) is not None:
            aside = path.with_name(f"{path.stem}.unreadable-{len(list(folder.glob('*.unreadable-*')))}")
            path.rename(aside)
            say(f"{path}: line {line} cannot be read; it is now {aside.name}, and a new journal begins")
    finally:
        lock.release()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))


class _Lock(JournalFileOpenLock):
    """Lets one process append at a time, and never behind a cut line."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self.path, self.say = path, say
        self.held = ExitStack()

    def acquire(self) -> bool:
        """Wait for the lock; cut an unfinished last line off."""
        self.held.enter_context(locked(self.path.with_name("journal.lock")))
        if cut := _cut(self.path):
            self.say(f"{self.path}: its last line was cut in the middle; its {cut} bytes are removed")
        return True

    def release(self) -> None:
        """Let others append."""
        self.held.close()


def _cut(path: Path) -> int:
    """Remove an unfinished last line; return its bytes."""
    if not path.exists():
        return 0
    with path.open("r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        if not size or (stream.seek(size - 1), stream.read(1))[1] == b"\n":
            return 0
        stream.seek(0)
        whole = stream.read().rfind(b"\n") + 1
        stream.truncate(whole)
        return size - whole


def _unreadable(path: Path) -> int | None:
    """Return the number of the first line, from 1, that is not a log entry."""
    if not path.exists():
        return None
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                if "op_code" not in json.loads(line):
                    return number
            except (ValueError, TypeError):
                return number
    return None
