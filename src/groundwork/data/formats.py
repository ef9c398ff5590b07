"""Turns a table of any accepted format into UTF-8 text with a known separator.

A table in parquet or JSON is written as CSV first, so that one reader checks all tables and its messages name lines and
columns in the same way.
"""

import codecs
import csv
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import compute, parquet

from groundwork.data.archives import ALWAYS_ALLOWED, LARGEST_RATIO
from groundwork.data.packing import plain

# In this order where a header has as many of two of them.
SEPARATORS = (",", ";", "\t", "|", "^", "~", "\x01", ":", " ")
NATURAL = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
# Lines and bytes from which the separator is guessed.
LOOKED_AT, BEGINNING = 50, 1 << 18
MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
# The reader of rows below refuses longer fields otherwise.
csv.field_size_limit(1 << 30)


class FormatProblem(ValueError):
    """Why a file is not a table of its format."""


@dataclass(frozen=True)
class Text:
    """A table as text.

    Attributes
    ----------
    content
        UTF-8, perhaps with a byte order mark.
    separator
        One character between fields.
    quoted
        Whether fields may be in double quotes.
    escaped
        Whether a backslash precedes a quote inside of a quoted field, in place of a second quote.
    is_plain
        Whether `content` is what the file holds: it was not converted from another encoding or format.
    """

    content: bytes
    separator: str = ","
    quoted: bool = True
    escaped: bool = False
    is_plain: bool = True

    @property
    def options(self) -> dict[str, Any]:
        """Return the arguments of `csv.reader`."""
        return {
            "delimiter": self.separator,
            "quoting": csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            "escapechar": "\\" if self.escaped else None,
        }

    def otherwise_quoted(self) -> Iterator["Text"]:
        """Yield the other ways in which the same file may be quoted."""
        if b'\\"' in self.content:
            yield replace(self, escaped=True)
        if b'"' in self.content:
            yield replace(self, quoted=False)

    def has_stray_quotes(self, rows: int) -> bool:
        """Return whether quotes have joined lines that are rows by themselves: all have the header's fields.

        Parameters
        ----------
        rows
            Number of rows, without the header, that were read with quotes.
        """
        if self.separator not in "\t|\x01" or b'"' not in self.content:
            return False
        lines = [line for line in self.content.splitlines() if line]
        if len(lines) <= rows + 1:
            return False
        separator = self.separator.encode()
        fields = lines[0].count(separator)
        return all(line.count(separator) == fields for line in lines)


def text(content: bytes, name: str, charset: str = "utf-8") -> Text:
    """Return the table in the file `name` as text.

    Raises
    ------
    FormatProblem
        If a file in parquet or JSON is not one, or holds more than the memory should.
    """
    suffix = PurePosixPath(plain(name)).suffix.lower()
    if suffix in OTHERS:
        return Text(OTHERS[suffix](content), is_plain=False)
    utf8 = decoded(content, charset)
    own = utf8 is content and not content.startswith(codecs.BOM_UTF8)
    return Text(utf8, separator(utf8, NATURAL.get(suffix)), is_plain=own)


def decoded(content: bytes, charset: str = "utf-8") -> bytes:
    """Return `content` in UTF-8, if it is in UTF-16 or UTF-32 with a mark, or else in `charset`."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace").encode()
    if charset != "utf-8" and not is_utf8(content):
        return content.decode(charset).encode()
    return content


def is_utf8(content: bytes) -> bool:
    """Return whether `content` is text in UTF-8. One archive may contain tables in both encodings."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def separator(content: bytes, natural: str | None = None) -> str:
    """Guess the separator: the one that divides the first lines into equally many fields, as many as possible.

    Parameters
    ----------
    natural
        The separator that the file's name promises; it is taken if it divides the lines.
    """
    beginning = content[:BEGINNING].decode("utf-8-sig", errors="replace")
    if len(content) > BEGINNING:
        beginning = beginning[: beginning.rfind("\n") + 1] or beginning
    widths = {mark: _widths(beginning, mark) for mark in SEPARATORS if mark in beginning}
    even = {mark: fields[0] for mark, fields in widths.items() if fields and fields[0] > 1 and len({*fields}) == 1}
    if natural in even:
        return str(natural)
    if even:
        # A space or a colon also divides prose and times of day: only if nothing else divides the lines.
        weak = [mark for mark in even if mark in ": "]
        strong = {mark: fields for mark, fields in even.items() if mark not in weak} or even
        return max(strong, key=lambda mark: strong[mark])
    ragged = {mark: fields[0] for mark, fields in widths.items() if fields and fields[0] > 1 and mark not in ": "}
    if natural in ragged:
        return str(natural)
    return max(ragged, key=lambda mark: ragged[mark]) if ragged else natural or ","


def _widths(beginning: str, mark: str) -> list[int]:
    """Return the numbers of fields of the first rows."""
    reader = csv.reader(io.StringIO(beginning, newline=""), delimiter=mark)
    widths: list[int] = []
    with suppress(csv.Error):
        widths.extend(len(row) for row in itertools.islice((row for row in reader if row), LOOKED_AT))
    # The last row may be cut off in a quoted field.
    return widths[:-1] if len(widths) > 2 else widths


def _parquet(content: bytes) -> bytes:
    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        meta = file.metadata
        size = max(
            sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups)),
            meta.num_rows * meta.num_columns,
        )
        if size > max(ALWAYS_ALLOWED, LARGEST_RATIO * len(content)):
            raise FormatProblem(f"{size / 1e6:,.0f} MB come out of {len(content) / 1e6:,.2f} MB: refused")
        table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, FormatProblem):
            raise
        raise FormatProblem(f"is not a whole parquet file ({str(error).splitlines()[0]})") from None
    # The index that pandas adds is no column of the table.
    table = table.select([name for name in table.column_names if not name.startswith("__index_level_")])
    rows = zip(*(_written(column) for column in table.columns), strict=True) if table.column_names else ()
    return _csv(table.column_names, rows)


def _written(column: pa.ChunkedArray) -> list[str]:
    """Write the values of a column as they would stand in a CSV file."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_timestamp(kind):
        column = compute.replace_substring_regex(column.cast(pa.string()), r"(\.0+)Z?$", "")
        midnight = compute.all(compute.ends_with(column, " 00:00:00")).as_py()
        column = compute.utf8_slice_codeunits(column, 0, 10) if midnight else column
    return [_field(value) for value in column.to_pylist()]


def _json(content: bytes) -> bytes:
    """Convert an array of records, or one record a line."""
    try:
        whole = decoded(content).decode("utf-8-sig")
        if whole.lstrip().startswith("["):
            records = json.loads(whole)
        else:
            records = [json.loads(line) for line in whole.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise FormatProblem(f"is not JSON, one record a line or a list of records ({error})") from None
    if not all(isinstance(record, dict) for record in records):
        raise FormatProblem("found values without names; expected records, one a line or a list of them")
    names = list(dict.fromkeys(name for record in records for name in record))
    return _csv(names, ([_field(record.get(name)) for name in names] for record in records))


def _field(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, (list, dict, tuple)):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _csv(names: list[str], rows: Iterable[Iterable[str]]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return buffer.getvalue().encode()


OTHERS: dict[str, Callable[[bytes], bytes]] = {
    ".parquet": _parquet,
    ".json": _json,
    ".jsonl": _json,
    ".ndjson": _json,
}
