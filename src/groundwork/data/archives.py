"""Verifies a competition's zip archive and reads its files in place, without unpacking it to disk."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from groundwork.competitions import Competition
from groundwork.data import packing
from groundwork.data.packing import UNREADABLE, ZIP
from groundwork.errors import UserError

# A member may unpack to a gigabyte, or to LARGEST_RATIO times its packed size if that is more. Measured ratios: tables
# of six Kaggle competitions 2 to 9, a sample submission whose rows are all the same list of articles 22, pixels that
# are all zero 460; deflate cannot exceed 1032. Tables of more than a gigabyte contain transactions, texts and
# measurements, whose ratios are far below 100.
ALWAYS_ALLOWED = 1 << 30  # bytes
LARGEST_RATIO = 100


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
        fix = f"fix `sample` or `types` in {file}, then {again}"
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
        # Other files of an archive (pictures, papers) are not read.
        tables = {*filter(packing.is_table, packing.visible(opened.namelist()))}
        read, size = {_find(opened, archive, name) for name in files} | tables, archive.path.stat().st_size
        _refuse_bombs(opened, archive, read, size)
        unpacked = 0
        for member in opened.namelist():
            if member in read:
                with _readable(archive, member), _unpacked(opened, archive, member) as stream:
                    while chunk := stream.read(1 << 20):
                        unpacked += len(chunk)
                        _refuse_bomb(archive, "its tables", unpacked, size)


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
        if info.filename.endswith(ZIP):
            with suppress(*UNREADABLE), opened.open(info) as stream, zipfile.ZipFile(stream) as inner:
                names = [name for name in inner.namelist() if packing.is_table(name)]
                _refuse_bombs(inner, archive, names, info.compress_size, f"{info.filename}: ")


def _refuse_bomb(archive: Archive, what: str, unpacked: int, packed: int) -> None:
    if unpacked > max(ALWAYS_ALLOWED, LARGEST_RATIO * packed):
        raise UserError(
            f"{archive}: {what}: {unpacked / 1e6:,.0f} MB come out of {packed / 1e6:,.2f} MB; expected at most "
            f"{LARGEST_RATIO} times as much of a large table: refused before it fills the memory",
            archive.fix,
        )


def files(archive: Archive) -> list[str]:
    """Return the tables of `archive`, each by the shortest name that means it: without packing, folders only if needed.

    Raises
    ------
    UserError
        If the archive is missing or not a zip file.
    """
    with _opened(archive) as opened:
        found = []
        for name in packing.visible(opened.namelist()):
            if name.endswith(ZIP) and packing.plain(name) == name:
                inside = _inside(opened, name)
                found += [str(PurePosixPath(name).with_name(inside))] if inside else []
            elif packing.is_table(name):
                found.append(name)
        return packing.shortest(found)


def others(archive: Archive) -> list[str]:
    """Return the names of the files of `archive` that are no tables: pictures, papers, what cannot be read."""
    with _opened(archive) as opened:
        return [name for name in packing.visible(opened.namelist()) if not packing.is_table(name)]


def size(archive: Archive, member: str) -> int:
    """Return the number of bytes of one file of `archive`, as it is packed if it is packed on its own."""
    with _opened(archive) as opened:
        return opened.getinfo(_find(opened, archive, member)).file_size


def _inside(opened: zipfile.ZipFile, name: str) -> str | None:
    """Return the table in the zip file `name` that has its stem, or None."""
    stem = PurePosixPath(name).stem
    with suppress(*UNREADABLE), opened.open(name) as stream, zipfile.ZipFile(stream) as inner:
        for inside in packing.visible(inner.namelist()):
            if PurePosixPath(inside).stem == stem and packing.is_table(inside):
                return PurePosixPath(inside).name
    return None


def contains(archive: Archive, member: str) -> bool:
    """Return whether `archive` contains the file `member`."""
    with _opened(archive) as opened:
        return bool(packing.matching(opened.namelist(), member))


@contextmanager
def open_member(archive: Archive, member: str) -> Iterator[IO[bytes]]:
    """Open one file of `archive` as a stream; raise `UserError` as `verify` does.

    A file that is packed on its own, or in a zip file of its own, is unpacked. A file in a folder is found by its name
    alone, if no other folder has a file of that name.
    """
    with _opened(archive) as opened:
        name = _find(opened, archive, member)
        _refuse_bombs(opened, archive, [name], archive.path.stat().st_size)
        with _readable(archive, member):
            if not name.endswith(ZIP) or name == member:
                with _unpacked(opened, archive, name) as stream:
                    yield stream
            else:
                with zipfile.ZipFile(io.BytesIO(opened.read(name))) as inner:
                    wanted = PurePosixPath(member).name
                    names = packing.visible(inner.namelist())
                    found = [inside for inside in names if PurePosixPath(inside).name == wanted]
                    if not found:
                        raise UserError(f"{archive}: {name}: no file {member} in it", archive.fix)
                    with inner.open(found[0]) as stream:
                        yield stream


@contextmanager
def _unpacked(opened: zipfile.ZipFile, archive: Archive, name: str) -> Iterator[IO[bytes]]:
    packed = min(opened.getinfo(name).compress_size, archive.path.stat().st_size)
    with opened.open(name) as stream:
        yield packing.unpacked(stream, name, lambda size: _refuse_bomb(archive, name, size, packed))


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
    """Return the name of `member` in the archive, or of the packed file that contains it."""
    names = opened.namelist()
    matching = packing.matching(names, member)
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise UserError(
            f"{archive}: found {len(matching)} files {member}: {', '.join(matching)}; expected one",
            "name it with its folder in the competition's file in src/groundwork/competitions/",
        )
    refused = [name for name in names if name.lower().endswith(packing.REFUSED)]
    close = [name for name in refused if PurePosixPath(member).stem in PurePosixPath(name).name]
    if close:
        suffix = PurePosixPath(close[0]).suffix
        raise UserError(
            f"{archive}: {close[0]}: cannot be read: {suffix} files are not supported; expected {member}, plain or "
            f"packed as {', '.join([ZIP, *packing.UNPACK])}",
            f"unpack or convert it, and put {member} into {archive} (`zip {archive} {member}`)",
        )
    found = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    raise UserError(f"{archive}: no file {member} in it; found {found or 'none'}", archive.fix)


@contextmanager
def _readable(archive: Archive, member: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise UserError(f"{archive}: {member}: the file is corrupt ({error})", archive.again) from None
    except OSError as error:
        # bz2 raises OSError without a number; the others are errors of the disk.
        if error.errno is not None:
            raise
        raise UserError(f"{archive}: {member}: the file is corrupt ({error})", archive.again) from None
