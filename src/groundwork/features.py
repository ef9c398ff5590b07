"""Row-wise helpers for a competition's `features` and `join`: numbers as text, dates, truth values, other tables.

Each row's result depends on that row alone, so the same value is read alike in train.csv and test.csv.
"""

from typing import Literal

import numpy as np
import pandas as pd

# Spellings of a missing value, in small letters.
UNKNOWN = ("", "?", "-", "--", "—", ".", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "unknown", "missing")
TRUE, FALSE = ("true", "t", "yes", "y", "on", "1", "1.0"), ("false", "f", "no", "n", "off", "0", "0.0")
MULTIPLES = {"k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9}
# A sign or an opening bracket, a currency, digits with marks, an exponent, a unit.
NUMBER = (
    r"^\s*(?P<sign>[-+−(]?)\s*(?:[A-Z]{0,3}[$€£¥₹₽]|US\$)?\s*(?P<sign2>[-+−]?)\s*"
    r"(?P<digits>[\d][\d.,'\u00a0\u202f ]*|[.,]\d+)(?P<exponent>e[-+]?\d+)?\s*(?P<unit>[^\d\s.,()][^\d()]*)?\)?\s*$"
)
PARTS = ("days", "year", "month", "day", "weekday", "month_sin", "month_cos", "weekday_sin", "weekday_cos")
CLOCK = ("hour", "hour_sin", "hour_cos")


def numbers(column: pd.Series, decimal: Literal[".", ","] = ".") -> pd.Series:
    """Convert numbers that are written as text, such as ``1,234.5``, ``40%``, ``$4``, ``(3)``, ``1.2k`` or ``12 km``.

    A percentage becomes the number that is written (40), brackets mean a negative number, a unit is dropped. Spellings
    of a missing value, and everything that is not one number, are missing.

    Parameters
    ----------
    column
        Text, or numbers, which are kept.
    decimal
        The mark before the decimal places; the other one separates thousands.

    Returns
    -------
    Series
        float64, with the column's index and name; finite or missing.
    """
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("float64")
    found = column.astype("str").str.extract(NUMBER)
    digits = found["digits"].str.replace(r"['\u00a0\u202f ]", "", regex=True)
    thousands = r"\." if decimal == "," else ","
    digits = digits.str.replace(thousands, "", regex=True).str.replace(",", ".")
    exponent = found["exponent"].fillna("")
    value = pd.to_numeric(digits + exponent, errors="coerce").astype("float64")
    negative = found["sign"].isin(["-", "−", "("]) | found["sign2"].isin(["-", "−"])
    unit = found["unit"].fillna("").str.strip().str.lower().map(MULTIPLES).fillna(1.0).astype("float64")
    result = value.where(~negative, -value) * unit
    result = result.where(np.isfinite(result))
    result.name = column.name
    return result


def dates(
    column: pd.Series, form: str = "ISO8601", *, unit: Literal["s", "ms"] | None = None, clock: bool = False
) -> pd.DataFrame:
    """Split dates into numbers that a network can read.

    Parameters
    ----------
    column
        Dates as text, or numbers since 1970-01-01 in `unit`.
    form
        The format of the text, as `pandas.to_datetime` takes it. It is never guessed: a guess would depend on the first
        row. What does not fit is missing.
    clock
        Whether to add the hour.

    Returns
    -------
    DataFrame
        float64 columns ``<name>_days`` (since 1970-01-01, with a fraction for the time of day), ``_year``, ``_month``
        (1 to 12), ``_day``, ``_weekday`` (0 for Monday), sine and cosine of month and weekday, so that December is near
        January; with `clock` also ``_hour``, its sine and cosine. Times with a zone are converted to UTC.
    """
    if unit is not None:
        moment = pd.to_datetime(pd.to_numeric(column, errors="coerce"), unit=unit, errors="coerce", utc=True)
    else:
        moment = pd.to_datetime(column.astype("str"), format=form, errors="coerce", utc=True)
    days = (moment - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    hour = (days - np.floor(days)) * 24
    at = moment.dt
    values: dict[str, pd.Series] = {
        "days": days,
        "year": at.year,
        "month": at.month,
        "day": at.day,
        "weekday": at.day_of_week,
        **_circle("month", at.month - 1, 12),
        **_circle("weekday", at.day_of_week, 7),
        "hour": hour,
        **_circle("hour", hour, 24),
    }
    kept = (*PARTS, *CLOCK) if clock else PARTS
    return pd.DataFrame({f"{column.name}_{part}": values[part].astype("float64") for part in kept})


def date_parts(name: str, *, clock: bool = False) -> tuple[str, ...]:
    """Return the names of the columns that `dates` makes of the column `name`."""
    return tuple(f"{name}_{part}" for part in ((*PARTS, *CLOCK) if clock else PARTS))


def _circle(name: str, number: pd.Series, period: int) -> dict[str, pd.Series]:
    angle = number * (2 * np.pi / period)
    return {f"{name}_sin": np.sin(angle), f"{name}_cos": np.cos(angle)}


def booleans(column: pd.Series) -> pd.Series:
    """Write truth values in one spelling, ``True`` or ``False``.

    Parameters
    ----------
    column
        True/False, yes/no, y/n, t/f, on/off, 1/0 or 1.0/0.0, in any letters, mixed or not; text, numbers or bool.

    Returns
    -------
    Series
        pandas' `str`; missing where the value is missing, and unchanged where it is none of these spellings.
    """
    written = column.astype("str")
    small = written.str.strip().str.lower()
    result = written.mask(small.isin(TRUE), "True").mask(small.isin(FALSE), "False")
    return result.where(column.notna())


def join_texts(*columns: pd.Series) -> pd.Series:
    """Join texts of several columns into one, with a line break between them; a missing text is left out.

    Returns
    -------
    Series
        pandas' `str`, never missing.
    """
    texts = [column.astype("str").where(column.notna(), "") for column in columns]
    joined = texts[0]
    for text in texts[1:]:
        joined = joined + "\n" + text
    return joined.str.strip("\n")


def looked_up(frame: pd.DataFrame, table: pd.DataFrame, key: str, prefix: str) -> pd.DataFrame:
    """Add the columns of `table` to each row of `frame` with the same `key`, as ``<prefix>_<column>``.

    Parameters
    ----------
    table
        One row for each key. Rows of `frame` whose key it lacks get missing values.

    Returns
    -------
    DataFrame
        The rows of `frame` in their order.

    Raises
    ------
    ValueError
        If a key is in several rows of `table`.
    """
    known = table.dropna(subset=[key]).set_index(key).add_prefix(f"{prefix}_")
    if not known.index.is_unique:
        twice = known.index[known.index.duplicated()][0]
        raise ValueError(f"{prefix}: {key} {twice!r} is in several rows; expected one row for each: use `summarized`")
    found = known.reindex(frame[key].to_numpy())
    return pd.concat([frame, found.set_axis(frame.index)], axis=1)


def summarized(frame: pd.DataFrame, table: pd.DataFrame, key: str, prefix: str) -> pd.DataFrame:
    """Add plain statistics of all rows of `table` with the same `key` to each row of `frame`.

    Returns
    -------
    DataFrame
        The rows of `frame` in their order, with ``<prefix>_rows`` (their number, 0 if there is none), for each column
        of numbers ``<prefix>_<column>_mean``, ``_min`` and ``_max``, and for each other column ``_kinds``, the number
        of different values.
    """
    groups = table.groupby(key)
    statistics = {f"{prefix}_rows": groups.size().astype("float64")}
    for column in table.columns.drop(key):
        if pd.api.types.is_numeric_dtype(table[column]):
            for name in ("mean", "min", "max"):
                statistics[f"{prefix}_{column}_{name}"] = groups[column].agg(name).astype("float64")
        else:
            statistics[f"{prefix}_{column}_kinds"] = groups[column].nunique().astype("float64")
    found = pd.DataFrame(statistics).reindex(frame[key].to_numpy()).set_axis(frame.index)
    found[f"{prefix}_rows"] = found[f"{prefix}_rows"].fillna(0.0)
    return pd.concat([frame, found], axis=1)
