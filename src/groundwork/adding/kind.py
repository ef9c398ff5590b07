"""Guesses the kind of problem: classification, tagging or regression."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from groundwork.errors import UserError
from groundwork.features import numbers
from groundwork.objectives import KINDS
from groundwork.objectives.metrics import METRICS
from groundwork.objectives.spelling import truth

# Integers with up to as many values are classes, with more than so many numbers; in between the user is asked.
SURE_CLASSES, MOST_CLASSES = 10, 30
MOST_LABELS = 200


@dataclass(frozen=True)
class Guess:
    """A proposed value, and why.

    Attributes
    ----------
    value
        The value, as in the competition's file.
    reason
        Why it is proposed.
    others
        What else it could be, where that is not sure.
    """

    value: str
    reason: str
    others: tuple[str, ...] = ()

    @property
    def is_sure(self) -> bool:
        """Return whether there is no other value."""
        return not self.others


def is_binary(column: pd.Series) -> bool:
    """Return whether a column says yes and no, in whatever spelling."""
    return column.nunique() == 2 and {truth(str(value)) for value in column.unique()} == {False, True}


def is_number(column: pd.Series) -> bool:
    """Return whether a column holds numbers."""
    return bool(pd.api.types.is_numeric_dtype(column))


def guess_kind(values: pd.DataFrame, asked: pd.DataFrame, per_class: bool, metric: Guess | None) -> Guess:
    """Guess the kind of problem from the targets and the sample submission.

    Parameters
    ----------
    values
        The targets of the training rows.
    asked
        The predicted columns of the sample submission.
    per_class
        Whether those are probabilities of each class.
    metric
        The metric, where somebody has told it.

    Raises
    ------
    UserError
        If the targets suit no kind.
    """
    if per_class:
        return Guess("classification", "one column of probabilities for each class")
    if values.shape[1] > 1:
        if all(is_binary(values[name]) for name in values):
            return Guess("tagging", f"{values.shape[1]} targets of two values each")
        if all(is_number(values[name]) for name in values):
            return Guess("regression", f"{values.shape[1]} targets, all numbers")
        text = [str(name) for name in values if not is_number(values[name])]
        raise UserError(
            f"found {values.shape[1]} targets, neither all numbers nor all of two values: {', '.join(text[:5])}",
            "name one of them (`--target COLUMN`): several classifications in one network are not supported",
        )
    target = values.iloc[:, 0]
    distinct = target.nunique()
    if not is_number(target):
        if distinct > MOST_CLASSES and numbers(target).notna().all():
            raise UserError(
                f"column {target.name!r}: found numbers written as text, such as {target.iloc[0]!r}; expected plain "
                "ones in a target, such as 1234.5",
                "write them so into the table in the archive, or name another target (`--target COLUMN`)",
            )
        if distinct > min(max(MOST_LABELS, len(target) / 20), max(MOST_CLASSES, len(target) / 2)):
            raise UserError(
                f"column {target.name!r}: found {distinct:,} different texts in {len(target):,} rows; expected classes",
                "name another target (`--target COLUMN`); free text cannot be predicted yet",
            )
        return Guess("classification", f"{distinct} labels: {', '.join(map(str, sorted(target.unique())[:6]))}")
    if distinct == 2:
        return Guess("classification", f"two values, {target.min()} and {target.max()}")
    suited = _suited_by(metric)
    whole = bool((target % 1 == 0).all())
    shown = f"{distinct} whole numbers from {target.min():g} to {target.max():g}"
    if not whole or distinct > MOST_CLASSES:
        return Guess("regression", f"{distinct:,} different numbers" if not whole else shown)
    if suited:
        return Guess(suited, f"{shown}, and the metric {metric.value if metric else ''}")
    sample = asked.iloc[:, 0]
    if is_number(sample) and bool((sample % 1 != 0).any()):
        return Guess("regression", f"{shown}, and the sample submission holds {sample[sample % 1 != 0].iloc[0]:g}")
    legal = set(sample.unique()) <= set(target.unique())
    if distinct <= SURE_CLASSES and legal:
        return Guess("classification", f"{shown}, and the sample submission holds one of them")
    gaps = distinct < target.max() - target.min() + 1
    return Guess(
        "regression" if gaps or not legal or distinct > 2 * SURE_CLASSES else "classification",
        shown, others=("classification", "regression"),
    )  # fmt: skip


def _suited_by(metric: Guess | None) -> str | None:
    """Return the kind that a metric suits, if it suits only one of classes and numbers."""
    known = METRICS.get(metric.value) if metric else None
    kinds = [kind for kind in ("classification", "regression") if known and known.suits(KINDS[kind].judged_as)]
    return kinds[0] if len(kinds) == 1 else None


FITS: dict[str, Callable[[pd.DataFrame], bool]] = {
    "classification": lambda values: values.shape[1] == 1,
    "regression": lambda values: all(is_number(values[name]) for name in values),
    "tagging": lambda values: all(is_binary(values[name]) for name in values),
}
WANTED = {"classification": "one target", "regression": "numbers", "tagging": "two values each, such as 0 and 1"}
