"""Locks between processes, on every system, which releases them when their process ends, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

POLL = 0.01  # seconds between two looks at a lock that another process holds


def acquire(path: Path, *, wait: bool = True) -> "BaseFileLock | None":
    """Lock the file `path`, until ``release()`` is called or this process ends; create the file if it is missing.

    The file stays when the lock is released. A process that locks a file twice waits for itself.

    Returns
    -------
    BaseFileLock or None
        None where another process holds the lock and `wait` is False.

    Raises
    ------
    OSError
        If the file cannot be created.
    """
    from filelock import FileLock, Timeout  # loaded here: the command line starts without it

    while True:
        # A lock of the other kind, where a file's being there is the lock, would outlive its process.
        lock = FileLock(path, thread_local=False, fallback_to_soft=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=wait, poll_interval=POLL)
        except Timeout:
            return None
        except (FileNotFoundError, FileExistsError):
            # Another process has just removed the folder: perhaps while `mkdir` looked whether it is one.
            if path.parent.exists() and not path.parent.is_dir():
                raise
            continue
        return lock


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of the file `path` while the block runs; parameters and errors are those of `acquire`.

    Yields
    ------
    bool
        False where another process holds the lock and `wait` is False.
    """
    lock = acquire(path, wait=wait)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()
