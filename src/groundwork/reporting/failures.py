"""Finds where an experiment fails: the rows it got most wrong, groups of rows with a large error, its calibration.

All of it is about out-of-fold predictions of rows that were not trained on.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.competitions import Competition, Labelled
from groundwork.objectives import KINDS
from groundwork.objectives.oof import predictions, targets
from groundwork.reporting.charts import Chart
from groundwork.reporting.plots import calibration, segments
from groundwork.reporting.tables import between

Numbers = NDArray[np.float64]

WORST = 12  # rows
COLUMNS = 8  # shown of a row
TEXT = 240  # characters shown of a text
BINS = 10  # of the calibration
LEVELS, SMALLEST = 12, 30  # a column's groups: the most, and the rows of the smallest
GROUPS = 10  # shown
CHANCE = 0.05  # that any group is shown where all are alike
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


# --- the worst rows ---------------------------------------------------------------------------------------------------


def worst(found: Judged) -> dict[str, Any]:
    """Return the rows with the largest errors: what was predicted, what is true, and what the network read.

    Returns
    -------
    dict
        ``columns``, their names; ``measure``, what the error is; and ``rows``, each with ``id``, ``actual``,
        ``predicted``, ``error``, ``cells`` (a text for each column) and ``picture`` (an address that holds the picture
        itself, or None).
    """
    order = np.argsort(-found.error, kind="stable")[:WORST]
    inputs = found.competition.inputs
    labels_first = [name for name in dict.fromkeys(inputs.labels) if name in found.rows]
    numbers = [name for name in inputs.numeric if name in found.rows and not inputs.image]
    names = [*labels_first[: max(COLUMNS // 2, COLUMNS - len(numbers))], *numbers][:COLUMNS]
    labels = _labels(found)
    rows = []
    for place in order:
        actual, predicted = _words(found, place, labels)
        picture = _picture(found.rows[found.competition.pixels].iloc[place], inputs.image) if inputs.image else None
        # Column by column: a row as a whole would have one type.
        cells = [_cell(found.rows[name].iloc[place]) for name in names]
        rows.append(
            {
                "id": str(found.rows[found.competition.id].iloc[place]),
                "actual": actual,
                "predicted": predicted,
                "error": f"{found.error[place]:.3g}",
                "cells": cells,
                "picture": picture,
            }
        )
    return {"columns": names, "rows": rows, "measure": found.measure}


def _labels(found: Judged) -> dict[int, str]:
    """Return what the target's column calls each class."""
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


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:,.0f}" if value.is_integer() else f"{value:.6g}"
    text = "" if value is None or value is pd.NA else str(value)
    return text if len(text) <= TEXT else f"{text[:TEXT]}…"


def _picture(pixels: pd.Series, shape: tuple[int, int]) -> str:
    """Return a picture as an address that holds its bytes, in PNG."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels.to_numpy().reshape(shape).astype(np.uint8)).save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


# --- groups -----------------------------------------------------------------------------------------------------------


def by_group(found: Judged) -> Chart | None:
    """Draw the groups of rows whose mean error is farthest from that of all rows, in standard errors.

    A group is a label, or a quarter of a number's values. The more groups there are, the farther one must be to be
    shown (Bonferroni): where all groups are alike, one is shown with a probability of at most `CHANCE`.
    """
    mean, spread = float(found.error.mean()), float(found.error.std())
    groups: list[tuple[float, dict[str, Any]]] = []
    for name in dict.fromkeys((*found.competition.inputs.categorical, *found.competition.inputs.numeric)):
        if name not in found.rows or not spread:
            continue
        for label, inside in _groups(found.rows[name]):
            errors = found.error[inside]
            own, margin = float(errors.mean()), float(errors.std(ddof=1) / np.sqrt(len(errors)))
            low, high = own - 1.96 * margin, own + 1.96 * margin
            group = {"error": round(own, 5), "low": round(low, 5), "high": round(high, 5), "rows": len(errors)}
            groups.append((abs(own - mean) / (margin or spread), {"name": f"{name} {label}", **group}))
    limit = NormalDist().inv_cdf(1 - CHANCE / 2 / max(len(groups), 1))
    far = sorted((one for one in groups if one[0] > limit), key=lambda one: -one[0])[:GROUPS]
    shown = sorted((group for _, group in far), key=lambda group: -group["error"])
    return segments(shown, mean, found.measure) if shown else None


def _groups(values: pd.Series) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return the groups of a column that have `SMALLEST` rows or more, and fewer than all."""
    missing = values.isna().to_numpy()
    known = values[~missing]
    if pd.api.types.is_numeric_dtype(values) and known.nunique() > LEVELS:
        edges = np.unique(np.quantile(known, [0, 0.25, 0.5, 0.75, 1]))
        codes = np.clip(np.searchsorted(edges, values.to_numpy(float), side="right") - 1, 0, len(edges) - 2)
        named = [(span, (codes == code) & ~missing) for code, span in enumerate(between(edges))]
    else:
        common = known.value_counts().index[:LEVELS]
        named = [(f"= {label}", (values == label).fillna(False).to_numpy(bool)) for label in common]
    named.append(("missing", missing))
    return [(label, inside) for label, inside in named if SMALLEST <= inside.sum() < len(values)]


# --- calibration ------------------------------------------------------------------------------------------------------


def calibrated(found: Judged) -> Chart | None:
    """Draw the calibration of probabilities: of the second of two classes, of the likeliest class, or of all tags."""
    target, predicted = found.target, found.predicted
    if found.measure.startswith("absolute"):
        return None
    if target.ndim == 2:
        stated, true, what = predicted.ravel().astype(float), (target > 0).ravel(), "a tag"
    elif predicted.shape[1] == 2:
        stated, true = predicted[:, 1].astype(float), target == 1
        what = _labels(found).get(1, "class 1")
    else:
        stated, true, what = predicted.max(1).astype(float), predicted.argmax(1) == target, "the likeliest class"
    bins = _bins(stated, true)
    return calibration(bins, what) if bins else None


def _bins(stated: Numbers, true: NDArray[np.bool_]) -> Sequence[dict[str, float]]:
    """Return bins of equal numbers of rows, each with Wilson's interval of the observed share."""
    edges = np.unique(np.quantile(stated, np.linspace(0, 1, BINS + 1)))
    codes = np.clip(np.searchsorted(edges, stated, side="right") - 1, 0, max(len(edges) - 2, 0))
    bins = []
    for code in np.unique(codes):
        inside = codes == code
        rows, share, z = int(inside.sum()), float(true[inside].mean()), 1.96
        middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
        margin = z / (1 + z * z / rows) * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
        bins.append(
            {
                "stated": round(float(stated[inside].mean()), 4),
                "observed": round(share, 4),
                "low": round(max(0.0, float(middle - margin)), 4),
                "high": round(min(1.0, float(middle + margin)), 4),
                "rows": rows,
            }
        )
    return bins
