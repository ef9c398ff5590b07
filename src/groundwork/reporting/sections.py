"""Collects what the page shows of one lane."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundwork import competitions, mistakes
from groundwork.checks.alarms import CHECKS, sounding
from groundwork.data.prepared import TEST, TRAIN, read_table
from groundwork.errors import UserError
from groundwork.experiments.evidence import PREPARED
from groundwork.experiments.openings import summary
from groundwork.experiments.records import Baseline, Experiment
from groundwork.experiments.selection import differing, folded, further_names, setting, split
from groundwork.experiments.verdicts import told
from groundwork.files import write_json
from groundwork.reporting import charts, failures, lineage, plots, tables
from groundwork.reporting.columns import relied
from groundwork.reporting.standings import standing
from groundwork.reporting.sweeps import swept

NOTHING: dict[str, Any] = {"worst": None, "failing": [], "tables": None}
VERSION = 2  # of what is kept of a look at the rows
ROWS = 30_000  # out-of-fold rows whose errors are looked at


def section(
    lane_name: str, experiments: Sequence[Experiment], compared: Sequence[Baseline], results: Path
) -> dict[str, Any]:
    """Collect the values of a lane's section; it shows the current experiment, or the best where none is current.

    Returns
    -------
    dict
        Names for the template. ``data`` is for the page's script: curves, scores, settings and verdicts by run.
    """
    ranked, others, shown = split(experiments)
    keys = differing(ranked)
    nodes = lineage.tree(folded(ranked), keys, results)
    verdicts = told(shown, folded(ranked), compared, results)
    looked, problem = _looked_at(shown, results)
    place, medals, unread = standing(shown, ranked)
    drawn = [charts.scores(ranked, compared), charts.against_leaderboard(ranked), medals]
    found, unswept = swept(lane_name, results)
    columns, measurable, unmeasured = relied(shown, results)
    drawn.append(charts.parallel(ranked, keys, found["importance"] if found else None))
    return {
        "lane_name": lane_name,
        "sample": shown.settings.get("source") == "sample",
        "experiments": ranked,
        "rows": _rows(folded(ranked), compared),
        "private": summary(lane_name, results),
        "alarms": sounding(results / lane_name / CHECKS),
        "told": verdicts,
        "further": further_names([*ranked, *compared]),
        "others": [(other, differing([shown, other])) for other in others],
        "shown": shown,
        "best": ranked[0],
        "submitted": any(experiment.public_score for experiment in experiments),
        "seeded": any(experiment.seeds for experiment in ranked),
        "dirty": any(experiment.dirty for experiment in experiments),
        "noted": any(experiment.note for experiment in ranked),
        "differing": keys,
        "guessed": any(node.base and not node.recorded for node in nodes.values()),
        "tree": lineage.lines(nodes) if len(nodes) > 1 else [],
        "compared": [chart for chart in drawn if chart],
        "confusion": _confusion(shown.plot),
        "bars": _bars(shown.plot),
        "scatter": plots.scatter(shown.plot) if shown.plot.get("kind") == "scatter" else [],
        "swept": found,
        "columns": columns,
        "measurable": measurable,
        "problems": [one for one in (problem, unread, unswept, unmeasured) if one],
        "standing": place,
        **looked,
        "data": {
            "metric": shown.metric,
            "higher": shown.higher_is_better,
            "shown": shown.run_id,
            "runs": {one.run_id: _for_script(one) for one in experiments},
            "verdicts": [
                [run_id, node.base, node.verdict["sentence"]]
                for run_id, node in nodes.items()
                if node.verdict and node.base in nodes
            ],
        },
    }


def _for_script(experiment: Experiment) -> dict[str, Any]:
    return {
        "folds": [float(f"{score:.5g}") for score in experiment.folds],
        "settings": {key: setting(value) for key, value in experiment.settings.items()},
        "curves": charts.curves(experiment),
        "rows": experiment.judged_by[:12],
    }


def _rows(ranked: Sequence[Experiment], compared: Sequence[Baseline]) -> list[tuple[int | None, Experiment | Baseline]]:
    """Order experiments, with their ranks, and baselines by score; experiments come first where scores are equal."""
    rows: list[tuple[int | None, Experiment | Baseline]] = [
        *enumerate(ranked, start=1),
        *((None, baseline) for baseline in compared),
    ]
    return sorted(rows, key=lambda row: -row[1].score if ranked[0].higher_is_better else row[1].score)


def _looked_at(shown: Experiment, results: Path) -> tuple[dict[str, Any], str]:
    """Look at the current experiment's out-of-fold rows and at the prepared tables, where they are here.

    The rows of a blend are those of its members, which show the tables.

    Returns
    -------
    dict
        ``worst``, ``failing`` (charts) and ``tables``; each empty where nothing can be said.
    problem
        Why something is missing; empty if nothing is.
    """
    name = str(shown.settings.get("competition", ""))
    folder = PREPARED / _prepared_as(shown.lane_name, results)
    files = (folder / TRAIN, folder / TEST, results / shown.lane_name / "oof.parquet")
    if not shown.current or not all(path.is_file() for path in files) or name not in competitions.names():
        return NOTHING, ""
    # Looking takes a second, and the report is written after each command: it is kept until a file changes.
    key = [VERSION, shown.run_id, *((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)]
    kept = results / ".looked" / f"{shown.lane_name}.json"
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
        if known["key"] == json.loads(json.dumps(key)):
            return known["found"], ""
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found, problem = _look(shown, name, files, own=folder.name == shown.lane_name)
    if not problem:
        write_json(kept, {"key": key, "found": found})
    return found, problem


def _prepared_as(lane_name: str, results: Path) -> str:
    """Return the lane whose prepared tables a lane's rows are from: its own, or those of a blend's first member."""
    own = lane_name
    while not (PREPARED / own).is_dir():
        try:
            run = json.loads((results / own / "run.json").read_text(encoding="utf-8"))
            own = next(iter(run["params"]["members"]))  # the members have the same rows, and may be blends
        except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
            return lane_name
    return own


def _look(shown: Experiment, name: str, files: tuple[Path, Path, Path], *, own: bool) -> tuple[dict[str, Any], str]:
    try:
        competition = competitions.load(name)
        train, test, oof = map(read_table, files)
        if len(oof) > ROWS:
            oof = oof.sample(ROWS, random_state=0)
        described = tables.described(competition, train, test) if own else None
    except (UserError, OSError, ValueError, KeyError) as error:
        return NOTHING, f"{shown.lane_name}: the data and where it fails are not shown: {error}"
    try:
        found = mistakes.judged(competition, oof, train)
    except (UserError, ValueError, KeyError) as error:
        return {**NOTHING, "tables": described}, f"{shown.lane_name}: where it fails is not shown: {error}"
    if found is None:
        return {**NOTHING, "tables": described}, ""
    drawn = [failures.calibrated(found), failures.by_group(found)]
    return {"worst": failures.worst(found), "failing": [one for one in drawn if one], "tables": described}, ""


def _confusion(plot: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give each count its share of the row, and a shade: the share's square root, so that rare errors are visible."""
    if plot.get("kind") != "confusion":
        return None
    rows = []
    for name, counts in zip(plot["classes"], plot["matrix"], strict=True):
        shares = [count / (sum(counts) or 1) for count in counts]
        cells = [
            {"count": count, "percent": f"{100 * share:.1f}", "shade": round(share**0.5, 2)}
            for count, share in zip(counts, shares, strict=True)
        ]
        rows.append({"name": name, "cells": cells})
    return {"classes": plot["classes"], "rows": rows}


def _bars(plot: Mapping[str, Any]) -> dict[str, Any] | None:
    """Scale bars to 1 where the largest value is a share of more than a half, else to the largest value."""
    if plot.get("kind") != "bars":
        return None
    largest = max((value for _, value in plot["bars"]), default=0.0)
    whole = 1.0 if 0.5 < largest <= 1 else largest or 1.0
    lengths = [(name, value, round(100 * max(value, 0.0) / whole, 1)) for name, value in plot["bars"]]
    return {"title": plot["title"], "bars": lengths}
