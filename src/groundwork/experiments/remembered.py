"""What to say and do where only the small record of a run is here: it has scores, but no out-of-fold rows."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from groundwork import params
from groundwork.errors import UserError
from groundwork.experiments import memory
from groundwork.experiments.records import Experiment

# Keys that choose what else their section has: where they differ, the whole section is typed.
CHOICES = ("inputs", "network", "loss", "name")
ROWS = ("competition", "source", "folds", "private")  # other rows or folds are not to be tried


def only_remembered(experiment: Experiment, results: Path) -> UserError:
    """Say that there is no verdict on a run without its rows, what its record knows, and how to train it again."""
    content = memory.find(experiment.run_id, results)
    verdict = content.get("verdict") or {}
    known = f'; of its day, the record has: "{verdict["sentence"]}"' if "sentence" in verdict else ""
    return UserError(
        f"{experiment.lane_name} {experiment.run_id}: only its small record is here, which has scores and no "
        f"out-of-fold rows, so there is no verdict on it{known}",
        _again(experiment.lane_name, content["run"]),
    )


def _again(lane_name: str, run: Mapping[str, Any]) -> str:
    """Name the command that trains a run's settings again; an equal training stands for the run."""
    try:
        settings = params.load()
        lane = settings.competitions[lane_name].model_dump(mode="json")
    except (UserError, KeyError):
        return f"train it again: add a lane {lane_name} with its parameters to params.yaml, then `groundwork repro`"
    own = {key: value for key, value in run["params"].items() if key != "seed"}
    if run["params"].get("seed") != settings.seed or any(own.get(key) != lane.get(key) for key in ROWS):
        commit = (run.get("commit") or "")[:7]
        there = f" (`git switch --detach {commit}` has its code)" if commit else ""
        return (
            "train it again: set its seed, source and folds, which `groundwork leaderboard` shows, in params.yaml"
            f"{there}, then `groundwork repro {lane_name}`"
        )
    seeds = own.get("training", {}).get("seeds", 1)
    several = {**lane, "training": {**lane["training"], "seeds": seeds}}
    changes = [shlex.quote(f"{key}={_written(value)}") for key, value in _changes(several, own)]
    other = seeds != lane["training"]["seeds"]
    if not changes:
        first = f"set `training.seeds: {seeds}` in params.yaml, then " if other else ""
        return f"train its settings again: {first}`groundwork repro {lane_name}`"
    typed = " ".join([lane_name, *changes, *(["--seeds", str(seeds)] if other else [])])
    return f"train its settings again, with today's code and data: `groundwork try {typed}`"


def _changes(today: Mapping[str, Any], then: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys and values in which the settings of a lane differ from today's."""
    for key, value in then.items():
        own = today.get(key)
        if own == value:
            continue
        whole = isinstance(value, dict) and (
            not isinstance(own, dict) or any(own.get(choice) != value.get(choice) for choice in CHOICES)
        )
        if isinstance(value, dict) and not whole:
            yield from _changes(own or {}, value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
