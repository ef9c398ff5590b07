"""Reads a log of purchases block by block from a competition's archive, checks it, and encodes it as numbers."""

import csv
import datetime
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from groundwork.competitions import Purchases
from groundwork.data import archives
from groundwork.errors import UserError, meant

BLOCK = 1 << 26  # bytes of text per block
# The day after the log must fit into an int16, too.
MOST_DAYS = int(np.iinfo(np.int16).max)
Numbers = NDArray[np.int32]


def read(
    competition: Purchases, archive: archives.Archive, customers: pd.Series, articles: pd.Series
) -> tuple[pa.Table, datetime.date]:
    """Read customers, articles and days of a log of purchases.

    The text is never in memory as a whole: each block stores its columns dictionary-encoded. The dictionaries are
    merged at the end, and only their values are looked up.

    Parameters
    ----------
    customers, articles
        Their unique ids; the row number of an id is its code.

    Returns
    -------
    log
        ``customer`` and ``article`` (int32 codes) and ``day`` (int16, days since day 0), sorted by customer and day.
        A customer's purchases of one day keep the order of the file.
    first
        The date of day 0.

    Raises
    ------
    UserError
        If a column is missing, there are no rows, or a row has an invalid date or an unknown customer or article.
    """
    where = f"{archive}: {competition.transactions}"
    log = _coded(competition, archive, where)

    def codes(name: str, look_up: Callable[[pa.Array], Numbers], expected: str) -> Numbers:
        values = log[name].chunk(0)
        numbers = look_up(values.dictionary)[values.indices.to_numpy()]
        unknown = numbers < 0
        if unknown.any():
            row = int(unknown.argmax())
            raise UserError(
                f"{where}: row {row + 1}: column {name!r}: found {values[row].as_py()!r}, expected {expected}; "
                f"{int(unknown.sum())} such rows",
                archive.fix,
            )
        return numbers

    date = codes(competition.date, _ordinals, "a date as in 2020-09-22")
    first, last = (datetime.date.fromordinal(int(end)) for end in (date.min(), date.max()))
    if (last - first).days >= MOST_DAYS:
        raise UserError(
            f"{where}: column {competition.date!r}: found dates from {first} to {last}, expected at most "
            f"{MOST_DAYS} days",
            archive.fix,
        )
    customer = codes(competition.id, lambda ids: places(ids, customers), f"a customer of {competition.customers}")
    article = codes(competition.article, lambda ids: places(ids, articles), f"an article of {competition.articles}")
    day = (date - date.min()).astype(np.int16)
    # A single sort key needs less memory than a sort by two columns.
    order = np.argsort(customer * np.int64(MOST_DAYS + 1) + day, kind="stable")
    return pa.table({"customer": customer[order], "article": article[order], "day": day[order]}), first


def places(ids: pa.Array, known: pd.Series) -> Numbers:
    """Return the row number in `known` of each id; -1 if it is not there."""
    rows = pc.index_in(ids, value_set=pa.array(known, type=pa.string()))
    return pc.fill_null(rows, -1).to_numpy()


def header(archive: archives.Archive, member: str) -> list[str]:
    """Return the names of a table's columns."""
    with archives.open_member(archive, member) as stream:
        line = stream.readline()
    if not line.strip():
        raise UserError(f"{archive}: {member}: the file is empty; expected a header and rows", archive.fix)
    try:
        text = line.decode("utf-8-sig" if archive.charset == "utf-8" else archive.charset)
    except UnicodeDecodeError as error:
        raise UserError(f"{archive}: {member}: line 1: {_not_text(error)}", archive.fix) from None
    return next(csv.reader([text]))


def _coded(competition: Purchases, archive: archives.Archive, where: str) -> pa.Table:
    """Read the three columns, dictionary-encoded."""
    columns = (competition.date, competition.id, competition.article)
    names = header(archive, competition.transactions)
    for name in columns:
        if name not in names:
            hint = meant(name, names) or f"; found {', '.join(names)}"
            raise UserError(f"{where}: line 1: no column {name!r}{hint}", archive.fix)
        if names.count(name) > 1:
            raise UserError(f"{where}: line 1: found column {name!r} more than once", archive.fix)
    try:
        with archives.open_member(archive, competition.transactions) as stream:
            reader = arrow_csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=arrow_csv.ReadOptions(block_size=BLOCK, encoding=archive.charset),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=columns, column_types=dict.fromkeys(columns, pa.dictionary(pa.int32(), pa.string()))
                ),
            )
            log = pa.Table.from_batches(reader, reader.schema)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        problem = _first_broken_line(archive, competition.transactions, len(names)) or str(error).splitlines()[0]
        raise UserError(f"{where}: {problem}", archive.fix) from None
    if not len(log):
        raise UserError(f"{where}: found a header and no rows", archive.fix)
    return log.unify_dictionaries().combine_chunks()


def _first_broken_line(archive: archives.Archive, member: str, fields: int) -> str | None:
    """Search an unreadable table for its first invalid line; slow."""
    with archives.open_member(archive, member) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                row = next(csv.reader([line.decode(archive.charset)]), [])
            except UnicodeDecodeError as error:
                return f"line {number}: {_not_text(error)}"
            if row and len(row) != fields:
                return f"line {number}: found {len(row)} fields, expected {fields} as in the header"
    return None


def _not_text(error: UnicodeDecodeError) -> str:
    return f"found byte 0x{error.object[error.start]:02x}, expected text in {error.encoding.upper()}"


def _ordinals(dates: pa.Array) -> Numbers:
    """Convert dates to ordinals as `datetime.date.toordinal` does; -1 for invalid dates."""
    parsed = pd.to_datetime(dates.to_pandas(), format="%Y-%m-%d", errors="coerce").to_numpy()
    days = parsed.astype("datetime64[D]").astype(np.int64) + datetime.date(1970, 1, 1).toordinal()
    return np.where(np.isnat(parsed), -1, days).astype(np.int32)
