"""Finds further tables that share a key with the rows, and proposes how they are joined."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from groundwork.adding.columns import ID_NAME
from groundwork.adding.files import Found
from groundwork.data import archives, tables
from groundwork.data.packing import plain
from groundwork.errors import UserError
from groundwork.features import looked_up, summarized

LARGEST = 300_000_000  # bytes; larger tables are a task for a person
KNOWN = 0.5  # share of rows, of test rows too, whose key must be in the other table: what only train has is no feature
FEW, MANY = 3, 20  # rows for each key, and keys, from which a column of another name than an id's is a key


@dataclass(frozen=True)
class Relation:
    """A further table and how it is joined.

    Attributes
    ----------
    file
        Its name in the archive.
    key
        The column that it shares with the rows.
    single
        Whether it has one row for each key, so that its columns are looked up; else they are summarized.
    types
        The types of its columns.
    reason
        What was found.
    """

    file: str
    key: str
    single: bool
    types: dict[str, type]
    reason: str

    @property
    def prefix(self) -> str:
        """Return what precedes the names of its columns."""
        return re.sub(r"\W+", "_", PurePosixPath(plain(self.file)).stem).strip("_").lower()

    @property
    def helper(self) -> str:
        """Return the function of `groundwork.features` that joins it."""
        return "looked_up" if self.single else "summarized"


def find(found: Found, left_out: Sequence[str]) -> tuple[list[tuple[Relation, pd.DataFrame]], dict[str, str]]:
    """Compare each further table with the rows.

    Parameters
    ----------
    left_out
        Columns that are no keys: the targets.

    Returns
    -------
    list, dict
        The tables that can be joined, read; and for each other one why it is not read.
    """
    related, unread = [], {}
    for file in found.files.others:
        try:
            relation = _relation(found, file, left_out)
        except UserError as error:
            relation = error.problem.partition(f"{file}: ")[2] or "cannot be read"
        if isinstance(relation, str):
            unread[file] = relation
        else:
            related.append(relation)
    return related, unread


def joined(frame: pd.DataFrame, related: Sequence[tuple[Relation, pd.DataFrame]]) -> pd.DataFrame:
    """Join all tables as the written file will do."""
    for relation, table in related:
        function = looked_up if relation.single else summarized
        frame = function(frame, table, relation.key, relation.prefix)
    return frame


def _relation(found: Found, file: str, left_out: Sequence[str]) -> tuple[Relation, pd.DataFrame] | str:
    if (size := archives.size(found.archive, file)) > LARGEST:
        return f"{size / 1e6:,.0f} MB: too large to be joined unseen"
    header = tables.header(found.archive, file)
    if any(name in header for name in left_out):
        return "it holds a target"
    shared = [name for name in header if name in found.train and name in found.test and len(header) > 1]
    if not shared:
        return "no column of its name is in the rows"
    types = tables.types(found.archive, [file])
    types |= {name: found.types[name] for name in shared if str in (types[name], found.types[name])}
    table = tables.read(found.archive, file, types)
    keys = sorted(_keys(found, table, shared), reverse=True)
    if not keys:
        return "no shared column is a key"
    single, share, _, key = keys[0]
    counted = "one row" if single else f"{len(table) / table[key].nunique():.1f} rows"
    return Relation(file, key, single, types, f"{counted} for each {key}; {share:.0%} of the rows have one"), table


def _keys(found: Found, table: pd.DataFrame, shared: Sequence[str]) -> Iterator[tuple[bool, float, bool, str]]:
    """Yield whether a column is unique in `table`, its share among the rows, whether it is called an id, its name."""
    for name in shared:
        if pd.api.types.is_float_dtype(table[name]) or pd.api.types.is_float_dtype(found.train[name]):
            continue
        rows = pd.concat([found.train[name], found.test[name]])
        keys = table[name].dropna()
        known, called = rows.isin(keys.unique()), bool(ID_NAME.search(name))
        share, asked = float(known.mean()), float(known[-len(found.test) :].mean())
        single = bool(keys.is_unique)
        plausible = single or called or len(keys) / max(keys.nunique(), 1) <= FEW or keys.nunique() >= MANY
        if min(share, asked) >= KNOWN and plausible:
            yield single, share, called, name
