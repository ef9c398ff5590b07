"""Parses the text of a table: quickly into columns, and slowly row by row where a message needs a position."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import pyarrow as pa
from pyarrow import csv as arrow_csv

from groundwork.data.archives import Archive, read_bytes
from groundwork.data.formats import FormatProblem, Text
from groundwork.data.formats import text as formatted
from groundwork.errors import UserError

MISSING = ("", "NA")
# Bytes that are parsed at once; a block must contain at least one row.
BLOCK, LARGEST_BLOCK = 1 << 23, 1 << 30


def text(archive: Archive, member: str) -> Text:
    """Return a file of `archive` as text; raise `UserError` if it is not in the format that its name says."""
    try:
        return formatted(read_bytes(archive, member), member, archive.charset)
    except FormatProblem as error:
        raise UserError(f"{archive}: {member}: {error}", archive.fix) from None


def parsed(
    text: Text, columns: Mapping[str, pa.DataType] | None, missing: Sequence[str] = MISSING
) -> tuple[pa.Table, Text]:
    """Parse the columns, or all with inferred types; return them with the way in which the file turned out quoted.

    Fields in `missing` are missing values.

    Raises
    ------
    pyarrow.ArrowInvalid
        If the rows have different numbers of fields, or a value is not of its column's type.
    """
    try:
        table = _arrow(text, columns, missing)
    except pa.ArrowInvalid:
        for other in text.otherwise_quoted():
            with suppress(pa.ArrowException):
                return _arrow(other, columns, missing), other
        raise
    if text.has_stray_quotes(len(table)):
        text = replace(text, quoted=False)
        table = _arrow(text, columns, missing)
    return table, text


def _arrow(text: Text, columns: Mapping[str, pa.DataType] | None, missing: Sequence[str]) -> pa.Table:
    try:
        return _blocks(text, columns, missing, BLOCK)
    except pa.ArrowInvalid:
        if columns is not None or len(text.content) < BLOCK:
            raise
        # Types are inferred from the first block alone: here from all rows, on one core.
        return _blocks(text, columns, missing, min(len(text.content) + 1, LARGEST_BLOCK))


def _blocks(text: Text, columns: Mapping[str, pa.DataType] | None, missing: Sequence[str], block: int) -> pa.Table:
    return arrow_csv.read_csv(
        pa.BufferReader(text.content),
        read_options=arrow_csv.ReadOptions(block_size=block),
        parse_options=arrow_csv.ParseOptions(
            delimiter=text.separator,
            quote_char='"' if text.quoted else False,
            escape_char="\\" if text.escaped else False,
            # Fields with line breaks rule out parallel parsing.
            newlines_in_values=text.quoted and b'"' in text.content,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict(columns or {}),
            include_columns=list(columns or ()),
            null_values=list(missing),
            strings_can_be_null=True,
        ),
    )


def rows(text: Text) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and fields of each row, the header first. Slow, but it knows its position."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(text.content), encoding="utf-8-sig", newline=""), **text.options)
    for fields in reader:
        if fields:
            yield reader.line_num, fields


def header(text: Text) -> list[str] | None:
    """Return the names of the columns; None if the file is empty. Raise `UnicodeDecodeError` or `csv.Error`."""
    return next((fields for _, fields in rows(text)), None)
