"""Files that are written whole or not at all, and what identifies their contents."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from groundwork.errors import UserError


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well.

    What stood at `path` before stays untouched until the rename, and stays for good when the block
    raises. The temporary may be made a file or a directory.

    Raises
    ------
    UserError
        If the disk is full, the place is not writable, or a file stands where a folder is needed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise _unwritable(path, error) from error
    temporary = room / path.name
    try:
        yield temporary
        if temporary.is_dir() or (temporary.exists() and path.is_dir()):
            # A rename puts a file over a file and nothing else: what stands there steps aside first.
            with suppress(FileNotFoundError):
                path.rename(room / "replaced")
        temporary.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS):
            raise _unwritable(path, error) from error
        raise
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> UserError:
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        in_the_way = next((one for one in path.parents if os.path.lexists(one) and not one.is_dir()), path.parent)
        return UserError(
            f"{path}: could not be written: found a file at {in_the_way}; expected a folder",
            f"move {in_the_way} away, then run the command again",
        )
    return UserError(
        f"{path}: could not be written: {error.strerror}; what stood there before is untouched",
        f"free some space or mend the permissions (`df -h {path.parent}`), then run the command again",
    )


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
