"""Describes the data of a lane: how many rows, what is missing, and how test rows differ from training rows."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from groundwork.competitions import Competition, Labelled
from groundwork.reporting.charts import Chart
from groundwork.reporting.plots import distribution

BINS = 8  # of numbers
LABELS = 7  # the commonest; the others are one
SHOWN = 6  # columns
MISSING = 10  # columns
OTHERS, MISSING_ONES = -1, -2  # bins


def described(competition: Competition, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, Any] | None:
    """Describe the prepared tables.

    Returns
    -------
    dict or None
        ``rows`` (of train and test), ``columns`` (that the network reads), ``missing`` (name, and the shares in train
        and test), ``charts`` (of the columns whose test rows differ most). None for a log of purchases.
    """
    if not isinstance(competition, Labelled):
        return None
    inputs = competition.inputs
    names = competition.pixels if inputs.image else list(dict.fromkeys([*inputs.labels, *inputs.numeric]))
    names = [name for name in names if name in train and name in test]
    missing = [(name, float(train[name].isna().mean()), float(test[name].isna().mean())) for name in names]
    missing = sorted((one for one in missing if max(one[1:]) > 0), key=lambda one: -max(one[1:]))
    drawn = [] if inputs.image else [name for name in names if name in (*inputs.categorical, *inputs.numeric)]
    charts = sorted((_compared(name, train[name], test[name]) for name in drawn), key=lambda one: -one[0])
    return {
        "rows": (len(train), len(test)),
        "columns": len(names),
        "missing": missing[:MISSING],
        "charts": [chart for _, chart in charts[:SHOWN]],
    }


def _compared(column: str, train: pd.Series, test: pd.Series) -> tuple[float, Chart]:
    """Return the total variation distance of a column's binned values, and their chart.

    A value's bin is a number, -1 for the others and -2 for missing ones, so that no label of the data is taken for one.
    """
    both = pd.concat([train, test])
    if pd.api.types.is_numeric_dtype(both) and not pd.api.types.is_bool_dtype(both) and both.nunique() > LABELS:
        edges = np.unique(np.quantile(both.dropna(), np.linspace(0, 1, BINS + 1)))
        names = dict(enumerate(between(edges)))
        found = [
            np.clip(np.searchsorted(edges, part, side="left") - 1, 0, len(names) - 1).astype(int)
            for part in (train, test)
        ]
    else:
        common = [str(label) for label in both.value_counts().index[:LABELS]]
        names = dict(enumerate(common))
        codes = {label: code for code, label in names.items()}
        found = [part.astype(object).map(str).map(codes).fillna(OTHERS).to_numpy(int) for part in (train, test)]
    names |= {OTHERS: "(others)", MISSING_ONES: "(missing)"}
    binned = [np.where(part.isna(), MISSING_ONES, code) for part, code in zip((train, test), found, strict=True)]
    shares = [pd.Series(code).value_counts(normalize=True).reindex(list(names), fill_value=0.0) for code in binned]
    shift = float((shares[0] - shares[1]).abs().sum() / 2)
    rows = [
        {"value": name, "rows": table, "share": round(float(part[code]), 4)}
        for code, name in names.items()
        for table, part in zip(("train", "test"), shares, strict=True)
        if max(share[code] for share in shares) > 0
    ]
    return shift, distribution(column, rows, shift)


def between(edges: np.ndarray) -> list[str]:
    """Name the spans between edges, with as many digits as tell the edges apart."""
    for digits in range(3, 16):
        written = [f"{edge:.{digits}g}" for edge in edges]
        if len({*written}) == len(edges):
            break
    plain = [f"{float(one):,.10g}" if abs(float(one)) < 1e9 else one for one in written]
    return [f"{low} – {high}" for low, high in pairwise(plain)]
