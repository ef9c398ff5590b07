"""Verifies a competition's zip archive and reads its files in place, without unpacking it to disk."""

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from groundwork.competitions import Competition
from groundwork.errors import UserError

# A member may unpack to a gigabyte, or to LARGEST_RATIO times its packed size if that is more. Measured ratios: tables
# of six Kaggle competitions 2 to 9, a sample submission whose rows are all the same list of articles 22, pixels that
# are all zero 460; deflate cannot exceed 1032. Tables of more than a gigabyte contain transactions, texts and
# measurements, whose ratios are far below 100.
ALWAYS_ALLOWED = 1 << 30  # bytes
LARGEST_RATIO = 100

UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
# Kaggle puts some tables into zip files of their own. Other files of an archive (pictures, papers) are not read.
TABLES = (".csv", ".zip")


@dataclass(frozen=True)
class Archive:
    """A competition's zip archive, and the next steps for error messages about it.

    Attributes
    ----------
    path
        Path of the file.
    name
        Its name in messages.
    again
        The next step if it is missing or damaged.
    fix
        The next step if it is intact but its content differs from what the competition declares.
    charset
        The character encoding of its tables.
    """

    path: Path
    name: Path
    again: str
    fix: str
    charset: str = "utf-8"

    def __str__(self) -> str:
        return str(self.name)


def store(competition: Competition, path: Path) -> Path:
    """Return where Kaggle's archive is kept: next to the folder of the lane's archive `path`."""
    return path.parent.parent / "kaggle" / f"{competition.slug}.zip"


def archive(competition: Competition, source: Literal["sample", "kaggle"], path: Path) -> Archive:
    """Describe the archive of a lane at `path`, whose file name is the lane's name."""
    again = f"`dvc repro --force fetch@{path.stem}`"
    if source == "sample":
        if competition.sample is None:
            raise UserError(
                f"params.yaml: source: found sample; the competition {competition.slug} has no function `sample`",
                f"set `source: kaggle` for {path.stem} in params.yaml",
            )
        file = f"src/{competition.sample.__module__.replace('.', '/')}.py"
        fix = f"fix `sample` or `columns` in {file}, then {again}"
        return Archive(path, path, f"make it again: {again}", fix, competition.charset)
    stored = store(competition, path)
    fix = f"put Kaggle's archive at {stored}, or delete that file to download it again; then {again}"
    return Archive(path, path, f"get it again: {again}", fix, competition.charset)


def verify(archive: Archive, files: Iterable[str]) -> None:
    """Check that `archive` is intact, stays inside of its own folder, and contains `files`.

    Raises
    ------
    UserError
        If the archive is missing or not a zip file, a member is corrupt or points outside of the archive, a file is
        missing, or a table, perhaps in a zip file of its own, unpacks to more than `ALWAYS_ALLOWED` and
        `LARGEST_RATIO` allow.
    """
    with _opened(archive) as opened:
        for member in opened.namelist():
            parts = PurePosixPath(member.replace("\\", "/")).parts
            if ".." in parts or parts[:1] == ("/",) or member[1:2] == ":":
                raise UserError(f"{archive}: {member!r} points outside of the archive: refused", archive.fix)
        read = {_find(opened, archive, name) for name in files} | {*filter(_is_table, opened.namelist())}
        _refuse_bombs(opened, archive, read, archive.path.stat().st_size)
        for member in opened.namelist():
            if member in read:
                with _readable(archive, member), opened.open(member) as stream:
                    while stream.read(1 << 20):
                        pass


def _is_table(member: str) -> bool:
    return member.endswith(TABLES)


def _refuse_bombs(
    opened: zipfile.ZipFile, archive: Archive, members: Iterable[str], packed: int, prefix: str = ""
) -> None:
    """Refuse members that unpack to too much, each by itself and, since they may overlap, all together.

    An understated size does no harm: no more than that is read, and the checksum then fails.
    """
    infos = [opened.getinfo(member) for member in members]
    for info in infos:
        _refuse_bomb(archive, prefix + info.filename, info.file_size, min(info.compress_size, packed))
    _refuse_bomb(archive, f"{prefix}its tables", sum(info.file_size for info in infos), packed)
    if prefix:
        return
    for info in infos:
        # Tables in zip files of their own, one level deep, as `open_member` reads them.
        if info.filename.endswith(".zip"):
            with suppress(*UNREADABLE), opened.open(info) as stream, zipfile.ZipFile(stream) as inner:
                names = [name for name in inner.namelist() if f"{name}.zip" == info.filename]
                _refuse_bombs(inner, archive, names, info.compress_size, f"{info.filename}: ")


def _refuse_bomb(archive: Archive, what: str, unpacked: int, packed: int) -> None:
    if unpacked > max(ALWAYS_ALLOWED, LARGEST_RATIO * packed):
        raise UserError(
            f"{archive}: {what}: {unpacked / 1e6:,.0f} MB come out of {packed / 1e6:,.2f} MB; expected at most "
            f"{LARGEST_RATIO} times as much of a large table: refused before it fills the memory",
            archive.fix,
        )


def contains(archive: Archive, member: str) -> bool:
    """Return whether `archive` contains the file `member`."""
    with _opened(archive) as opened:
        return not {member, f"{member}.zip"}.isdisjoint(opened.namelist())


@contextmanager
def open_member(archive: Archive, member: str) -> Iterator[IO[bytes]]:
    """Open one file of `archive` as a stream; raise `UserError` as `verify` does.

    A file in a zip file of its own is opened there.
    """
    with _opened(archive) as opened:
        name = _find(opened, archive, member)
        _refuse_bombs(opened, archive, [name], archive.path.stat().st_size)
        with _readable(archive, member):
            if name == member:
                with opened.open(member) as stream:
                    yield stream
            else:
                with zipfile.ZipFile(io.BytesIO(opened.read(name))) as inner:
                    if member not in inner.namelist():
                        raise UserError(f"{archive}: {name}: no file {member} in it", archive.fix)
                    with inner.open(member) as stream:
                        yield stream


def read_bytes(archive: Archive, member: str) -> bytes:
    """Return the content of one file of `archive`; raise `UserError` as `verify` does."""
    with open_member(archive, member) as stream:
        return stream.read()


@contextmanager
def _opened(archive: Archive) -> Iterator[zipfile.ZipFile]:
    try:
        opened = zipfile.ZipFile(archive.path)
    except FileNotFoundError:
        raise UserError(f"{archive}: not found", archive.again) from None
    except (OSError, *UNREADABLE) as error:
        raise UserError(f"{archive}: is not a whole zip file ({error})", archive.again) from None
    with opened:
        yield opened


def _find(opened: zipfile.ZipFile, archive: Archive, member: str) -> str:
    """Return the name of `member`, or of the zip file that contains only it."""
    names = opened.namelist()
    for name in (member, f"{member}.zip"):
        if name in names:
            return name
    found = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    raise UserError(f"{archive}: no file {member} in it; found {found or 'none'}", archive.fix)


@contextmanager
def _readable(archive: Archive, member: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise UserError(f"{archive}: {member}: the file is corrupt ({error})", archive.again) from None
