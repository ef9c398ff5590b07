"""Finds the rows that predictions got most wrong. The report, and runs in W&B, show them.

All of it is about out-of-fold predictions of rows that were not trained on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.competitions import Competition, Labelled
from groundwork.objectives import KINDS
from groundwork.objectives.oof import predictions, targets

Numbers = NDArray[np.float64]

COLUMNS = 8  # shown of a row
TEXT = 240  # characters shown of a text
LEAST = 1e-15  # probability, so that a logarithm is finite


@dataclass(frozen=True)
class Judged:
    """Out-of-fold rows, their error, and the training rows they belong to.

    Attributes
    ----------
    error
        Float64 ``[rows]``, larger is worse.
    measure
        What `error` is.
    rows
        The training rows of the prepared table, in the order of the out-of-fold rows.
    """

    competition: Labelled
    target: NDArray[Any]
    predicted: NDArray[Any]
    error: Numbers
    measure: str
    rows: pd.DataFrame


def judged(competition: Competition, oof: pd.DataFrame, train: pd.DataFrame) -> Judged | None:
    """Put an error beside each out-of-fold row; None where predictions are lists, or rows are not the table's."""
    if not isinstance(competition, Labelled) or competition.id not in train:
        return None
    rows = train.set_index(competition.id, drop=False)
    if not rows.index.is_unique or not oof["id"].isin(rows.index).all():
        return None
    target, predicted = targets(oof), predictions(oof)
    form = competition.scorer.form(KINDS[competition.kind].judged_as)
    if target.ndim == 1 and predicted.ndim == 2:
        stated = predicted[np.arange(len(target)), target.astype(int)].astype(float)
        error, measure = -np.log(stated.clip(LEAST)), "log loss"
    elif form == "numbers" or predicted.ndim == 1:
        scale = competition.scorer.link[0] if competition.scorer.link else np.asarray
        with np.errstate(all="ignore"):
            off = np.abs(scale(predicted.astype(float)) - scale(target.astype(float)))
        error, measure = off if off.ndim == 1 else off.mean(1), "absolute error"
        measure += " on the metric's scale" if competition.scorer.link else ""
    elif target.shape == predicted.shape:
        stated = np.where(target > 0, predicted, 1 - predicted).astype(float)
        error, measure = -np.log(stated.clip(LEAST)).mean(1), "mean log loss of the tags"
    else:
        return None
    return Judged(competition, target, predicted, error, measure, rows.loc[oof["id"]].reset_index(drop=True))


@dataclass(frozen=True)
class Mistake:
    """A row that predictions got wrong.

    Attributes
    ----------
    id
        Its id, as text.
    actual, predicted
        What is true, and what was predicted, in words.
    error
        See `Judged`.
    cells
        What the network read: the values of `shown`.
    picture
        Its picture, uint8 ``[height, width]``, or None.
    """

    id: str
    actual: str
    predicted: str
    error: float
    cells: list[Any]
    picture: NDArray[np.uint8] | None


def shown(found: Judged) -> list[str]:
    """Return the columns of a row that are shown: at most `COLUMNS`, labels and texts first."""
    inputs = found.competition.inputs
    labels_first = [name for name in dict.fromkeys(inputs.labels) if name in found.rows]
    numbers = [name for name in inputs.numeric if name in found.rows and not inputs.image]
    return [*labels_first[: max(COLUMNS // 2, COLUMNS - len(numbers))], *numbers][:COLUMNS]


def worst(found: Judged, most: int) -> list[Mistake]:
    """Return the `most` rows with the largest errors, the largest first."""
    shape, labels, names = found.competition.inputs.image, class_names(found), shown(found)
    mistakes = []
    for place in np.argsort(-found.error, kind="stable")[:most]:
        actual, predicted = _words(found, place, labels)
        picture = None
        if shape:
            pixels = found.rows[found.competition.pixels].iloc[place]
            picture = pixels.to_numpy().reshape(shape).astype(np.uint8)
        # Column by column: a row as a whole would have one type.
        cells = [found.rows[name].iloc[place] for name in names]
        row_id = str(found.rows[found.competition.id].iloc[place])
        mistakes.append(Mistake(row_id, actual, predicted, float(found.error[place]), cells, picture))
    return mistakes


def class_names(found: Judged) -> dict[int, str]:
    """Return what the target's column calls each class; empty where it does not say."""
    (first, *others) = found.competition.targets
    if others or found.target.ndim == 2 or found.predicted.ndim == 1 or first not in found.rows:
        return {}
    pairs = pd.DataFrame({"code": found.target, "label": found.rows[first]}).drop_duplicates("code")
    return {int(code): str(label) for code, label in pairs.itertuples(index=False)}


def _words(found: Judged, place: int, labels: dict[int, str]) -> tuple[str, str]:
    """Write what is true of a row, and what was predicted."""
    target, predicted = found.target[place], found.predicted[place]
    if found.target.ndim == 1 and found.predicted.ndim == 2:
        chosen = int(predicted.argmax())
        name = labels.get(chosen, str(chosen))
        return labels.get(int(target), str(target)), f"{name} ({predicted[chosen]:.0%})"
    if found.predicted.ndim == 1:
        return f"{target:,.6g}", f"{predicted:,.6g}"
    names = found.competition.targets
    if found.measure.startswith("absolute"):
        actual, answered = (", ".join(f"{value:,.5g}" for value in values) for values in (target, predicted))
        return actual, answered
    truth = ", ".join(name for name, value in zip(names, target, strict=True) if value > 0) or "none"
    stated = sorted(zip(predicted, names, strict=True), reverse=True)[:3]
    return truth, ", ".join(f"{name} {value:.0%}" for value, name in stated)


def cell(value: Any) -> str:
    """Write a value for people: nothing if it is missing, and at most `TEXT` characters."""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:,.0f}" if value.is_integer() else f"{value:.6g}"
    text = "" if value is None or value is pd.NA else str(value)
    return text if len(text) <= TEXT else f"{text[:TEXT]}…"
