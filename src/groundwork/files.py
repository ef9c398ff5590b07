"""Files that are written whole or not at all, and what identifies their contents."""

import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
        If the disk is full or the place is not writable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise _unwritable(path, error) from error
    temporary = room / path.name
    try:
        yield temporary
        if path.is_dir():
            # A directory cannot be renamed over a full one: the old one steps aside first.
            path.rename(room / "replaced")
        temporary.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS):
            raise _unwritable(path, error) from error
        raise
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> UserError:
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


def sha256(paths: Iterable[Path]) -> str:
    """Hash the contents of `paths` in the order given (hexadecimal SHA-256)."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
