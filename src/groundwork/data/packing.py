"""Names the files of an archive, and unpacks those that are compressed on their own."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import IO, Any

# What the standard library raises where a packed file is damaged.
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    gzip.BadGzipFile,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a compression that `zipfile` does not know
    RuntimeError,  # an encrypted member
)
UNPACK: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": lambda stream: gzip.GzipFile(fileobj=stream),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}
ZIP = ".zip"
# Kinds of files that hold one table.
TABLES = (".csv", ".tsv", ".tab", ".txt", ".parquet", ".jsonl", ".ndjson", ".json")
# No library that the project depends on opens these.
REFUSED = (".7z", ".rar", ".xlsx", ".xls", ".feather", ".pkl")


def visible(names: Iterable[str]) -> list[str]:
    """Leave out folders, hidden files, and what macOS adds beside each file."""
    return [name for name in names if not name.endswith("/") and not _is_hidden(name)]


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def plain(name: str) -> str:
    """Return the name without the suffix of its packing: ``train.csv`` for ``train.csv.gz`` and ``train.csv.zip``."""
    path = PurePosixPath(name)
    if path.suffix.lower() in UNPACK or (path.suffix.lower() == ZIP and path.stem.lower().endswith(TABLES)):
        return str(path.with_suffix(""))
    return name


def is_table(name: str) -> bool:
    """Return whether a file holds a table, packed or not, or is a zip file that may."""
    return plain(name).lower().endswith((*TABLES, ZIP))


def matching(names: Iterable[str], member: str) -> list[str]:
    """Return the files that `member` may mean: that very file, packed or not; else files of that name in folders.

    A zip file with the same stem counts, too: Kaggle packs some tables ``train.csv`` into ``train.zip``.
    """
    names = visible(names)
    exact = [name for name in names if name == member] or [name for name in names if plain(name) == member]
    if exact:
        # The plain file, where it is packed beside itself.
        return exact[:1]
    if "/" not in member:
        in_folders = [name for name in names if PurePosixPath(plain(name)).name == member]
        if in_folders:
            return in_folders
    zipped = str(PurePosixPath(member).with_suffix(ZIP))
    return [name for name in names if zipped in (name, PurePosixPath(name).name)]


def shortest(names: Iterable[str]) -> list[str]:
    """Return for each file the shortest name that means it alone: without packing, and without folders if it can be."""
    full = list(dict.fromkeys(plain(name) for name in visible(names)))
    bare = [PurePosixPath(name).name for name in full]
    return [short if bare.count(short) == 1 else name for name, short in zip(full, bare, strict=True)]


class Limited(io.RawIOBase):
    """A stream that calls `refuse` with the number of bytes read so far after each read."""

    def __init__(self, stream: IO[bytes], refuse: Callable[[int], None]) -> None:
        self.stream, self.refuse, self.count = stream, refuse, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stub allows any buffer
        """Read up to the length of `buffer`."""
        content = self.stream.read(len(buffer))
        self.count += len(content)
        self.refuse(self.count)
        buffer[: len(content)] = content
        return len(content)


def unpacked(stream: IO[bytes], name: str, refuse: Callable[[int], None]) -> IO[bytes]:
    """Return the content of a stream that is packed as its `name` says; `refuse` raises when too much comes out."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in UNPACK:
        return stream
    return io.BufferedReader(Limited(UNPACK[suffix](stream), refuse), 1 << 20)
