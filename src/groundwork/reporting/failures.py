"""Finds where an experiment fails: the rows it got most wrong, groups of rows with a large error, its calibration.

All of it is about out-of-fold predictions of rows that were not trained on.
"""

import base64
import io
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork import mistakes
from groundwork.mistakes import Judged, Numbers
from groundwork.reporting.charts import Chart
from groundwork.reporting.plots import calibration, segments
from groundwork.reporting.tables import between

WORST = 12  # rows
BINS = 10  # of the calibration
LEVELS, SMALLEST = 12, 30  # a column's groups: the most, and the rows of the smallest
GROUPS = 10  # shown
CHANCE = 0.05  # that any group is shown where all are alike


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
    rows = [
        {
            "id": row.id,
            "actual": row.actual,
            "predicted": row.predicted,
            "error": f"{row.error:.3g}",
            "cells": [mistakes.cell(value) for value in row.cells],
            "picture": None if row.picture is None else _picture(row.picture),
        }
        for row in mistakes.worst(found, WORST)
    ]
    return {"columns": mistakes.shown(found), "rows": rows, "measure": found.measure}


def _picture(pixels: NDArray[np.uint8]) -> str:
    """Return a picture as an address that holds its bytes, in PNG."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
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
        what = mistakes.class_names(found).get(1, "class 1")
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
