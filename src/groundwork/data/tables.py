"""Reads and checks typed tables directly from a competition's archive."""

import csv
import io
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from groundwork.data.archives import Archive, read_bytes
from groundwork.errors import UserError

MISSING = ("", "NA")
TYPES = {int: pa.int64(), float: pa.float64(), str: pa.string()}
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
    content = read_bytes(archive, member)
    if archive.charset != "utf-8" and not _is_utf8(content):
        content = content.decode(archive.charset).encode()
    header = _header(content, where, archive)
    _check_names(header, columns, where, archive, partial)
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(content),
            # A block must contain at least one row; fields with line breaks rule out parallel parsing.
            read_options=arrow_csv.ReadOptions(block_size=1 << 23),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=b'"' in content),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: TYPES[kind] for name, kind in columns.items()},
                include_columns=list(columns),
                null_values=list(MISSING),
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise _first_problem(content, columns, where, archive, str(error)) from None
    if any(kind is int and table[name].null_count for name, kind in columns.items()):
        raise _first_problem(content, columns, where, archive, "a missing whole number")
    if not len(table):
        raise UserError(f"{where}: found a header and no rows", archive.fix)
    frame: pd.DataFrame = table.to_pandas().astype({name: "str" for name, kind in columns.items() if kind is str})
    _check_values(frame, columns, content, where, archive)
    if key is not None:
        _check_key(frame[key], content, where, archive)
    return frame


def header(archive: Archive, member: str) -> list[str]:
    """Return the column names of one table; raise `UserError` as `read` does."""
    return _header(read_bytes(archive, member), f"{archive}: {member}", archive)


def text(archive: Archive, member: str) -> pd.DataFrame:
    """Read a whole table as text, as it stands in the file; an empty field is missing.

    Raises
    ------
    UserError
        If the file is empty or not a table.
    """
    try:
        return pd.read_csv(
            io.BytesIO(read_bytes(archive, member)),
            dtype="str",
            keep_default_na=False,
            na_values=[""],
            encoding="utf-8-sig",
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{archive}: {member}: is not a table: {str(error).strip()}", archive.fix) from None


def types(archive: Archive, members: Sequence[str], declared: Mapping[str, type]) -> dict[str, type]:
    """Return the type of each column of `members`, in their order: as declared, or one that suits all of them.

    Declared columns that no table has come last.
    """
    names = dict.fromkeys((*(name for member in members for name in header(archive, member)), *declared))
    undeclared = [name for name in names if name not in declared]
    frames = [text(archive, member) for member in members] if undeclared else []
    inferred = {name: _type(pd.concat([frame[name] for frame in frames if name in frame])) for name in undeclared}
    return {name: declared.get(name) or inferred[name] for name in names}


def _type(values: pd.Series) -> type:
    present = values[~values.isin(MISSING)].dropna()
    if len(present) and all(_parses(value, float) for value in present):
        whole = len(present) == len(values) and present.str.fullmatch(r"-?(0|[1-9]\d{0,17})").all()
        return int if whole else float
    return str


def _rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and fields of each row, the header first. Slow, but it knows its position."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline=""))
    for fields in reader:
        if fields:
            yield reader.line_num, fields


def _line(content: bytes, row: int) -> int:
    """Return the line of the file on which data row `row` (from 0) ends."""
    return next(line for i, (line, _) in enumerate(_rows(content), start=-1) if i == row)


def _is_utf8(content: bytes) -> bool:
    # One archive may contain tables in both encodings.
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _header(content: bytes, where: str, archive: Archive) -> list[str]:
    try:
        header = next((fields for _, fields in _rows(content)), None)
    except UnicodeDecodeError:
        raise _first_problem(content, {}, where, archive, "not UTF-8") from None
    if header is None:
        raise UserError(f"{where}: the file is empty; expected a header and rows", archive.fix)
    return header


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
    frame: pd.DataFrame, columns: Mapping[str, type], content: bytes, where: str, archive: Archive
) -> None:
    numbers = [name for name, kind in columns.items() if kind is float]
    infinite = np.argwhere(np.isinf(frame[numbers].to_numpy()))
    if len(infinite):
        row, column = infinite[0]
        raise UserError(
            f"{where}: line {_line(content, row)}: column {numbers[column]!r}: found an infinite number",
            archive.fix,
        )
    empty = [str(name) for name in frame if frame[name].isna().all()]
    if empty:
        log.warning("%s: no row has a value in: %s; a network learns nothing from it", where, _few(empty))


def _check_key(ids: pd.Series, content: bytes, where: str, archive: Archive) -> None:
    for wrong, description in ((ids.isna(), "no id"), (ids.duplicated(), "an id that an earlier row has")):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise UserError(
                f"{where}: line {_line(content, row)}: column {ids.name!r}: found {description} ({ids[row]}), "
                f"expected another id in each row; {int(wrong.sum())} such rows",
                archive.fix,
            )


def _first_problem(
    content: bytes, columns: Mapping[str, type], where: str, archive: Archive, otherwise: str
) -> UserError:
    """Search an unreadable table for its first invalid field; use the message `otherwise` if there is none."""
    problem = otherwise.splitlines()[0]
    try:
        content.decode("utf-8")
        rows = _rows(content)
        header = next(rows)[1]
        problem = next((text for line, row in rows if (text := _row_problem(header, line, row, columns))), problem)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"line {line}: found byte 0x{content[error.start]:02x}, expected text in UTF-8"
    except csv.Error as error:
        problem = f"not a CSV file: {error}"
    return UserError(f"{where}: {problem}", archive.fix)


def _row_problem(header: list[str], line: int, row: list[str], columns: Mapping[str, type]) -> str | None:
    if len(row) != len(header):
        return f"line {line}: found {len(row)} fields, expected {len(header)} as in the header"
    for name, value in zip(header, row, strict=True):
        kind = columns.get(name, str)
        if value in MISSING:
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
