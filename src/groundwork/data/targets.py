"""Brings in targets that an archive keeps in a table of their own."""

from collections.abc import Iterable, Mapping

import pandas as pd

from groundwork.data import tables
from groundwork.data.archives import Archive
from groundwork.errors import UserError


def with_targets(
    rows: pd.DataFrame, archive: Archive, member: str, key: str, types: Mapping[str, type], targets: Iterable[str]
) -> pd.DataFrame:
    """Return `rows`, each with its targets of the table `member`: by `key`, or in order if it has nothing but targets.

    Parameters
    ----------
    types
        The types of the key and the targets.

    Returns
    -------
    DataFrame
        The rows in their order, with a column for each target.

    Raises
    ------
    UserError
        If a key is missing or in several rows of either table, a row has no target, or, without a key, the tables have
        different numbers of rows.
    """
    targets = list(targets)
    if {*tables.header(archive, member)} <= {*targets}:
        return _in_order(rows, tables.read(archive, member, {name: types[name] for name in targets}), archive, member)
    table = tables.read(archive, member, {name: types[name] for name in (key, *targets)}, key=key, partial=True)
    if key not in rows:
        raise UserError(
            f"{archive}: found no column {key!r} in the training rows; expected it, since their targets are in "
            f"{member} by this id",
            f"correct `id` or `train_targets` in the competition's file, or {archive.fix}",
        )
    problems = ((rows[key].duplicated(), "is in several training rows"), (~rows[key].isin(table[key]), "is not there"))
    for wrong, description in problems:
        if wrong.any():
            raise UserError(
                f"{archive}: {member}: found targets by {key}, of which {rows[key][wrong].iloc[0]} {description}; "
                f"expected one row for each training row; {int(wrong.sum()):,} such rows",
                f"keep one training row for each row of {member}, or {archive.fix}",
            )
    found = table.set_index(key).reindex(rows[key].to_numpy())
    return pd.concat([rows, found.set_axis(rows.index)], axis=1)


def _in_order(rows: pd.DataFrame, table: pd.DataFrame, archive: Archive, member: str) -> pd.DataFrame:
    if len(table) != len(rows):
        raise UserError(
            f"{archive}: {member}: found {len(table):,} targets and no id; expected one for each of the {len(rows):,} "
            "training rows, in their order",
            f"add a column with the id to {member}, or {archive.fix}",
        )
    return pd.concat([rows, table.set_axis(rows.index)], axis=1)
