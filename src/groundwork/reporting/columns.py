"""Shows which columns an experiment's networks rely on, if `groundwork importance` has measured it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundwork import competitions
from groundwork.experiments.importance import has_columns, measured
from groundwork.experiments.records import Experiment
from groundwork.experiments.selection import number
from groundwork.reporting.charts import Chart, chart

MOST = 20  # columns shown


def relied(shown: Experiment, results: Path) -> tuple[Chart | None, bool, str]:
    """Look for what was measured of the experiment that a section shows.

    Returns
    -------
    chart
        None if nothing was measured of it.
    possible
        Whether it could be measured: it is what the lane holds, and its networks read a table.
    problem
        What is wrong with the file; empty if nothing is.
    """
    found, problem = measured(shown, results)
    if found:
        return _drawn(found), True, problem
    name = str(shown.settings.get("competition", ""))
    trained = shown.current and (results / shown.lane_name / "checkpoints").is_dir()
    return None, trained and name in competitions.names() and has_columns(competitions.load(name)), problem


def _drawn(found: Mapping[str, Any]) -> Chart:
    """Draw the mean loss of each column, and that of each fold."""
    columns = found["columns"][:MOST]
    means = [{"column": one["name"], "loss": round(one["loss"], 6)} for one in columns]
    folds = [
        {"column": one["name"], "loss": round(loss, 6), "fold": fold}
        for one in columns
        for fold, loss in enumerate(one["folds"])
    ]
    order = [one["column"] for one in means]
    y = {"field": "column", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 180}}
    x = {"field": "loss", "type": "quantitative", "title": f"how much worse {found['metric']} is"}
    spread = [f"{one['name']} {number(one['loss'])}" for one in columns[:5]]
    return chart(
        "Columns that the networks rely on",
        f"how much worse {found['metric']} is where one of {len(found['columns'])} columns is shuffled; "
        f"the most: {', '.join(spread)}",
        means,
        height=22 * len(means) + 20,
        encoding={"y": y},
        layer=[
            {"mark": {"type": "rule", "strokeDash": [4, 4]}, "encoding": {"x": {"datum": 0, "type": "quantitative"}}},
            {
                "data": {"values": folds},
                "mark": {"type": "tick", "opacity": 0.55, "thickness": 1.5},
                "encoding": {"x": x, "tooltip": [{"field": name} for name in ("column", "fold", "loss")]},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": {"x": x, "tooltip": [{"field": name} for name in ("column", "loss")]},
            },
        ],
    )
