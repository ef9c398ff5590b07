"""Writes files atomically, reads and writes JSON, hashes files, and turns disk errors into user errors."""

import errno
import hashlib
import json
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork.errors import UserError
from groundwork.locks import acquire

if TYPE_CHECKING:
    from filelock import BaseFileLock

# Error numbers of a full disk (space, quota, limit on a file's size) and of missing permissions.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_RIGHTS = (errno.EACCES, errno.EPERM, errno.EROFS)
# Name in the temporary folder of a former output that was moved away for the new one.
REPLACED = "replaced"
HOLDER = ".holder"  # the ending of a file that names the process which holds a lock
LOCK = "lock"  # in the temporary folder: a folder itself can be locked on some systems only


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; rename it to `path` if the block succeeds.

    An existing file at `path` stays until the rename, and is kept if the block raises. The block may create a file or a
    directory. The temporary path is in a folder of its own, ``.<name>.writing-xxxxxxxx``, which stays locked while this
    process lives: leftovers of a killed process are removed when the same path is written again.

    Raises
    ------
    UserError
        If the disk is full, the folder is not writable, or a file is in the place of a folder.
    """
    before = _identity(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        folder, lock = _locked_folder(path)
    except OSError as error:
        raise _unwritable(path, error, before) from error
    temporary = folder / path.name
    try:
        yield temporary
        if temporary.is_dir() or (temporary.exists() and path.is_dir()):
            # A rename can only replace a file by a file: move everything else away first.
            with suppress(FileNotFoundError):
                path.rename(folder / REPLACED)
        temporary.replace(path)
    except BaseException as error:
        _put_back(folder, path)
        if refused := disk_error(error, folder):
            raise _unwritable(path, refused, before, folder) from error
        raise
    finally:
        _remove(folder, lock)


@contextmanager
def workroom(path: Path) -> Iterator[Path]:
    """Yield an empty folder next to `path`; remove it, and leftovers of killed processes, when the block ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    folder, lock = _locked_folder(path)
    room = folder / path.name  # the folder itself has the file that is locked
    try:
        room.mkdir()
        yield room
    finally:
        _remove(folder, lock)


def remove_leftovers(path: Path) -> None:
    """Remove the temporary folders that killed processes left next to `path`, but none of a living process.

    If a process was killed between two renames, restore the former output to `path` first.
    """
    pattern = re.compile(re.escape(_prefix(path)) + "[a-z0-9_]{8}")
    with suppress(FileNotFoundError), os.scandir(path.parent) as entries:
        folders = [Path(entry.path) for entry in entries if pattern.fullmatch(entry.name)]
        for folder in folders:
            # The lock is free if its process has died. On a file system without locks, nothing is removed.
            with suppress(OSError):
                if not folder.is_dir() or folder.is_symlink():
                    continue
                lock = acquire(folder / LOCK, wait=False)
                if lock is not None:
                    _put_back(folder, path)
                    _remove(folder, lock)


def _prefix(path: Path) -> str:
    return f".{path.name}.writing-"


def _locked_folder(path: Path) -> "tuple[Path, BaseFileLock | None]":
    """Create and lock a temporary folder next to `path`; return it with its lock.

    Another process may remove the folder as a leftover before it is locked: then the lock is waited for, and the folder
    is made again.
    """
    folder = Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))
    # Some network drives have no locks; leftovers stay there.
    with suppress(OSError):
        return folder, acquire(folder / LOCK)
    return folder, None


def _remove(folder: Path, lock: "BaseFileLock | None") -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None:
        lock.release()
        # Windows keeps a file that is locked, and its folder. Elsewhere both are gone, and whoever waited for the lock
        # has made them again.
        if os.name == "nt":
            shutil.rmtree(folder, ignore_errors=True)


def _put_back(folder: Path, path: Path) -> None:
    if os.path.lexists(folder / REPLACED) and not os.path.lexists(path):
        with suppress(OSError):
            (folder / REPLACED).rename(path)


def _identity(path: Path) -> tuple[int, ...] | None:
    """Return values that change when the file at `path` is replaced; None if there is no file."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def disk_error(error: BaseException, *folders: Path) -> OSError | None:
    """Return the error of a full or read-only disk that caused `error`; None if there is none.

    Libraries hide it in an exception's cause, in the text of an exception of their own (safetensors), or completely
    (torch's archive writer). For the last case, the function tests whether a small file still fits into `folders`.
    """
    if isinstance(error, UserError) or not isinstance(error, Exception):
        return None
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (*NO_SPACE, *NO_RIGHTS):
            return cause
        for number in NO_SPACE:
            if os.strerror(number) in str(cause):
                return OSError(number, os.strerror(number))
        cause = cause.__cause__ or cause.__context__
    # Any other OSError explains itself.
    return None if isinstance(error, OSError) else next(filter(None, map(is_full, folders)), None)


def is_full(folder: Path) -> OSError | None:
    """Write a small file to `folder`; return the error if the disk is full, else None."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(os.urandom(1 << 16))
            file.flush()
    except OSError as error:
        return OSError(error.errno, error.strerror, str(folder)) if error.errno in NO_SPACE else None
    return None


def refused_anywhere(error: Exception, *folders: Path) -> UserError | None:
    """Return a message if a full or read-only disk caused `error`, wherever it was raised; None otherwise.

    At best the name of the file is known, so the message says nothing about its former content.
    """
    candidates = [folder for folder in (*folders, Path(tempfile.gettempdir())) if folder.is_dir()]
    cause = disk_error(error, *candidates)
    if cause is None:
        return None
    name = cause.filename if isinstance(cause.filename, str) else "a file, or the output"
    # A library's own exception says at least what it tried to do.
    prefix = "" if isinstance(error, OSError) else f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}\n"
    problem = f"{prefix}{name}: could not be read or written: {strerror(cause)}"
    return UserError(problem, _next_step(cause, Path(name).parent))


def _unwritable(path: Path, error: OSError, before: tuple[int, ...] | None, folder: Path | None = None) -> UserError:
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        parents = (parent for parent in path.parents if os.path.lexists(parent) and not parent.is_dir())
        in_the_way = next(parents, path.parent)
        return UserError(
            f"{path}: could not be written: found a file at {in_the_way}; expected a folder",
            f"move {in_the_way} away, then run the command again",
        )
    now, culprit = _identity(path), error.filename if isinstance(error.filename, str) else None
    elsewhere = folder is not None and culprit and not Path(culprit).is_relative_to(folder) and Path(culprit) != path
    reason = f"{culprit}: {strerror(error)}" if elsewhere else strerror(error)
    kept = "" if now != before else "; the previous output is untouched" if now else "; there is no file"
    parent = Path(str(culprit)).parent if elsewhere else path.parent
    return UserError(f"{path}: could not be written: {reason}{kept}", _next_step(error, parent))


def strerror(error: OSError) -> str:
    """Return the system's message for `error`, even if a library has replaced it."""
    return os.strerror(error.errno) if error.errno else str(error)


def _next_step(error: OSError, folder: Path) -> str:
    if error.errno == errno.EFBIG:
        return "raise the limit on a file's size (`ulimit -f unlimited`), then run the command again"
    if error.errno in NO_SPACE:
        return f"free some space (`df -h {folder}`), then run the command again"
    return f"change its permissions (`ls -ld {folder}`, `df -h {folder}`), then run the command again"


@contextmanager
def taking_turns(lock: Path, doing: str) -> Iterator[None]:
    """Run the block while no other process runs one with the same `lock`; name the other process and wait for it.

    The system releases the lock when its process dies, for whatever reason. The file stays; another one beside it,
    `HOLDER`, names the process that has the lock, or one that was killed when it had it.

    Parameters
    ----------
    doing
        The command, for the message that explains the wait.
    """
    holder = lock.with_name(f"{lock.name}{HOLDER}")
    mine = acquire(lock, wait=False)
    if mine is None:
        name = ""
        with suppress(OSError):
            name = holder.read_text(encoding="utf-8").strip()
        message = f"{doing}: {name or 'another process'} is running; waiting until it has ended (Ctrl-C gives up)"
        print(message, file=sys.stderr, flush=True)
        mine = acquire(lock)
    try:
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}, since {now}\n", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            holder.write_text("", encoding="utf-8")
        if mine is not None:
            mine.release()


def read_or_empty(path: Path) -> dict[str, Any]:
    """Read a JSON object; return an empty one if it is missing or broken."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically."""
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, so that equal values give equal files."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path, made_by: str) -> Any:
    """Read JSON from `path`; `made_by` is the command that makes the file, for messages."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found", f"make it: `{made_by}`") from None
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error})", f"make it again: `{made_by}`") from None


def sha256(path: Path) -> str:
    """Return the SHA-256 hash of a file's content, as `sha256sum` does: 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_all(paths: Iterable[Path]) -> str:
    """Return the hash of the files' hashes in the given order; it also depends on where each file ends."""
    return hashlib.sha256(b"".join(bytes.fromhex(sha256(path)) for path in paths)).hexdigest()
