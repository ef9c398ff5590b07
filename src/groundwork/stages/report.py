"""Writes the report: one self-contained HTML page that compares all experiments."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

from groundwork.checks.alarms import CHECKS, sounding
from groundwork.errors import UserError
from groundwork.experiments.records import (
    LEDGER,
    RESULTS,
    Baseline,
    Experiment,
    baselines,
    differing,
    further_names,
    lanes,
    load,
    number,
    setting,
    split,
)
from groundwork.experiments.verdicts import told, verdicts_of
from groundwork.files import write_text

REPORT = RESULTS / "report" / "index.html"

# Size of a chart in its own units, and the space for its tick labels on the left and below.
WIDTH, HEIGHT, LEFT, BELOW, MARGIN = 560, 280, 52, 34, 12

JUDGED = 10  # changes that get a verdict, each of which may take seconds when it is new

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """A linear scale from values to positions in a chart, with round values for its ticks."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Iterable[float], start: float, end: float) -> "Axis":
        """Make an axis that spans all `values`, with a small margin."""
        spanned = list(values) or [0.0, 1.0]
        low, high = min(spanned), max(spanned)
        margin = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
        return cls(low - margin, high + margin, start, end)

    def place(self, value: float) -> float:
        """Return the position of `value`, rounded to a tenth of a unit, which keeps the page small."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Positions and labels of three to seven round values."""
        rough = (self.high - self.low) / 7
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [(self.place(i * step), _tick(i * step, digits)) for i in range(first, last + 1)]


def report(out: Path = REPORT, results: Path = RESULTS, ledger: Path = LEDGER) -> list[str]:
    """Write the report to `out`; equal experiments give an equal page.

    Returns
    -------
    list of str
        One line for each file that could not be read and was left out; the page lists them too.

    Raises
    ------
    UserError
        If there is no experiment to show.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    sections, problems = [], []
    for lane_name in lanes(results):
        experiments, broken = load(lane_name, results, ledger)
        compared, unread = baselines(experiments[0], results) if experiments else ([], [])
        problems += broken + unread
        if experiments:
            sections.append(_section(lane_name, experiments, compared, results))
    if not sections:
        raise UserError("; ".join([f"{results}: no experiments", *problems]), "run each lane: `dvc repro`")
    folder = FileSystemLoader(Path(__file__).parent)
    page = Environment(loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"number": number, "setting": setting}
    frame = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "bottom": HEIGHT - BELOW, "right": WIDTH - MARGIN}
    text = page.get_template("report.html.j2").render(sections=sections, problems=problems, frame=frame)
    write_text(out, text + "\n")
    return problems


def _section(lane_name: str, experiments: list[Experiment], compared: list[Baseline], results: Path) -> dict[str, Any]:
    """Collect the values of a lane's section; it shows the current experiment, or the best where none is current."""
    ranked, others, shown = split(experiments)
    kind = shown.plot.get("kind")
    keys = differing(ranked)
    return {
        "lane_name": lane_name,
        "experiments": ranked,
        "rows": _rows(ranked, compared),
        "alarms": sounding(results / lane_name / CHECKS),
        "told": told(shown, ranked, compared, results),
        "further": further_names([*ranked, *compared]),
        "others": [(other, differing([shown, other])) for other in others],
        "shown": shown,
        "best": ranked[0],
        "submitted": any(experiment.public_score for experiment in experiments),
        "dirty": any(experiment.dirty for experiment in experiments),
        "differing": keys,
        "changes": _changes(ranked, keys, results),
        "dots": _dots(shown),
        "charts": _curves(shown),
        "confusion": _confusion(shown.plot) if kind == "confusion" else None,
        "scatter": _scatter(shown.plot) if kind == "scatter" else None,
        "bars": _bars(shown.plot) if kind == "bars" else None,
    }


def _rows(ranked: list[Experiment], compared: list[Baseline]) -> list[tuple[int | None, Experiment | Baseline]]:
    """Order experiments, with their ranks, and baselines by score; experiments come first where scores are equal."""
    rows: list[tuple[int | None, Experiment | Baseline]] = [
        *enumerate(ranked, start=1),
        *((None, baseline) for baseline in compared),
    ]
    return sorted(rows, key=lambda row: -row[1].score if ranked[0].higher_is_better else row[1].score)


def _changes(experiments: Sequence[Experiment], keys: Iterable[str], results: Path) -> list[dict[str, Any]]:
    """Compare each experiment with the one trained before it, newest first; the newest ones get a verdict."""
    ordered = sorted(experiments, key=lambda experiment: (experiment.started, experiment.run_id))
    pairs = list(pairwise(ordered))[::-1]
    verdicts = verdicts_of([(after, before) for before, after in pairs[:JUDGED]], experiments, results)
    changes = []
    for (before, after), verdict in zip_longest(pairs, verdicts):
        settings = [(key, before.settings.get(key), after.settings.get(key)) for key in keys]
        changed = [(key, old, new) for key, old, new in settings if old != new]
        changes.append({"before": before, "after": after, "verdict": verdict, "settings": changed})
    return changes


def _dots(shown: Experiment) -> list[float]:
    """Return the positions of the folds' scores on a strip from 0 to 100."""
    axis = Axis.over(shown.folds, 0, 100)
    return [axis.place(score) for score in shown.folds]


def _curves(shown: Experiment) -> list[dict[str, Any]]:
    """Lay out the learning curves: the losses, and the competition's metric."""
    folds = sorted({row["fold"] for row in shown.history if "fold" in row})
    metric = f"val_{shown.metric}"
    charts = []
    for title, names in (("Loss", ("train_loss", "val_loss")), (f"Validation {shown.metric}", (metric,))):
        series = {(fold, name): _points(shown.history, fold, name) for fold in folds for name in names}
        series = {key: points for key, points in series.items() if points}
        if not series:
            continue
        x = Axis.over((epoch for points in series.values() for epoch, _ in points), LEFT, WIDTH - MARGIN)
        y = Axis.over((value for points in series.values() for _, value in points), HEIGHT - BELOW, MARGIN)
        pick: Callable[..., Point] = max if names == (metric,) and shown.higher_is_better else min
        lines = []
        for (fold, name), points in series.items():
            best = pick(points, key=lambda point: point[1])
            path = " ".join(f"{x.place(epoch)},{y.place(value)}" for epoch, value in points)
            mark = None if name == "train_loss" else (x.place(best[0]), y.place(best[1]))
            lines.append({"fold": fold, "path": path, "train": name == "train_loss", "best": mark, "at": best})
        charts.append({"title": title, "x": x.ticks, "y": y.ticks, "lines": lines, "folds": folds})
    return charts


def _points(history: Iterable[Mapping[str, Any]], fold: int, name: str) -> list[Point]:
    """Return the epochs and values of a curve, without missing and non-finite ones."""
    rows = [(row.get("epoch"), row.get(name)) for row in history if row.get("fold") == fold]
    return [(epoch, value) for epoch, value in rows if epoch is not None and value is not None and math.isfinite(value)]


def _confusion(plot: Mapping[str, Any]) -> dict[str, Any]:
    """Give each count its share of the row, and a shade: the share's square root, so that rare errors are visible."""
    rows = []
    for name, counts in zip(plot["classes"], plot["matrix"], strict=True):
        shares = [count / (sum(counts) or 1) for count in counts]
        cells = [
            {"count": count, "percent": f"{100 * share:.1f}", "shade": round(math.sqrt(share), 2)}
            for count, share in zip(counts, shares, strict=True)
        ]
        rows.append({"name": name, "cells": cells})
    return {"classes": plot["classes"], "rows": rows}


def _bars(plot: Mapping[str, Any]) -> dict[str, Any]:
    """Scale bars to 1 where the largest value is a share of more than a half, else to the largest value."""
    bars = plot["bars"]
    largest = max((value for _, value in bars), default=0.0)
    whole = 1.0 if 0.5 < largest <= 1 else largest or 1.0
    lengths = [(name, value, round(100 * max(value, 0.0) / whole, 1)) for name, value in bars]
    return {"title": plot["title"], "bars": lengths}


def _scatter(plot: Mapping[str, Any]) -> dict[str, Any]:
    """Lay out predicted against actual values; axes are logarithmic where all are positive and span a factor of 3."""
    pairs: list[Point] = list(zip(plot["actual"], plot["predicted"], strict=True))
    values = [value for pair in pairs for value in pair] or [1.0]
    logarithmic = min(values) > 0 and max(values) > 3 * min(values)
    scale: Callable[[float], float] = math.log10 if logarithmic else float
    x = Axis.over(map(scale, values), LEFT, WIDTH - MARGIN)
    y = Axis.over(map(scale, values), HEIGHT - BELOW, MARGIN)
    dots = [(x.place(scale(actual)), y.place(scale(predicted))) for actual, predicted in pairs]
    ticks = {"x": x.ticks, "y": y.ticks}
    if logarithmic:
        ticks = {"x": _powers(x), "y": _powers(y)}
    return {"dots": dots, **ticks, "logarithmic": logarithmic}


def _powers(axis: Axis) -> list[tuple[float, str]]:
    """Return ticks at 1, 2 and 5 times powers of ten, on an axis of logarithms."""
    exponents = range(math.floor(axis.low), math.ceil(axis.high) + 1)
    values = [factor * 10.0**exponent for exponent in exponents for factor in (1, 2, 5)]
    inside = [value for value in values if axis.low <= math.log10(value) <= axis.high]
    return [(axis.place(math.log10(value)), _tick(value, 0 if value >= 1 else 3)) for value in inside]


def _tick(value: float, digits: int) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:.{digits}f}"
