"""Makes the charts of predictions, errors and columns, of one experiment."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from groundwork.reporting.charts import Chart, chart


def scatter(plot: Mapping[str, Any]) -> list[Chart]:
    """Draw predicted against actual numbers, and residuals against predictions."""
    actual, predicted = (np.array(plot[name], dtype=float) for name in ("actual", "predicted"))
    if not len(actual):
        return []
    values = np.concatenate([actual, predicted])
    kind = "log" if values.min() > 0 and values.max() > 3 * values.min() else "linear"
    low, high = float(values.min()), float(values.max())
    scale = {"type": kind, "domain": [low, high], "nice": False}
    rows = [{"actual": _short(a), "predicted": _short(p)} for a, p in zip(actual, predicted, strict=True)]
    dots = {"type": "circle", "opacity": 0.4, "size": 22}
    x, y = ({"field": name, "type": "quantitative", "scale": scale} for name in ("actual", "predicted"))
    diagonal = {"data": {"values": [{"actual": low, "predicted": low}, {"actual": high, "predicted": high}]}}
    ratio = kind == "log"
    off = np.log(predicted / actual) if ratio else predicted - actual
    residuals = [{"predicted": _short(p), "residual": _short(r)} for p, r in zip(predicted, off, strict=True)]
    name = "log of predicted / actual" if ratio else "predicted − actual"
    return [
        chart(
            "Predicted against actual",
            f"{len(rows)} out-of-fold predictions against actual values, equal on the dashed line",
            rows,
            layer=[
                {**diagonal, "mark": {"type": "line", "strokeDash": [4, 4]}, "encoding": {"x": x, "y": y}},
                {"mark": dots, "encoding": {"x": x, "y": y}},
            ],
        ),
        chart(
            "Residuals",
            f"{name} of {len(rows)} out-of-fold rows: mean {off.mean():.3g}, standard deviation {off.std():.3g}",
            residuals,
            layer=[
                {"mark": {"type": "rule", "strokeDash": [4, 4]}, "encoding": {"y": {"datum": 0}}},
                {
                    "mark": dots,
                    "encoding": {
                        "x": {"field": "predicted", "type": "quantitative", "scale": scale},
                        "y": {"field": "residual", "type": "quantitative", "title": name},
                    },
                },
            ],
        ),
    ]


def calibration(bins: Sequence[Mapping[str, Any]], what: str) -> Chart:
    """Draw how often predictions come true against the probability that they state.

    Parameters
    ----------
    bins
        For each bin: ``stated`` and ``observed`` probability, ``low`` and ``high`` of its 95 % interval, ``rows``.
    what
        Of what the probability is.
    """
    scale = {"domain": [0, 1]}
    x = {"field": "stated", "type": "quantitative", "title": f"stated probability of {what}", "scale": scale}
    y = {"field": "observed", "type": "quantitative", "title": "observed share", "scale": scale}
    ends = {"data": {"values": [{"stated": 0, "observed": 0}, {"stated": 1, "observed": 1}]}}
    worst = max(bins, key=lambda one: abs(one["stated"] - one["observed"]))
    return chart(
        "Calibration",
        f"observed share by stated probability of {what} in {len(bins)} bins; the largest gap is at "
        f"{worst['stated']:.2f}, where {worst['observed']:.2f} came true",
        bins,
        layer=[
            {**ends, "mark": {"type": "line", "strokeDash": [4, 4]}, "encoding": {"x": x, "y": y}},
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60},
                "encoding": {
                    "x": x,
                    "y": y,
                    "tooltip": [{"field": name} for name in ("stated", "observed", "rows")],
                },
            },
        ],
    )


def segments(found: Sequence[Mapping[str, Any]], mean: float, error: str) -> Chart:
    """Draw the mean error of groups of rows with its 95 % interval, beside that of all rows.

    Parameters
    ----------
    found
        For each group: ``name``, ``error``, ``low``, ``high``, ``rows``.
    """
    order = [one["name"] for one in found]
    y = {"field": "name", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 220}}
    x = {"type": "quantitative", "title": error, "scale": {"zero": False}}
    return chart(
        "Error by group: the farthest of many",
        f"{error}, {mean:.3g} over all rows; " + "; ".join(f"{one['name']} {one['error']:.3g}" for one in found[:5]),
        found,
        height=24 * len(found) + 20,
        layer=[
            {
                "mark": {"type": "rule", "strokeDash": [4, 4]},
                "encoding": {"x": {"datum": mean, "type": "quantitative"}},
            },
            {"mark": "rule", "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}}},
            {
                "mark": {"type": "point", "filled": True, "size": 60},
                "encoding": {
                    "y": y,
                    "x": {**x, "field": "error"},
                    "tooltip": [{"field": name} for name in ("name", "error", "rows")],
                },
            },
        ],
    )


def distribution(column: str, rows: Sequence[Mapping[str, Any]], shift: float) -> Chart:
    """Draw the shares of a column's values in the training rows and in the test rows.

    Parameters
    ----------
    rows
        For each value or range, and each table: ``value``, ``rows`` (train or test), ``share``.
    shift
        The total variation distance of the two, from 0 to 1.
    """
    values = list(dict.fromkeys(row["value"] for row in rows))
    return chart(
        column,
        f"shares of the values of {column} in training and test rows; {shift:.0%} of the rows would have to move",
        rows,
        height=130,
        mark={"type": "bar"},
        encoding={
            "x": {"field": "value", "type": "nominal", "sort": values, "title": None, "axis": {"labelLimit": 70}},
            "xOffset": {"field": "rows", "sort": ["train", "test"]},
            "y": {"field": "share", "type": "quantitative", "title": None, "axis": {"format": "%", "tickCount": 3}},
            "color": {"field": "rows", "title": None, "scale": {"domain": ["train", "test"]}},
            "tooltip": [{"field": "value"}, {"field": "rows"}, {"field": "share", "format": ".1%"}],
        },
    )


def _short(value: float) -> float:
    return float(f"{value:.4g}")
