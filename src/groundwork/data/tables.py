"""Reads and checks typed tables directly from a competition's archive."""

import csv
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from groundwork.data import formats, parsing
from groundwork.data.archives import Archive
from groundwork.errors import UserError

TYPES = {int: pa.int64(), float: pa.float64(), str: pa.string()}
# Whole numbers that an int64 or a float64 would change: ids with leading zeros, or of 19 digits and more.
NOT_A_NUMBER = r"^[+-]?(0\d+|\d{19,})$"
LARGE = 10**18  # numbers of 19 digits
PIECE = 1 << 24  # bytes that are examined at once
EXACT = 1 << 53  # float64 has every whole number up to here
EXPECTED = {int: "a whole number", float: "a number", str: "text"}

log = logging.getLogger(__name__)


def read(
    archive: Archive, member: str, columns: Mapping[str, type], *, key: str | None = None, partial: bool = False
) -> pd.DataFrame:
    """Read the declared columns of one table.

    An empty field and `NA` count as missing. Columns that are not declared are dropped with a log message. Columns
    without any value are kept and logged, too.

    Parameters
    ----------
    columns
        Column name -> `int` (never missing), `float` or `str`.
    key
        A column whose values must be present and unique.
    partial
        Whether `columns` are deliberately only a part of the table: then other columns are not logged.

    Returns
    -------
    DataFrame
        The columns in the declared order, as int64, float64 and pandas' `str`.

    Raises
    ------
    UserError
        If the file cannot be read with these columns; the message names archive, file, line and column.
    """
    where = f"{archive}: {member}"
    text = parsing.text(archive, member)
    _check_names(_header(text, where, archive), columns, where, archive, partial)
    try:
        table, text = parsing.parsed(text, {name: TYPES[kind] for name, kind in columns.items()})
    except pa.ArrowInvalid as error:
        raise _first_problem(text, columns, where, archive, str(error)) from None
    if any(kind is int and table[name].null_count for name, kind in columns.items()):
        raise _first_problem(text, columns, where, archive, "a missing whole number")
    if not len(table):
        raise UserError(f"{where}: found a header and no rows", archive.fix)
    frame: pd.DataFrame = table.to_pandas().astype({name: "str" for name, kind in columns.items() if kind is str})
    _check_values(frame, columns, text, where, archive)
    if key is not None:
        _check_key(frame[key], text, where, archive)
    return frame


def header(archive: Archive, member: str) -> list[str]:
    """Return the column names of one table; raise `UserError` as `read` does."""
    return _header(parsing.text(archive, member), f"{archive}: {member}", archive)


def text(archive: Archive, member: str) -> pd.DataFrame:
    """Read a whole table as text, as it stands in the file; an empty field is missing.

    Raises
    ------
    UserError
        If the file is empty or not a table.
    """
    where, content = f"{archive}: {member}", parsing.text(archive, member)
    names = _header(content, where, archive)
    _check_names(names, {}, where, archive, partial=True)
    try:
        table, _ = parsing.parsed(content, dict.fromkeys(names, pa.string()), missing=("",))
    except pa.ArrowInvalid as error:
        raise _first_problem(content, {}, where, archive, str(error)) from None
    return table.to_pandas().astype("str")


def plain(archive: Archive, member: str) -> bytes:
    """Return a table as CSV with commas, in UTF-8 and without a byte order mark: the file's own bytes if it is that."""
    content = parsing.text(archive, member)
    if content.separator == "," and content.is_plain:
        return content.content
    return text(archive, member).to_csv(index=False, lineterminator="\n").encode()


def types(archive: Archive, members: Iterable[str], declared: Mapping[str, type] | None = None) -> dict[str, type]:
    """Infer the type of each column from all `members` together.

    A column is `int` if all its values are whole numbers and none is missing, `float` if all are numbers, else `str`.
    Ids with leading zeros or more than 18 digits are `str`, and so are truth values, dates and numbers with marks.

    Parameters
    ----------
    declared
        Types that are not inferred.

    Returns
    -------
    dict
        Column name -> type, in the order of the files.

    Raises
    ------
    UserError
        If a file cannot be read as a table.
    """
    found: dict[str, set[type | None]] = {}
    for member in members:
        for name, kind in _inferred(archive, member, declared or {}).items():
            found.setdefault(name, set()).add(kind)
    return {name: _common(kinds) for name, kinds in found.items()} | dict(declared or {})


def _common(kinds: set[type | None]) -> type:
    if str in kinds:
        return str
    return int if kinds == {int} else float


def _inferred(archive: Archive, member: str, declared: Mapping[str, type]) -> dict[str, type | None]:
    """Return the type of each column of one file; None for a column without a value."""
    where = f"{archive}: {member}"
    text = parsing.text(archive, member)
    names = _header(text, where, archive)
    _check_names(names, {}, where, archive, partial=True)
    if set(names) <= declared.keys():
        return {name: declared[name] for name in names}
    try:
        table, text = parsing.parsed(text, None)
    except pa.ArrowInvalid as error:
        raise _first_problem(text, {}, where, archive, str(error)) from None
    numbers = [field.name for field in table.schema if pa.types.is_integer(field.type) or _is_float(field.type)]
    # Reading all numbers as text takes a second for 30 million of them: only those that may be ids.
    doubtful = numbers if _has_leading_zeros(text.content) else [name for name in numbers if _is_large(table[name])]
    written = parsing.parsed(text, dict.fromkeys(doubtful, pa.string()))[0] if doubtful else {}
    return {name: _kind(table[name], written[name] if name in doubtful else None) for name in table.column_names}


def _has_leading_zeros(content: bytes) -> bool:
    """Return whether some digit follows a zero that begins a number. Faster than a regular expression by ten times."""
    codes = np.frombuffer(content, dtype=np.uint8)
    for start in range(0, len(codes), PIECE):
        piece = codes[max(start - 1, 0) : start + PIECE + 1]
        digit = (piece >= ord("0")) & (piece <= ord("9"))
        zero = piece[:-1] == ord("0")
        zero[1:] &= ~digit[:-2] & (piece[:-2] != ord("."))
        if (zero & digit[1:]).any():
            return True
    return False


def _is_large(column: pa.ChunkedArray) -> bool:
    extremes = compute.min_max(column).as_py()
    return any(value is not None and abs(value) >= LARGE for value in extremes.values())


def _is_float(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind))


def _kind(column: pa.ChunkedArray, written: pa.ChunkedArray | None) -> type | None:
    if column.null_count == len(column):
        return None
    if written is not None and compute.any(compute.match_substring_regex(written, NOT_A_NUMBER)).as_py():
        return str
    if _is_float(column.type):
        return str if compute.any(compute.is_inf(column)).as_py() else float
    if not pa.types.is_integer(column.type):
        return str
    if not column.null_count:
        return int
    return float if compute.max(compute.abs(column)).as_py() <= EXACT else str


def _line(text: formats.Text, row: int) -> int:
    """Return the line of the file on which data row `row` (from 0) ends."""
    return next(line for i, (line, _) in enumerate(parsing.rows(text), start=-1) if i == row)


def _header(text: formats.Text, where: str, archive: Archive) -> list[str]:
    try:
        names = parsing.header(text)
    except UnicodeDecodeError:
        raise _first_problem(text, {}, where, archive, "not UTF-8") from None
    except csv.Error as error:
        raise UserError(f"{where}: not a CSV file: {error}", archive.fix) from None
    if names is None:
        raise UserError(f"{where}: the file is empty; expected a header and rows", archive.fix)
    return names


def _check_names(header: list[str], columns: Mapping[str, type], where: str, archive: Archive, partial: bool) -> None:
    extra = [name for name in header if name not in columns]
    for name in columns:
        if name not in header:
            close = get_close_matches(name.lower(), [candidate.lower() for candidate in extra], n=1, cutoff=0.6)
            similar = [candidate for candidate in extra if candidate.lower() in close]
            hint = f"; found {similar[0]!r}: was it renamed?" if similar else f"; found {_few(header)}"
            raise UserError(f"{where}: line 1: no column {name!r}{hint}", archive.fix)
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise UserError(f"{where}: line 1: found column {repeated[0]!r} more than once", archive.fix)
    if extra and not partial:
        log.warning("%s: ignored columns that the competition does not declare: %s", where, _few(extra))


def _check_values(
    frame: pd.DataFrame, columns: Mapping[str, type], text: formats.Text, where: str, archive: Archive
) -> None:
    numbers = [name for name, kind in columns.items() if kind is float]
    infinite = np.argwhere(np.isinf(frame[numbers].to_numpy()))
    if len(infinite):
        row, column = infinite[0]
        raise UserError(
            f"{where}: line {_line(text, row)}: column {numbers[column]!r}: found an infinite number",
            archive.fix,
        )
    empty = [str(name) for name in frame if frame[name].isna().all()]
    if empty:
        log.warning("%s: no row has a value in: %s; a network learns nothing from it", where, _few(empty))


def _check_key(ids: pd.Series, text: formats.Text, where: str, archive: Archive) -> None:
    for wrong, description in ((ids.isna(), "no id"), (ids.duplicated(), "an id that an earlier row has")):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise UserError(
                f"{where}: line {_line(text, row)}: column {ids.name!r}: found {description} ({ids[row]}), "
                f"expected another id in each row; {int(wrong.sum())} such rows",
                archive.fix,
            )


def _first_problem(
    text: formats.Text, columns: Mapping[str, type], where: str, archive: Archive, otherwise: str
) -> UserError:
    """Search an unreadable table for its first invalid field; use the message `otherwise` if there is none."""
    problem = otherwise.splitlines()[0]
    try:
        text.content.decode("utf-8")
        rows = parsing.rows(text)
        names = next(rows)[1]
        problem = next((said for line, row in rows if (said := _row_problem(names, line, row, columns))), problem)
    except UnicodeDecodeError as error:
        line = text.content.count(b"\n", 0, error.start) + 1
        problem = f"line {line}: found byte 0x{text.content[error.start]:02x}, expected text in UTF-8"
    except csv.Error as error:
        problem = f"not a CSV file: {error}"
    return UserError(f"{where}: {problem}", archive.fix)


def _row_problem(header: list[str], line: int, row: list[str], columns: Mapping[str, type]) -> str | None:
    if len(row) != len(header):
        return f"line {line}: found {len(row)} fields, expected {len(header)} as in the header"
    for name, value in zip(header, row, strict=True):
        kind = columns.get(name, str)
        if value in parsing.MISSING:
            if kind is int:
                return f"line {line}: column {name!r}: found no value ({value!r}), expected {EXPECTED[kind]}"
        elif not _parses(value.strip(), kind):
            return f"line {line}: column {name!r}: found {value!r}, expected {EXPECTED[kind]}"
    return None


def _parses(value: str, kind: type) -> bool:
    if kind is int:
        return bool(re.fullmatch(r"[+-]?\d{1,18}", value, re.ASCII))
    if kind is float:
        return bool(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(inf(inity)?|nan)", value, re.ASCII | re.I))
    return True


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
