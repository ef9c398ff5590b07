"""Makes the charts of a lane, as Vega-Lite specifications: plain dictionaries, which the page's script draws."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from groundwork.experiments.records import Baseline, Experiment
from groundwork.experiments.selection import number, setting

Chart = dict[str, Any]
POINTS = 60  # of a learning curve: more are thinned
AXES = 8  # of parallel coordinates, besides the score
MOST_SCORES = 20
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


def chart(title: str, told: str, rows: Sequence[Mapping[str, Any]], height: int = 240, **parts: Any) -> Chart:
    """Return a chart of its rows.

    Parameters
    ----------
    title
        What stands above it.
    told
        What a screen reader says in its place.
    rows
        Values by field.
    parts
        Keys of the Vega-Lite specification: ``mark`` and ``encoding``, or ``layer``.
    """
    spec = {"$schema": SCHEMA, "width": "container", "height": height, "data": {"values": [*rows]}, **parts}
    return {"title": title, "told": told, "spec": spec}


# --- learning curves --------------------------------------------------------------------------------------------------


def curves(experiment: Experiment) -> dict[str, list[list[float]]]:
    """Return the points of an experiment's learning curves, by name: the losses, and the competition's metric.

    Returns
    -------
    dict
        Lists of ``[fold, epoch, value]`` without missing values, with four digits and at most `POINTS` for each fold.
    """
    drawn: dict[str, list[list[float]]] = {}
    for name in ("train_loss", "val_loss", f"val_{experiment.metric}"):
        by_fold: dict[int, list[list[float]]] = {}
        for row in experiment.history:
            value, epoch, fold = row.get(name), row.get("epoch"), row.get("fold")
            if value is not None and epoch is not None and fold is not None and math.isfinite(value):
                by_fold.setdefault(int(fold), []).append([int(fold), epoch, float(f"{value:.4g}")])
        points = [point for of_fold in by_fold.values() for point in of_fold[:: math.ceil(len(of_fold) / POINTS)]]
        if points:
            drawn[name] = points
    return drawn


# --- scores -----------------------------------------------------------------------------------------------------------


def scores(experiments: Sequence[Experiment], compared: Sequence[Baseline]) -> Chart | None:
    """Draw the scores of the best experiments and of the baselines on one axis, with the scores of their folds."""
    models: list[tuple[str, Experiment | Baseline, str]] = [
        (experiment.run_id, experiment, "experiment") for experiment in experiments[:MOST_SCORES]
    ]
    models += [(one.name, one, "baseline") for one in compared if _is_near(one.score, experiments)]
    current = next((experiment.run_id for experiment in experiments if experiment.current), None)
    models = [(name, model, "current" if name == current else sort) for name, model, sort in models]
    if len(models) < 2:
        return None
    models.sort(key=lambda one: one[1].score, reverse=experiments[0].higher_is_better)
    means = [{"name": name, "score": model.score, "sd": model.sd, "sort": sort} for name, model, sort in models]
    folds = [
        {"name": name, "score": score, "fold": fold}
        for name, model, _ in models
        for fold, score in enumerate(model.folds)
    ]
    order = [name for name, _, _ in models]
    y = {"field": "name", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 180}}
    x = {"field": "score", "type": "quantitative", "title": experiments[0].metric, "scale": {"zero": False}}
    colors = {"domain": ["current", "experiment", "baseline"]}
    best = f"{order[0]} {number(models[0][1].score)}"
    return chart(
        "Scores",
        f"{experiments[0].metric} of {len(models)} experiments and baselines; the best is {best}",
        means,
        height=24 * len(models) + 20,
        encoding={"y": y},
        layer=[
            {
                "data": {"values": folds},
                "mark": {"type": "tick", "opacity": 0.55, "thickness": 1.5},
                "encoding": {"x": x, "tooltip": [{"field": "name"}, {"field": "fold"}, {"field": "score"}]},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                "encoding": {
                    "x": x,
                    "color": {"field": "sort", "title": None, "scale": colors},
                    "tooltip": [{"field": "name"}, {"field": "score"}, {"field": "sd", "title": "sd of folds"}],
                },
            },
        ],
    )


def _is_near(score: float, experiments: Sequence[Experiment]) -> bool:
    """Return whether an axis that shows `score` leaves room for the folds' scores of the experiments."""
    folds = [score for experiment in experiments for score in experiment.folds]
    # With one fold and one experiment there is no spread: a tenth of the score.
    room = max(2 * (max(folds) - min(folds)), 0.1 * max(map(abs, folds)))
    return min(folds) - room <= score <= max(folds) + room


def against_leaderboard(experiments: Iterable[Experiment]) -> Chart | None:
    """Draw the public scores of submissions against cross-validated scores, with their standard errors."""
    rows = []
    for one in experiments:
        if not one.public_score:
            continue
        row = {"run": one.run_id, "cv": one.score, "public": float(one.public_score)}
        if len(one.folds) > 1:  # one fold has no known error
            error = float(np.std(one.folds, ddof=1) / math.sqrt(len(one.folds)))
            row |= {"low": one.score - error, "high": one.score + error}
        rows.append(row)
    if not rows:
        return None
    x = {"type": "quantitative", "title": "cross-validated, ± standard error over the folds", "scale": {"zero": False}}
    y = {"field": "public", "type": "quantitative", "title": "public leaderboard", "scale": {"zero": False}}
    return chart(
        "Cross-validation against the leaderboard",
        f"public and cross-validated scores of {len(rows)} submissions",
        rows,
        encoding={"y": y},
        layer=[
            {"mark": "rule", "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}}},
            {
                "mark": {"type": "point", "filled": True, "size": 70},
                "encoding": {
                    "x": {**x, "field": "cv"},
                    "tooltip": [{"field": name} for name in ("run", "cv", "public")],
                },
            },
        ],
    )


# --- settings ---------------------------------------------------------------------------------------------------------


def parallel(
    experiments: Sequence[Experiment], keys: Sequence[str], importance: Mapping[str, float] | None = None
) -> Chart | None:
    """Draw the settings that differ, and the score, as parallel coordinates; None below three experiments.

    Keys of large `importance`, by their names or the ends of them, come first, then those of many values.
    """
    keys = [key for key in keys if not key.endswith("_sha256")]
    if len(experiments) < 3 or not keys:
        return None
    counts = {key: len({setting(one.settings.get(key)) for one in experiments}) for key in keys}
    shares = {
        key: next((share for name, share in (importance or {}).items() if f".{key}".endswith(f".{name}")), 0.0)
        for key in keys
    }
    keys = sorted(keys, key=lambda key: (-shares[key], -counts[key]))[:AXES]
    metric = experiments[0].metric
    rows: list[dict[str, Any]] = [{"run": one.run_id, "score": one.score} for one in experiments]
    long: list[dict[str, Any]] = []
    for key in (*keys, metric):
        values = [one.score if key == metric else one.settings.get(key) for one in experiments]
        shown = [number(one.score) if key == metric else setting(one.settings.get(key)) for one in experiments]
        for row, place, text in zip(rows, _places(values), shown, strict=True):
            long.append({**row, "axis": key, "place": place, "value": text})
    color = {"field": "score", "type": "quantitative", "title": metric, "legend": {"columns": 4}}
    x = {"field": "axis", "type": "nominal", "sort": [*keys, metric], "title": None, "axis": {"labelAngle": -20}}
    y = {"field": "place", "type": "quantitative", "axis": None}
    ends = [row for row in long if row["place"] in (0.0, 1.0)]
    labels = list({(row["axis"], row["place"], row["value"]): row for row in ends}.values())
    return chart(
        "Settings and scores",
        f"parallel coordinates of {', '.join(keys)} and {metric} for {len(experiments)} experiments",
        long,
        height=280,
        encoding={"x": x, "y": y},
        layer=[
            {"mark": {"type": "rule", "opacity": 0.35}, "encoding": {"y": {"datum": 0}, "y2": {"datum": 1}}},
            {
                "mark": {"type": "line", "opacity": 0.6, "strokeWidth": 1.5},
                "encoding": {"color": color, "detail": {"field": "run"}},
            },
            {
                "mark": {"type": "circle", "size": 30},
                "encoding": {
                    "color": color,
                    "tooltip": [{"field": name} for name in ("run", "axis", "value", "score")],
                },
            },
            {
                "data": {"values": labels},
                "mark": {"type": "text", "align": "left", "dx": 5, "dy": {"expr": "datum.place > .5 ? -5 : 8"}},
                "encoding": {"text": {"field": "value"}},
            },
        ],
    )


def _places(values: Sequence[Any]) -> list[float]:
    """Place values between 0 and 1: numbers by size, on a logarithmic scale over two powers of ten; others by order."""
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if numeric:
        scaled = np.array(values, dtype=float)
        if scaled.min() > 0 and scaled.max() > 100 * scaled.min():
            scaled = np.log(scaled)
    else:
        known = sorted({setting(value) for value in values})
        scaled = np.array([known.index(setting(value)) for value in values], dtype=float)
    low, high = scaled.min(), scaled.max()
    return [0.5] * len(values) if high == low else ((scaled - low) / (high - low)).round(4).tolist()
