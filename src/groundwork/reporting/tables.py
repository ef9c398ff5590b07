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


def _compared(name: str, train: pd.Series, test: pd.Series) -> tuple[float, Chart]:
    """Return the total variation distance of a column's binned values, and their chart."""
    both = pd.concat([train, test])
    if pd.api.types.is_numeric_dtype(both) and not pd.api.types.is_bool_dtype(both) and both.nunique() > LABELS:
        edges = np.unique(np.quantile(both.dropna(), np.linspace(0, 1, BINS + 1)))
        labels = [f"{low:.3g} – {high:.3g}" for low, high in pairwise(edges)]
        codes = [np.clip(np.searchsorted(edges, part, side="left") - 1, 0, len(labels) - 1) for part in (train, test)]
        binned = [pd.Series(np.array(labels, dtype=object)[code]) for code in codes]
        binned = [part.where(known.notna().to_numpy()) for part, known in zip(binned, (train, test), strict=True)]
        labels = list(dict.fromkeys(labels))
    else:
        labels = [str(label) for label in both.value_counts().index[:LABELS]]
        binned = [part.astype(object).map(str, na_action="ignore") for part in (train, test)]
        binned = [part.where(part.isna() | part.isin(labels), "others") for part in binned]
        labels.append("others")
    labels.append("missing")
    named = [part.astype(object).where(part.notna(), "missing") for part in binned]
    shares = [part.value_counts(normalize=True).reindex(labels, fill_value=0.0) for part in named]
    shift = float((shares[0] - shares[1]).abs().sum() / 2)
    rows = [
        {"value": label, "rows": table, "share": round(float(part[label]), 4)}
        for label in labels
        for table, part in zip(("train", "test"), shares, strict=True)
        if max(share[label] for share in shares) > 0
    ]
    return shift, distribution(name, rows, shift)
