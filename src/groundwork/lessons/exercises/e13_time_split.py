"""An exercise on a split by time, checked by the training and validation rows of a small log."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch.arrays import Array


def time_split_blank(customer, day, days):
    # Two boolean arrays [rows]: the training rows, and those of the last `days` days.
    raise NotAttempted


def time_split_solution(customer, day, days):
    valid = day > day.max() - days
    return ~valid, valid


def time_split_random(customer, day, days):
    valid = np.random.default_rng(0).random(len(day)) < days / (day.max() - day.min() + 1)
    return ~valid, valid


def time_split_per_customer(customer, day, days):
    valid = np.zeros(len(day), bool)
    for buyer in np.unique(customer):
        rows = np.flatnonzero(customer == buyer)
        last = max(1, round(len(rows) * days / (day.max() - day.min() + 1)))
        valid[rows[np.argsort(day[rows], kind="stable")[-last:]]] = True
    return ~valid, valid


def time_split_shares_a_day(customer, day, days):
    start = day.max() - days + 1
    return day <= start, day >= start


def time_split_one_day_more(customer, day, days):
    valid = day >= day.max() - days
    return ~valid, valid


# Four customers over three weeks, in the order of the log; nobody shops on day 13, and customers 2 and 3 come
# late.
CUSTOMER = np.array([0, 1, 0, 1, 1, 0, 2, 1, 0, 2, 1, 2, 3, 3, 0, 2])
DAY = np.array([1, 2, 4, 6, 8, 10, 12, 14, 15, 15, 16, 18, 19, 19, 20, 21])
# The same rows as a file may hold them: not by day.
SHUFFLED = np.array([9, 3, 12, 0, 6, 13, 1, 15, 8, 4, 11, 2, 14, 7, 10, 5])
DAYS = 7


def examine(answer: Any) -> Finding | None:
    """Check for rows on both sides, rows on none, and training rows after the start of validation."""
    for customer, day in ((CUSTOMER, DAY), (CUSTOMER[SHUFFLED], DAY[SHUFFLED])):
        if finding := _look(answer, customer, day):
            return finding
    return None


def _look(answer: Any, customer: Array, day: Array) -> Finding | None:
    case = f"customer={customer.tolist()}, day={day.tolist()}, days={DAYS}"
    wanted = day > day.max() - DAYS
    expected = f"training on days {_days(day, ~wanted)}, validation on days {_days(day, wanted)}"
    found = answer(customer.copy(), day.copy(), DAYS)
    if not isinstance(found, tuple | list) or len(found) != 2:
        return Finding(case, found, expected, "return two things: `return train, valid`")
    train, valid = (_mask(side, len(day)) for side in found)
    if train is None or valid is None:
        return Finding(
            case,
            found,
            expected,
            f"each side is a boolean array with {len(day)} entries, True or False, one for each row",
        )
    yours = f"training on days {_days(day, train)}, validation on days {_days(day, valid)}"
    if not ((train == ~wanted).all() and (valid == wanted).all()):
        return Finding(case, yours, expected, _cause(customer, day, train, valid))
    return None


def _mask(side: Any, rows: int) -> Array | None:
    """Make a mask from a mask or from places of rows."""
    side = np.asarray(side)
    if side.shape == (rows,) and side.dtype == bool:
        return side
    if side.shape == (rows,):  # zeros and ones, or days: no places
        return None
    if side.ndim != 1 or side.dtype.kind not in "iu" or (side.size and not 0 <= side.min() <= side.max() < rows):
        return None
    return np.isin(np.arange(rows), side)


def _days(day: Array, side: Array) -> list[int]:
    return np.sort(day[side]).tolist()


def _cause(customer: Array, day: Array, train: Array, valid: Array) -> str:
    if not (train.any() and valid.any()):
        return "one side is empty"
    if (train & valid).any():
        return f"the boundary day {day[train & valid][0]} is in both: validation rows were used in training"
    if not (train | valid).all():
        return f"the purchases of day {day[~(train | valid)][0]} are on neither side"
    if day[train].min() >= day[valid].max():
        return "the sides are exchanged: the model learns from the past and is validated on what comes after"
    if not set(customer[train]) & set(customer[valid]):
        return "whole customers were held out: one date divides the log, for all customers alike"
    if day[train].max() == day[valid].min():
        return f"the purchases of day {day[train].max()} are divided between the sides: count days, not rows"
    if day[train].max() > day[valid].min():
        apart = all(
            day[train & (customer == buyer)].max(initial=-1) <= day[valid & (customer == buyer)].min(initial=99)
            for buyer in set(customer.tolist())
        )
        if apart:
            return (
                "within each customer validation is the later part, but the other customers' purchases of those days "
                "are trained on: one date for all separates past and future"
            )
        return "training rows lie after validation rows: a random split leaks the future, such as new fashions"
    length = int(day.max() - day[valid].min() + 1)
    counted = f"validation begins on day {day[valid].min()}, which makes {length} days, not {DAYS}"
    if length == DAYS + 1:
        return f"{counted}: count the last day too, and days on which nobody bought"
    return f"{counted}: count days of the calendar, not rows, and not only days on which somebody bought"


EXERCISE = Exercise(
    name="13.time_split",
    task="Split a log of purchases, `customer` and `day` (integer arrays [rows], in any order): return two boolean "
    "arrays [rows], `train` and `valid`, where valid are the purchases of the last `days` days of the log.",
    answer="time_split",
    blank=time_split_blank,
    solution=time_split_solution,
    wrong={
        time_split_random: "leaks the future",
        time_split_per_customer: "one date for all",
        time_split_shares_a_day: "in both",
        time_split_one_day_more: "8 days, not 7",
    },
    hints=(
        "What would the model know on the evening before the first validation day? That, and no more.",
        "One date divides the log, for all customers alike.",
        "The last 7 days of a log that ends on day 21 are 15 to 21: those greater than 21 - 7.",
    ),
    examine=examine,
)
