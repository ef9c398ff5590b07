"""Finds the tables of an archive: training rows, test rows, the sample submission."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import pandas as pd

from groundwork.data import archives, formats, parsing, tables
from groundwork.data.archives import Archive
from groundwork.data.packing import REFUSED, plain
from groundwork.data.targets import with_targets
from groundwork.errors import UserError, meant

WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
SAMPLE = {"sample", "submission", "submissions", "submit", "solution", "example"}
TEST = {"test", "testing", "eval", "evaluation"}
TRAIN = {"train", "training", "labeled", "labelled"}
TARGETS = {"label", "labels", "target", "targets", "answers", "outcome", "outcomes"}
BY_HAND = (
    "; a competition without test rows, such as a log of purchases, is written by hand (fashion_recommendations.py)"
)
NO_KEY = ""  # no column has this name
NEVER = {"unlabeled", "unlabelled", "description", "readme", "metadata"}


@dataclass(frozen=True)
class Files:
    """The tables of an archive.

    Attributes
    ----------
    train, test, sample
        Names of the three files.
    targets
        Name of the table with the targets of `train`, if they are not in it.
    by_key
        Whether `targets` has a key; else it is in the order of `train`.
    others
        Names of further tables.
    """

    train: str
    test: str
    sample: str
    targets: str | None = None
    by_key: bool = True
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """An archive and its three tables, typed; `train` has its targets, wherever they are in the archive."""

    archive: Archive
    files: Files
    types: dict[str, type]
    train: pd.DataFrame
    test: pd.DataFrame
    sample: pd.DataFrame


def read(
    archive: Archive,
    train: str | None = None,
    test: str | None = None,
    sample: str | None = None,
    labels: str | None = None,
) -> Found:
    """Find and read the three tables, and that of the targets, if they are apart; name those not to be guessed.

    Raises
    ------
    UserError
        If one is missing, several may be meant, or one cannot be read.
    """
    names = archives.files(archive)
    _require_tables(archive, names)
    archive = replace(archive, charset=_charset(archive, names))
    headers = {name: header for name in names if (header := _header(archive, name))}
    files = _roles(archive, headers, {"--train": train, "--test": test, "--submission": sample, "--labels": labels})
    apart = [files.targets] if files.targets else []
    types = tables.types(archive, (files.train, files.test, *apart))
    frames = []
    for name in (files.train, files.test):
        columns = {column: types[column] for column in headers[name]}
        frames.append(tables.read(archive, name, columns))
    for name in apart:
        key = next((column for column in headers[name] if column in frames[0]), NO_KEY)
        targets = [column for column in headers[name] if column not in frames[0]]
        frames[0] = with_targets(frames[0], archive, name, key, types, targets)
    handed_in = tables.read(archive, files.sample, tables.types(archive, [files.sample]))
    return Found(archive, files, types, frames[0], frames[1], handed_in)


def _require_tables(archive: Archive, names: Sequence[str]) -> None:
    if names:
        return
    _require_readable(archive)
    raise UserError(
        f"{archive}: found no table; expected train.csv, test.csv and a sample submission, perhaps in a folder",
        f"`unzip -l {archive.path}` lists what is in it",
    )


def _require_readable(archive: Archive) -> None:
    """Where a table is lacking: refuse files that may be it and cannot be read."""
    refused = [name for name in archives.others(archive) if name.lower().endswith(REFUSED)]
    if refused:
        raise UserError(
            f"{archive}: found {', '.join(refused[:5])}, which cannot be read; expected tables such as train.csv, "
            "plain or packed as .zip, .gz, .bz2 or .xz",
            f"unpack them and put the tables into {archive} (`zip {archive} train.csv test.csv …`)",
        )


def _charset(archive: Archive, names: Sequence[str]) -> str:
    """Return ``utf-8``, or the single-byte encoding of tables that are not."""
    guess = "utf-8"
    for name in names:
        if plain(name).lower().endswith((".parquet", ".json", ".jsonl", ".ndjson")):
            continue
        content = formats.decoded(archives.read_bytes(archive, name))
        if not formats.is_utf8(content):
            # Windows' code page has letters and quotes where Latin-1 has control characters, but not everywhere.
            guess = "cp1252" if guess != "latin-1" and _fits(content, "cp1252") else "latin-1"
    return guess


def _fits(content: bytes, charset: str) -> bool:
    try:
        content.decode(charset)
    except UnicodeDecodeError:
        return False
    return True


def _header(archive: Archive, name: str) -> list[str]:
    """Return the columns of a table; empty if it is prose or cannot be read: it may not be needed."""
    try:
        header = parsing.header(parsing.text(archive, name)) or []
    except (UserError, ValueError):
        return []
    return header if len(header) > 1 or not plain(name).lower().endswith(".txt") else []


def _words(name: str) -> set[str]:
    return {word.lower() for part in PurePosixPath(plain(name)).with_suffix("").parts for word in WORDS.findall(part)}


def _roles(archive: Archive, headers: dict[str, list[str]], given: dict[str, str | None]) -> Files:
    for option, name in given.items():
        if name is not None and name not in headers:
            raise UserError(
                f"{archive}: {option}: no table {name!r} in it{meant(name, headers)}; found {', '.join(headers)}",
                f"`{option} {next(iter(headers), 'FILE')}`",
            )
    left = [name for name in headers if name not in given.values() and not _words(name) & NEVER]
    sample = given["--submission"] or _sample(archive, left, headers)
    left = [name for name in left if name != sample]
    named_test = [name for name in left if _words(name) & TEST and not _words(name) & TRAIN]
    trains = [name for name in left if _words(name) & TRAIN and not _words(name) & TEST]
    wanted = headers[sample][1:]
    if not trains and not given["--train"]:
        # A table of another name that has what the sample submission asks for.
        trains = [name for name in left if name not in named_test and set(wanted) <= {*headers[name]}]
    tests = [given["--test"]] if given["--test"] else named_test
    rows = [given["--train"]] if given["--train"] else trains
    apart = _with_targets_alone(rows, [name for name in left if name not in tests], tests, headers, wanted)
    targets = given["--labels"] or next(iter(apart), None)
    trains = [name for name in trains if name not in apart]
    train = given["--train"] or _one(archive, "--train", "training rows", trains, headers, wanted)
    left = [name for name in left if name not in (train, targets)]
    if not named_test and not given["--test"]:
        # A table with most of the training columns.
        half = len(headers[train]) / 2
        named_test = [name for name in left if len({*headers[name]} & {*headers[train]}) > half]
    named_test = [name for name in named_test if name != train]
    test = given["--test"] or _one(archive, "--test", "test rows", named_test, headers, headers[train])
    others = tuple(name for name in headers if name not in (train, test, sample, targets))
    shared = [column for column in headers[targets] if column in headers[train]] if targets else []
    if targets and not shared and not _in_order(headers[targets], wanted):
        raise UserError(
            f"{archive}: {targets}: found the columns {', '.join(headers[targets])}; expected the id, as in {train}, "
            "or nothing but targets, in its order",
            "`--labels FILE` names another table",
        )
    return Files(train, test, sample, targets, bool(shared), others)


def _with_targets_alone(
    rows: Sequence[str],
    tables: Sequence[str],
    tests: Sequence[str],
    headers: dict[str, list[str]],
    wanted: Sequence[str],
) -> list[str]:
    """Return those of `tables` that have what may be targets of one of `rows`, the one asked for first.

    They share the key with the rows. Without a key, their name says what they are.
    """

    def may_be_of(name: str, other: str) -> bool:
        own, theirs = {*headers[name]}, {*headers[other]}
        key = own & theirs
        named = bool(_words(name) & TARGETS)
        called = {*wanted} <= own or named
        # Test rows have the columns of the training rows, and of this table at most the key.
        alike = any({*headers[test]} & theirs > key for test in tests)
        alike &= all({*headers[test]} & own <= key for test in tests)
        fits = len(key) == 1 or (not key and named and _in_order(headers[name], wanted))
        return fits and called and alike and not theirs & {*wanted}

    found = [name for name in tables if any(may_be_of(name, other) for other in rows if other != name)]
    return sorted(found, key=lambda name: -len({*headers[name]} & {*wanted}))


def _in_order(header: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether a table without a key has nothing but targets: they are in the order of the training rows."""
    return len(header) == 1 or {*header} <= {*wanted}


def _sample(archive: Archive, left: Sequence[str], headers: dict[str, list[str]]) -> str:
    candidates = [name for name in left if _words(name) & SAMPLE]
    named = [name for name in candidates if _words(name) & {"submission", "submissions", "submit"}]
    candidates = named or [name for name in candidates if not _words(name) & TRAIN]
    if not candidates:
        _require_readable(archive)
        raise UserError(
            f"{archive}: found no sample submission among {', '.join(headers) or 'no table'}; expected "
            "sample_submission.csv: it says which columns a submission has",
            "name it (`--submission FILE`); if Kaggle gives none, write one with the id and a value for each target, "
            "and put it into the archive",
        )
    return _one(archive, "--submission", "sample submission", candidates, headers, [])


def _one(
    archive: Archive,
    option: str,
    what: str,
    candidates: Sequence[str],
    headers: dict[str, list[str]],
    wanted: Sequence[str],
) -> str:
    """Return the one candidate that has most of the wanted columns, with the plainest name among equals."""
    if not candidates:
        _require_readable(archive)
        found = ", ".join(headers) or "no table"
        raise UserError(
            f"{archive}: found no file with {what} among {found}; expected one such as "
            f"{'train.csv' if option == '--train' else 'test.csv'}",
            f"name it: `{option} FILE`{BY_HAND if option == '--test' else ''}",
        )

    def rank(name: str) -> tuple[int, int, int]:
        path = PurePosixPath(plain(name))
        exact = path.stem.lower() in ("train", "test", "sample_submission", "samplesubmission", "submission")
        return -len({*headers[name]} & {*wanted}), -int(exact), len(path.parts)

    ordered = sorted(candidates, key=rank)
    if len(ordered) > 1 and rank(ordered[0]) == rank(ordered[1]):
        raise UserError(
            f"{archive}: found several files that may hold the {what}: {', '.join(ordered)}; expected one",
            f"name it: `{option} {ordered[0]}`",
        )
    return ordered[0]
