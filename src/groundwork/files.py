"""Files that are written whole or not at all, and what identifies their contents."""

import errno
import fcntl
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
from typing import Any

from groundwork.errors import UserError

# What a full or closed disk answers: too little space, a quota, a limit on a file's size, missing rights.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_RIGHTS = (errno.EACCES, errno.EPERM, errno.EROFS)
# A former output that steps aside for the new one waits under this name in the temporary folder.
REPLACED = "replaced"


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well.

    What stood at `path` before stays until the rename, and stays for good when the block raises. The temporary may be
    made a file or a directory. It lies in a folder of its own, ``.<name>.writing-xxxxxxxx``, locked for as long as
    this process lives: what a killed process left behind is removed when the same path is written again.

    Raises
    ------
    UserError
        If the disk is full, the place is not writable, or a file stands where a folder is needed.
    """
    before = _identity(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        room, lock = _locked_room(path)
    except OSError as error:
        raise _unwritable(path, error, before) from error
    temporary = room / path.name
    try:
        yield temporary
        if temporary.is_dir() or (temporary.exists() and path.is_dir()):
            # A rename puts a file over a file and nothing else: what stands there steps aside first.
            with suppress(FileNotFoundError):
                path.rename(room / REPLACED)
        temporary.replace(path)
    except BaseException as error:
        _put_back(room, path)
        if refused := disk_refusal(error, room):
            raise _unwritable(path, refused, before, room) from error
        raise
    finally:
        shutil.rmtree(room, ignore_errors=True)
        os.close(lock)


@contextmanager
def workroom(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`, which goes when the block ends; so do those that killed processes left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    room, lock = _locked_room(path)
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)
        os.close(lock)


def remove_leftovers(path: Path) -> None:
    """Remove the temporary folders that killed processes left beside `path`; never one of a living process.

    Where a process was killed between two renames, the former output returns to `path` first.
    """
    pattern = re.compile(re.escape(_prefix(path)) + "[a-z0-9_]{8}")
    with suppress(FileNotFoundError), os.scandir(path.parent) as entries:
        rooms = [Path(entry.path) for entry in entries if pattern.fullmatch(entry.name)]
        for room in rooms:
            # The lock is free when its process has died. Where locks are not known, nothing is removed.
            with suppress(OSError):
                lock = os.open(room, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _put_back(room, path)
                    shutil.rmtree(room, ignore_errors=True)
                finally:
                    os.close(lock)


def _prefix(path: Path) -> str:
    return f".{path.name}.writing-"


def _locked_room(path: Path) -> tuple[Path, int]:
    """Make a temporary folder beside `path` and lock it; return it with the descriptor that holds the lock."""
    while True:
        room = Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))
        with suppress(FileNotFoundError):
            lock = os.open(room, os.O_RDONLY)
            # Some network drives do not lock folders: leftovers stay there.
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            # Another process may have taken it for a leftover before it was locked.
            if room.exists():
                return room, lock
            os.close(lock)


def _put_back(room: Path, path: Path) -> None:
    if os.path.lexists(room / REPLACED) and not os.path.lexists(path):
        with suppress(OSError):
            (room / REPLACED).rename(path)


def _identity(path: Path) -> tuple[int, ...] | None:
    """Return what changes when something else is put at `path`; None where nothing stands."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def disk_refusal(error: BaseException, *folders: Path) -> OSError | None:
    """Return the refusal of a full or closed disk that is behind `error`; None if there is none.

    Libraries hide it: in an exception's cause, in the words of an exception of their own (safetensors), or wholly
    (torch's archive writer). For the last, `folders` are tried: whether a small file still fits.
    """
    if isinstance(error, UserError) or not isinstance(error, Exception):
        return None
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno in (*NO_SPACE, *NO_RIGHTS):
            return link
        for number in NO_SPACE:
            if os.strerror(number) in str(link):
                return OSError(number, os.strerror(number))
        link = link.__cause__ or link.__context__
    # An OSError of another kind says itself what it is.
    return None if isinstance(error, OSError) else next(filter(None, map(is_full, folders)), None)


def is_full(folder: Path) -> OSError | None:
    """Return what the disk answers when a small file is written to `folder`, if that is that it has no space."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(os.urandom(1 << 16))
            file.flush()
    except OSError as error:
        return OSError(error.errno, error.strerror, str(folder)) if error.errno in NO_SPACE else None
    return None


def refused_anywhere(error: Exception, *folders: Path) -> UserError | None:
    """Return what to say where a full or closed disk is behind `error`, wherever it was raised; None where it is not.

    Which file it was about is all that is known, at best: nothing is said of what stood there.
    """
    places = [folder for folder in (*folders, Path(tempfile.gettempdir())) if folder.is_dir()]
    refusal = disk_refusal(error, *places)
    if refusal is None:
        return None
    name = refusal.filename if isinstance(refusal.filename, str) else "a file, or the output"
    # An exception of a library's own says at least what was tried.
    words = "" if isinstance(error, OSError) else f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}\n"
    problem = f"{words}{name}: could not be read or written: {strerror(refusal)}"
    return UserError(problem, _next_step(refusal, Path(name).parent))


def _unwritable(path: Path, error: OSError, before: tuple[int, ...] | None, room: Path | None = None) -> UserError:
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        in_the_way = next(
            (above for above in path.parents if os.path.lexists(above) and not above.is_dir()), path.parent
        )
        return UserError(
            f"{path}: could not be written: found a file at {in_the_way}; expected a folder",
            f"move {in_the_way} away, then run the command again",
        )
    now, culprit = _identity(path), error.filename if isinstance(error.filename, str) else None
    elsewhere = room is not None and culprit and not Path(culprit).is_relative_to(room) and Path(culprit) != path
    reason = f"{culprit}: {strerror(error)}" if elsewhere else strerror(error)
    kept = "" if now != before else "; what stood there before is untouched" if now else "; nothing stands there"
    place = Path(str(culprit)).parent if elsewhere else path.parent
    return UserError(f"{path}: could not be written: {reason}{kept}", _next_step(error, place))


def strerror(error: OSError) -> str:
    """Return the system's words for `error`, whatever a library put in their place."""
    return os.strerror(error.errno) if error.errno else str(error)


def _next_step(error: OSError, folder: Path) -> str:
    if error.errno == errno.EFBIG:
        return "lift the limit on a file's size (`ulimit -f unlimited`), then run the command again"
    if error.errno in NO_SPACE:
        return f"free some space (`df -h {folder}`), then run the command again"
    return f"change who may use it (`ls -ld {folder}`, `df -h {folder}`), then run the command again"


@contextmanager
def taking_turns(lock: Path, doing: str) -> Iterator[None]:
    """Run the block while no other process runs one with the same `lock`; say who does, and wait.

    The kernel keeps the lock and frees it when its process dies, however it dies. The file stays, empty; while the
    lock is held it says by whom.

    Parameters
    ----------
    doing
        What is done in turn, for the line that says why nothing happens.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            said = f"{doing}: {holder} is at it; waiting until it has ended (Ctrl-C gives up)"
            print(said, file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        file.write(f"process {os.getpid()} on {socket.gethostname()}, since {now}\n")
        file.flush()
        try:
            yield
        finally:
            with suppress(OSError):
                file.truncate(0)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, whole or not at all."""
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, so that equal values give equal files."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path, made_by: str) -> Any:
    """Read JSON from `path`; `made_by` is the command that makes the file, named when it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found", f"make it: `{made_by}`") from None
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error})", f"make it again: `{made_by}`") from None


def sha256(path: Path) -> str:
    """Hash the content of one file, as the command `sha256sum` does: 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_all(paths: Iterable[Path]) -> str:
    """Hash the files' own hashes in the order given, so that it also counts where one file ends: 64 digits."""
    return hashlib.sha256(b"".join(bytes.fromhex(sha256(path)) for path in paths)).hexdigest()
