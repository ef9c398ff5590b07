"""Shows in Markdown what the results of two commits differ in: for a comment on a pull request.

GitHub shows no picture in a comment that lies in an artifact or in the text itself, but it draws Mermaid.
"""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from groundwork.experiments.compare import Compared, Finder, git, in_cache, locked_at
from groundwork.experiments.dvcfiles import BLEND, LOCK, dvc_name, hashes, parsed, recorded_params
from groundwork.experiments.selection import number, setting
from groundwork.naming import flat
from groundwork.settings import PARAMS

POINTS = 30  # the most of a curve
COLORS = (("🟦", "#3b82f6"), ("🟧", "#e8710a"))  # which are seen on white and on black
WITHOUT_EFFECT = ("store", "tracking.", "hardware.devices", "hardware.num_nodes")  # on a score


@dataclass(frozen=True)
class Committed:
    """A lane's results at a commit.

    Attributes
    ----------
    name
        What the text calls the commit.
    metrics
        ``results/metrics/<lane>.json``; empty if the commit has none.
    params
        What the results were made from, by dotted key: as dvc.lock records it.
    curve
        The validation metric by epoch, the mean over the folds; empty without the history, here or in DVC's cache.
    """

    name: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    curve: Sequence[float] = ()


def read(finder: Finder, name: str, lane_name: str) -> Committed:
    """Read a lane's results at a commit."""
    path = finder.results / "metrics" / f"{lane_name}.json"
    try:
        metrics = json.loads(git("show", f"{name}:{path.as_posix()}") or "{}")
        scores = (metrics["oof"], tuple(metrics["folds"]))
    except (ValueError, KeyError, TypeError):
        return Committed(name)
    stages = locked_at(name)
    entry = stages.get(dvc_name("train", lane_name)) or stages.get(dvc_name(BLEND, lane_name)) or {}
    params = {_short(key, lane_name): value for key, value in flat(recorded_params(entry)).items()}
    history = in_cache(hashes(entry, "outs").get((finder.results / lane_name / "history.csv").as_posix(), ""))
    rows: Sequence[Mapping[str, Any]] = ()
    if history:
        with history.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    else:
        known = (one for one in finder.experiments(lane_name) if (one.oof, one.folds) == scores and one.history)
        rows = next((one.history for one in known), ())
    return Committed(name, metrics, params, mean_curve(rows, f"val_{metrics['metric']}"))


def _short(key: str, lane_name: str) -> str:
    return key.removeprefix(f"competitions.{lane_name}.").removeprefix(f"blends.{lane_name}.")


def mean_curve(rows: Sequence[Mapping[str, Any]], column: str) -> list[float]:
    """Return the mean over the folds of a column of ``history.csv`` by epoch, as far as all folds have it."""
    by_fold: dict[str, list[float]] = {}
    for row in rows:
        try:
            value = float(row[column])
        except (KeyError, TypeError, ValueError):
            continue
        if math.isfinite(value):
            by_fold.setdefault(str(row.get("fold")), []).append(value)
    return [fmean(values) for values in zip(*by_fold.values(), strict=False)]


# --- Markdown ---------------------------------------------------------------------------------------------------------


def markdown(a: str, b: str, compared: Sequence[Compared], finder: Finder) -> str:
    """Return a section for each lane whose committed metrics differ; `b` is the base."""
    parts = []
    for one in compared:
        after, before = (read(finder, name, one.lane_name) for name in (a, b))
        told = one.verdict.lines[0] if one.verdict else f"no verdict: {one.refused}"
        sample = " (sample data)" if after.params.get("source") == "sample" else ""
        parts += [f"### {one.lane_name}{sample}", told.splitlines()[0], *table(after, before), *picture(after, before)]
    touched = [one.lane_name for one in compared]
    if parts and (missing := [name for name in _edited(finder, a, b) if name not in touched]):
        parts += [_unmade(missing)]
    return "\n\n".join(parts or _nothing(a, b, _edited(finder, a, b)))


def _nothing(a: str, b: str, edited: Sequence[str]) -> list[str]:
    return [f"{a} and {b} have equal metrics in every lane.", *([_unmade(edited)] if edited else [])]


def _unmade(lanes: Sequence[str]) -> str:
    commands = " ".join(lanes)
    return (
        f"`{PARAMS}` has other settings of {', '.join(lanes)}, but no other results were committed: run "
        f"`groundwork repro {commands}`, and commit `{LOCK}` and `results/metrics`."
    )


def _edited(finder: Finder, a: str, b: str) -> list[str]:
    """Return the lanes and blends whose settings in params.yaml differ."""
    after, before = (parsed(git("show", f"{name}:{PARAMS}") or "{}") or {} for name in (a, b))
    sections = [(after.get(key) or {}, before.get(key) or {}) for key in ("competitions", "blends")]
    return sorted(name for here, there in sections for name in here if here[name] != there.get(name))


def table(after: Committed, before: Committed) -> list[str]:
    """Return the scores and the settings that differ, side by side."""
    scores = after.metrics or before.metrics
    if not scores:
        return []
    rows = [(f"{scores['metric']} {'↑' if scores['higher_is_better'] else '↓'}", *map(_score, (before, after)))]
    rows.append(("over all out-of-fold rows", *(_number(one.metrics.get("oof")) for one in (before, after))))
    names = dict.fromkeys(name for one in (before, after) for name in one.metrics.get("further") or {})
    rows += [
        (name, *(_number((one.metrics.get("further") or {}).get(name)) for one in (before, after))) for name in names
    ]
    if before.params and after.params:
        for key in sorted({*before.params, *after.params}):
            old, new = (one.params.get(key, ...) for one in (before, after))
            if old != new and not key.startswith(WITHOUT_EFFECT):
                rows.append(
                    (f"`{key}`", *("–" if value is ... else f"`{_cell(setting(value))}`" for value in (old, new)))
                )
    lines = [f"| | {before.name} | {after.name} |", "|---|--:|--:|", *(f"| {' | '.join(row)} |" for row in rows)]
    return ["\n".join(lines)]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'").replace("\n", " ")


def _score(one: Committed) -> str:
    if not one.metrics:
        return "–"
    spread = f" ± {number(one.metrics['sd'])}" if len(one.metrics["folds"]) > 1 else ""
    return f"{number(one.metrics['mean'])}{spread}"


def _number(value: float | None) -> str:
    return "–" if value is None else number(value)


def picture(after: Committed, before: Committed) -> list[str]:
    """Draw the curves of both commits, or the scores of their folds where there are no curves of both."""
    if not (after.metrics and before.metrics) or after.metrics["metric"] != before.metrics["metric"]:
        return []
    metric, folds = after.metrics["metric"], [one.metrics["folds"] for one in (after, before)]
    lengths = [len(one.curve) for one in (after, before)]
    # Mermaid spreads the points of each line evenly over the axis, so that lines must have equal numbers of points.
    if min(lengths) > 1:
        lines, by, axis = [one.curve for one in (after, before)], "epoch", f"0 --> {lengths[0] - 1}"
        if len({*lengths}) > 1 or lengths[0] > POINTS:
            lines, by, axis = [_spread(line) for line in lines], "% of the epochs", "0 --> 100"
        title = f"validation {metric} by {by}, mean over folds"
    elif len(folds[0]) == len(folds[1]) > 1:
        lines, title, axis = folds, f"{metric} by fold", f"[{', '.join(map(str, range(len(folds[0]))))}]"
    else:
        return []
    low, high = (end(value for line in lines for value in line) for end in (min, max))
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    key = " · ".join(f"{sign} {one.name}" for (sign, _), one in zip(COLORS, (after, before), strict=True))
    spec = [
        "```mermaid",
        "---",
        "config:",
        "  xyChart: {width: 700, height: 320}",
        "  themeVariables:",
        f'    xyChart: {{plotColorPalette: "{", ".join(color for _, color in COLORS)}"}}',
        "---",
        "xychart-beta",
        f'  title "{title}"',
        f"  x-axis {axis}",
        f"  y-axis {low - room:.6g} --> {high + room:.6g}",
        *(f"  line [{', '.join(f'{value:.5g}' for value in line)}]" for line in lines),
        "```",
    ]
    return [key, "\n".join(spec)]


def _spread(line: Sequence[float]) -> list[float]:
    """Return a curve at every twentieth of its length."""
    places = (part * (len(line) - 1) / 20 for part in range(21))
    return [line[int(at)] + (at - int(at)) * (line[math.ceil(at)] - line[int(at)]) for at in places]
