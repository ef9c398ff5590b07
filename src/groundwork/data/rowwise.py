"""Applies a competition's own functions to its tables, and checks that every row is still where it was.

A function that merges, sorts or drops rows may return as many rows as it got, in another order: targets would then be
set beside other rows' features, and scores fall without a message.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from groundwork.errors import UserError

TRIED = 2000  # rows, at most half of all, on which the order of rows and the rows themselves are varied

Function = Callable[[pd.DataFrame], pd.DataFrame]


def applied(function: Function, name: str, frame: pd.DataFrame, key: str, groups: bool, file: str) -> pd.DataFrame:
    """Return ``function(frame)`` if its rows are those of `frame`, in their order.

    Parameters
    ----------
    function
        The competition's `features` or `join`.
    name
        Its name, for messages.
    frame
        A table with a RangeIndex.
    key
        The id column of `frame`.
    groups
        Whether the competition declares group keys: then a row's result may depend on other rows.
    file
        The competition's file, for messages.

    Raises
    ------
    UserError
        If the function raises an exception, returns no table, or moves, drops, adds or mixes rows.
    """
    result = _called(function, name, frame, file)
    _check_rows(result, frame, key, name, file)
    some = frame.iloc[: min(TRIED, (len(frame) + 1) // 2)].reset_index(drop=True)
    small = _called(function, name, some, file)
    _check_rows(small, some, key, name, file)
    turned = _called(function, name, some.iloc[::-1].reset_index(drop=True), file)
    for column in small.columns:
        if len(turned) == len(small) and column in turned and not _equal(turned[column].iloc[::-1], small[column]):
            raise UserError(
                f"{file}: {name}: column {column!r} depends on the order of the rows; expected the result of a row to "
                "move with the row",
                "merge with how='left', and do not sort or number rows; then run the command again",
            )
        if not groups and column in result and not _equal(result[column].iloc[: len(some)], small[column]):
            raise UserError(
                f"{file}: {name}: column {column!r} depends on other rows: it differs if fewer rows are passed; "
                "expected the result of a row to depend on that row alone, or on declared group keys",
                "compute it from the row alone, declare the key in `inputs.group`, or leave it to the encoder",
            )
    return result


def _called(function: Function, name: str, frame: pd.DataFrame, file: str) -> pd.DataFrame:
    try:
        result = function(frame.copy())
    except Exception as error:
        # Users write this function, so every error in it is theirs to fix.
        raise UserError(
            f"{file}: {name}: {type(error).__name__}: {error}", f"fix `{name}`, then run the command again"
        ) from error
    if not isinstance(result, pd.DataFrame):
        raise UserError(
            f"{file}: {name}: returned {type(result).__name__}; expected a DataFrame",
            f"return the table from `{name}`, then run the command again",
        )
    return result


def _check_rows(result: pd.DataFrame, frame: pd.DataFrame, key: str, name: str, file: str) -> None:
    if len(result) < len(frame):
        raise UserError(
            f"{file}: {name}: returned {len(result)} rows of {len(frame)}; expected every row: a merge drops rows "
            "whose key the other table lacks",
            "merge with how='left', and do not filter rows; then run the command again",
        )
    if len(result) > len(frame):
        raise UserError(
            f"{file}: {name}: returned {len(result)} rows for {len(frame)}; expected as many: a merge repeats rows "
            "whose key the other table has more than once",
            "make the keys of the other table unique, as by drop_duplicates or groupby; then run the command again",
        )
    moved = not result.index.equals(frame.index)
    if key in result:
        moved |= not _equal(result[key], frame[key])
    if moved:
        raise UserError(
            f"{file}: {name}: moved rows: found their ids or their index in another order; expected the order that "
            "it got",
            "merge with how='left' and on=…, and do not sort or set the index; then run the command again",
        )


def _equal(first: pd.Series, second: pd.Series) -> bool:
    a, b = first.reset_index(drop=True), second.reset_index(drop=True)
    if pd.api.types.is_float_dtype(a) and pd.api.types.is_float_dtype(b):
        # Sums over groups may be added up in another order.
        return np.allclose(a.to_numpy(float), b.to_numpy(float), rtol=1e-9, atol=0, equal_nan=True)
    return a.equals(b) or a.astype(str).equals(b.astype(str))
