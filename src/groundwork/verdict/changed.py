"""How many rows changed sides between two predictors."""

from dataclasses import dataclass

import numpy as np

from groundwork.objectives.metrics_labels import plain
from groundwork.objectives.ranking import Array
from groundwork.verdict.resampled import mean_over
from groundwork.verdict.rows import Rows


@dataclass(frozen=True)
class Changed:
    """Rows, queries or customers that `a` and `b` do not answer alike.

    Attributes
    ----------
    gained, lost
        Those that only `a` answers right, and those that only `b` does; for numbers and rankings, those that `a`, or
        `b`, predicts closer or ranks higher.
    otherwise
        Those that both answer wrong, in different ways.
    right
        Whether answers are right or wrong, not closer or farther.
    """

    gained: int
    lost: int
    otherwise: int
    right: bool


def changed(rows: Rows, a: Array, b: Array) -> Changed:
    """Count what changed sides; `a` and `b` are answers as `Rows.answers` gives them."""
    target, form = rows.target, rows.metric.form(rows.judged_as)
    if (of_units := mean_over(rows)) is not None:
        one, other = (of_units.values(target, answers, rows.queries) for answers in (a, b))
        return Changed(int((one > other).sum()), int((one < other).sum()), 0, right=False)
    if form in ("classes", "tags"):
        labels = [answers if rows.metric.of_labels else plain(target, answers) for answers in (a, b)]
        one, other = (_all_equal(target, said) for said in labels)
        differ = ~_all_equal(*labels)
        return Changed(int((one & ~other).sum()), int((other & ~one).sum()), int((differ & ~one & ~other).sum()), True)
    one, other = (np.abs(target - answers).reshape(len(target), -1).mean(1) for answers in (a, b))
    return Changed(int((one < other).sum()), int((one > other).sum()), 0, right=False)


def _all_equal(one: Array, other: Array) -> Array:
    return (one == other).reshape(len(one), -1).all(1)
