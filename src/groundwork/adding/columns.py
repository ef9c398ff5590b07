"""Finds out what each column of a table is: a number, a category, a date, a text, an id, a picture's file."""

import json
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from groundwork.adding.seen import Seen
from groundwork.features import FALSE, MULTIPLES, NUMBER, TRUE, UNKNOWN, numbers

# The roles of columns that a network reads; columns of other roles are left out.
READ = ("number", "category", "many categories", "truth value", "number as text", "date", "date and time", "seconds",
        "text")  # fmt: skip
ID_NAME = re.compile(
    r"(?:^|[_ .-])(?:id|ids|key|uid|uuid|guid|index)$|[a-z](Id|ID)$|^(unnamed.*|)$|^(row|rec|record)[_ ]?(id|no|num)",
    re.IGNORECASE,
)
TIME_NAME = re.compile(
    r"(?:^|[_ .-]|(?<=[a-z])(?=[A-Z]))(?i:date|time|year|yr|month|week|day|hour|period|epoch|stamp|when|dt\b|ts\b)"
    r"|(?i:(?<!candi)(?<!man)(?<!up)date|timestamp|year|month)$"
)
FILES = {
    "picture": re.compile(r"\.(?:jpe?g|png|gif|bmp|webp|tiff?|dcm)$", re.IGNORECASE),
    "sound or film": re.compile(r"\.(?:wav|mp3|ogg|flac|mp4|avi|mov)$", re.IGNORECASE),
}
NOT_A_NUMBER = re.compile(r"^[+-]?0\d|\d{19}")
DATE_FORMATS = (
    "ISO8601", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%m/%d/%y", "%d/%m/%y",
    "%d-%b-%Y", "%d-%b-%y", "%b-%Y", "%b-%y", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%Y/%m/%d %H:%M:%S",
    "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M",
    "%m/%d/%y %H:%M",
    "%Y-%m-%d %H:%M:%S %Z", "%a %b %d %H:%M:%S %Y", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p",
)  # fmt: skip
FEW = 30  # labels; a column with more is also encoded by the mean target of each
LONG_TEXT, LONG_WORDS = 80, 6  # characters, words


@dataclass(frozen=True)
class Column:
    """What was found out about a column.

    Attributes
    ----------
    name, role, reason
        Its name, what it is, and why.
    option
        What reads it: the format of a date, the decimal mark of a number as text.
    """

    name: str
    role: str
    reason: str
    option: str = ""

    @property
    def is_read(self) -> bool:
        """Return whether a network reads it."""
        return self.role in READ


def describe(
    train: pd.DataFrame, test: pd.DataFrame, left_out: Sequence[str], keys: Sequence[str] = ()
) -> list[Column]:
    """Describe each column of `train` and `test` except those in `left_out` (the targets).

    Parameters
    ----------
    keys
        Columns that name something in another table.
    """
    names = [str(name) for name in train if name in test and name not in left_out]
    found = [_column(Seen(name, train[name], test[name], is_key=name in keys)) for name in names]
    twins = _duplicates(train, test, [column.name for column in found if column.is_read])
    found = [
        Column(column.name, "duplicate", f"the same as {twins[column.name]} in every row")
        if column.name in twins
        else column
        for column in found
    ]
    for name in map(str, dict.fromkeys((*train, *test))):
        if name not in left_out and (name in train) != (name in test):
            place = "the training rows" if name in train else "the test rows"
            found.append(Column(name, "one-sided", f"only {place} have it"))
    return found


def moment(name: str, train: pd.Series, test: pd.Series) -> Column | None:
    """Return the description of the id if it is a date, as where each row is an hour; None otherwise."""
    seen = Seen(name, train, test)
    return (_date if seen.is_text else _day_number)(seen)


def _column(seen: Seen) -> Column:
    for role in _texts if seen.is_text else _numbers:
        if (column := role(seen)) is not None:
            return column
    return Column(seen.name, "number", f"{seen.distinct:,} different numbers")


def _duplicates(train: pd.DataFrame, test: pd.DataFrame, names: Sequence[str]) -> dict[str, str]:
    """Return the columns that equal an earlier one in every row, with that one."""
    known: dict[tuple[int, ...], list[str]] = {}
    twins = {}
    for name in names:
        key = tuple(int(pd.util.hash_array(frame[name].to_numpy()).sum()) for frame in (train, test))
        for other in known.setdefault(key, []):
            if train[name].equals(train[other].rename(name)) and test[name].equals(test[other].rename(name)):
                twins[name] = other
                break
        else:
            known[key].append(name)
    return twins


# --- what any column may be ------------------------------------------------------------------------------------------


def _empty(seen: Seen) -> Column | None:
    if seen.distinct == 0:
        return Column(seen.name, "constant", "no row has a value")
    if seen.distinct == 1 and len(seen.filled) == len(seen.both):
        return Column(seen.name, "constant", f"every row has {_short(str(seen.filled.iloc[0]))}")
    return None


# --- numbers ---------------------------------------------------------------------------------------------------------


def _row_number(seen: Seen) -> Column | None:
    if not seen.is_whole or seen.train.nunique() < len(seen.train):
        return None
    steps = np.diff(seen.train.to_numpy())
    counting = len(steps) > 1 and bool((steps == 1).all())
    if counting or (ID_NAME.search(seen.name) and seen.distinct == len(seen.both)):
        return Column(seen.name, "id-like", "another whole number in each row" + (", counted up" if counting else ""))
    return None


def _day_number(seen: Seen) -> Column | None:
    """Find dates such as 20240131 and seconds since 1970."""
    if not seen.is_whole or not TIME_NAME.search(seen.name):
        return None
    low, high = seen.filled.min(), seen.filled.max()
    if low >= 19000101 and high <= 21001231 and _parse(seen.examples, "%Y%m%d") == 1:
        return Column(seen.name, "date", f"days such as {low}", "%Y%m%d")
    if low >= 3e8 and high <= 4e9:
        return Column(seen.name, "seconds", f"seconds since 1970, such as {low}")
    return None


def _key(seen: Seen) -> Column | None:
    if not seen.is_whole or not (seen.is_key or ID_NAME.search(seen.name)) or seen.distinct <= 2:
        return None
    if seen.unseen > 0.5 or seen.per_value < 1.5:
        return Column(seen.name, "id-like", _few_share(seen))
    return Column(seen.name, *_labels(seen))


# --- text ------------------------------------------------------------------------------------------------------------


def _file(seen: Seen) -> Column | None:
    for kind, pattern in FILES.items():
        if seen.examples.str.contains(pattern).mean() > 0.9:
            return Column(seen.name, f"{kind} file", f"names of files such as {seen.examples[0]}; not read yet")
    return None


def _list(seen: Seen) -> Column | None:
    opened = seen.examples.str.match(r"^\s*[\[{].*[\]}]\s*$", flags=re.DOTALL)
    if opened.mean() > 0.9:
        try:
            json.loads(seen.examples[0])
            kind = "JSON"
        except ValueError:
            kind = "list"
        return Column(seen.name, kind, f"values such as {_short(seen.examples[0])}: make features of it yourself")
    return None


def _truth(seen: Seen) -> Column | None:
    if seen.distinct > 8:
        return None
    spelled = {str(value).strip().lower() for value in seen.filled.unique()}
    if spelled <= {*TRUE, *FALSE} and spelled & {*TRUE} and spelled & {*FALSE}:
        ways = ", ".join(sorted(map(str, seen.filled.unique())))
        return Column(seen.name, "truth value", f"spelled {ways}", "mixed" if seen.distinct > 2 else "")
    return None


def _number_as_text(seen: Seen) -> Column | None:
    values = seen.examples[~seen.examples.str.strip().str.lower().isin(UNKNOWN)]
    if len(values) < 3 or values.str.contains(NOT_A_NUMBER).any():
        return None
    parsed = numbers(values)
    if parsed.notna().mean() < 0.98 or not _one_unit(values):
        return None
    decimal = "," if _has_decimal_comma(values) else "."
    unknown = sorted({*seen.examples} - {*values})
    more = f"; {', '.join(map(repr, unknown[:3]))} means missing" if unknown else ""
    return Column(seen.name, "number as text", f"such as {_short(values.iloc[0])}{more}", decimal)


def _one_unit(values: pd.Series) -> bool:
    """Return whether all numbers have the same unit, or none: a letter right behind a number may be a code."""
    units = values.str.extract(NUMBER)["unit"].fillna("").str.strip().str.lower()
    found = {*units} - {""}
    if not found or found == {"%"}:
        return True
    if found <= MULTIPLES.keys():
        return bool(values.str.contains(r"[.$€£¥₹]|,\d{3}").any())
    (unit, *others) = found
    spaced = values.str.contains(r"\d\s+[^\d\s]")
    return not others and (len(unit) > 2 or bool(spaced.any()))


def _has_decimal_comma(values: pd.Series) -> bool:
    comma = values.str.contains(r"^[^,]*,(?:\d{1,2}|\d{4,})\D*$|\.\d{3},")
    return bool(comma.any()) and not values.str.contains(r",\d{3}\.|^\D*\d+\.(?:\d{1,2}|\d{4,})\D*$").any()


def _date(seen: Seen) -> Column | None:
    if seen.examples.str.len().median() < 5 or not seen.examples.str.contains(r"\d").mean() > 0.9:
        return None
    if not seen.examples.str.contains(r"\d[-/. :T]|[A-Za-z]{3}[- ]\d").mean() > 0.9:
        return None
    for form in DATE_FORMATS:
        if _parse(seen.examples, form) >= 0.99:
            role = "date and time" if _has_clock(seen.examples) else "date"
            return Column(seen.name, role, f"such as {seen.examples[0]}", form)
    return None


def _has_clock(values: pd.Series) -> bool:
    clocks = values.str.extract(r"(\d{1,2}:\d\d)")[0].dropna()
    return len(clocks) > len(values) / 2 and clocks.nunique() > 1


def _parse(values: pd.Series, form: str) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return float(pd.to_datetime(values, format=form, errors="coerce", utc=True).notna().mean())
        except (ValueError, TypeError):
            return 0.0


def _text(seen: Seen) -> Column | None:
    words, length = seen.examples.str.count(r"\S+").mean(), seen.examples.str.len().mean()
    share = seen.distinct / max(len(seen.filled), 1)
    if (words >= LONG_WORDS and share > 0.3) or (length >= LONG_TEXT and words >= 3):
        return Column(seen.name, "text", f"{words:.0f} words on average")
    if share > 0.5 and words >= 1.5:
        return Column(seen.name, "short text", f"{words:.1f} words on average, different in most rows")
    return None


def _category(seen: Seen) -> Column | None:
    if seen.distinct <= FEW and seen.unseen <= 0.5:
        return Column(seen.name, *_labels(seen))
    if seen.per_value < 1.5 or seen.unseen > 0.5:
        words = seen.examples.str.count(r"\S+").mean()
        return Column(seen.name, "short text" if words >= 1.5 else "id-like", _few_share(seen))
    return Column(seen.name, *_labels(seen))


def _labels(seen: Seen) -> tuple[str, str]:
    unseen = f"; {seen.unseen:.0%} of the test rows have one that no training row has" if seen.unseen >= 0.005 else ""
    return "category" if seen.distinct <= FEW else "many categories", f"{seen.distinct:,} values{unseen}"


def _few_share(seen: Seen) -> str:
    if seen.unseen > 0.5:
        return f"{seen.unseen:.0%} of the test rows have a value that no training row has"
    return f"{seen.distinct:,} values in {len(seen.filled):,} rows"


def _short(value: str) -> str:
    return repr(value if len(value) <= 30 else f"{value[:30]}…")


_numbers: tuple[Callable[[Seen], Column | None], ...] = (_empty, _day_number, _row_number, _key)
_texts: tuple[Callable[[Seen], Column | None], ...] = (
    _empty, _file, _list, _truth, _number_as_text, _date, _text, _category,
)  # fmt: skip
