"""Keeps what `groundwork importance` has measured of a lane's columns, for the report."""

import json
from pathlib import Path
from typing import Any

from groundwork.competitions import Competition, Labelled
from groundwork.experiments.records import RESULTS, Experiment

FOLDER = ".importance"


def kept(lane_name: str, results: Path = RESULTS) -> Path:
    """Return the path of what was measured last."""
    return results / FOLDER / f"{lane_name}.json"


def measured(shown: Experiment, results: Path = RESULTS) -> tuple[dict[str, Any] | None, str]:
    """Read what was measured of an experiment.

    Returns
    -------
    dict or None
        As `groundwork.ask.importance.importance` gives it; None if that was not measured, or of another experiment.
    problem
        Why it cannot be read; empty if nothing is wrong.
    """
    path = kept(shown.lane_name, results)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["run_id"] != shown.run_id:
            return None, ""
        columns = [{**one, "name": str(one["name"]), "loss": float(one["loss"])} for one in content["columns"]]
        for one in columns:
            one["folds"] = [float(loss) for loss in one["folds"]]
        return {**content, "columns": columns, "rows": int(content["rows"]), "shuffles": int(content["shuffles"])}, ""
    except FileNotFoundError:
        return None, ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        again = f"`groundwork importance {shown.lane_name}` measures it again"
        return None, f"{path}: is not the importance of columns ({error!r}); it is left out; {again}"


def has_columns(competition: Competition) -> bool:
    """Whether networks read a table, alone or with a text."""
    return isinstance(competition, Labelled) and competition.inputs.encodings in (["table"], ["table+text"])
