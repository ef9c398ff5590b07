"""Shows what a lane's last sweep has found: which keys mattered, and how much of the best score is luck."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundwork.experiments.selection import number
from groundwork.experiments.sweeps import OUTCOME, folder
from groundwork.reporting.charts import Chart, chart

STATES = ("complete", "pruned", "failed")


def swept(lane_name: str, results: Path) -> tuple[dict[str, Any] | None, str]:
    """Read the outcome of a lane's last sweep.

    Returns
    -------
    dict or None
        ``told``: sentences about it; ``importance``: the share of each key, largest first; ``chart``: of these, or
        None where there are too few trials.
    problem
        Why it is not shown; empty if nothing is wrong.
    """
    files = sorted(folder(lane_name, results).glob(f"*/{OUTCOME}"), key=lambda path: path.stat().st_mtime_ns)
    if not files:
        return None, ""
    try:
        content = json.loads(files[-1].read_text(encoding="utf-8"))
        shares = {str(key): float(share) for key, share in (content["importance"] or {}).items()}
        importance = dict(sorted(shares.items(), key=lambda one: -one[1]))
        told = _told(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        again = f"`groundwork sweep {lane_name}` writes it again, and trains nothing that it has"
        return None, f"{files[-1]}: is not the outcome of a sweep ({error!r}); it is left out; {again}"
    return {"told": told, "importance": importance, "chart": _drawn(importance) if importance else None}, ""


def _told(content: Mapping[str, Any]) -> list[str]:
    counts = ", ".join(f"{content['trials'][state]} {state}" for state in STATES)
    sentences = [f"{len(content['all'])} trials: {counts}."]
    if not content["importance"]:
        sentences.append("Too few complete trials, or too equal ones, to say which keys matter.")
    if luck := content["optimism"]:
        sentences.append(
            f"The best mean over folds is {number(luck['naive'])}; it is {number(luck['honest'])} where each fold is "
            "scored by the trial that is best on the others: "
            f"{number(max(luck['optimism'], 0.0))} is the luck of choosing."
        )
    return sentences


def _drawn(importance: Mapping[str, float]) -> Chart:
    """Draw the share of each key in the variance of the scores."""
    rows = [{"key": key, "share": round(share, 4)} for key, share in importance.items()]
    return chart(
        "Keys that mattered",
        "shares in the variance of the trials' scores: "
        + ", ".join(f"{row['key']} {row['share']:.0%}" for row in rows),
        rows,
        height=22 * len(rows) + 20,
        encoding={
            "y": {"field": "key", "type": "nominal", "sort": [*importance], "title": None, "axis": {"labelLimit": 180}},
            "x": {
                "field": "share",
                "type": "quantitative",
                "title": "share in the variance of the scores",
                "axis": {"format": "%"},
                "scale": {"domain": [0, max(1e-9, *importance.values())]},
            },
        },
        layer=[
            {"mark": "bar", "encoding": {"tooltip": [{"field": "key"}, {"field": "share", "format": ".1%"}]}},
            {
                "mark": {"type": "text", "align": "left", "dx": 4},
                "encoding": {"text": {"field": "share", "format": ".0%"}},
            },
        ],
    )
