"""Describes a training in ``run.json``, and finds the run that has trained the same folds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from groundwork.experiments.provenance import git_state
from groundwork.files import read_or_empty
from groundwork.tracking.tracker import Tracker
from groundwork.training.checkpoint import fold_file, part_name
from groundwork.training.replicates import Order, Part, by_seed
from groundwork.training.store import FoldStore, replicates_of


def facts_of(order: Order) -> dict[str, Any]:
    """Return what a run is made from, by which it can be found: parameters, commit, hashes of code, data and folds."""
    return {
        **git_state(),
        "params": {"seed": order.seed, **order.lane.model_dump(mode="json")},
        "code_sha256": order.code,
        "data_sha256": order.prepared.data_sha256,
        "folds_sha256": order.prepared.folds_sha256,
    }


def run_of(
    order: Order,
    tracker: Tracker,
    store: FoldStore,
    keys: Mapping[Part, str],
    seeds: Sequence[pd.DataFrame],
    started: datetime,
    seconds: float,
) -> dict[str, Any]:
    """Return the content of ``run.json``; `seeds` are the out-of-fold rows of each replicate."""
    run = {
        **facts_of(order),
        "run_id": tracker.run_id,
        "wandb_dir": tracker.directory,
        "started": started.isoformat(timespec="milliseconds"),
        "seconds": round(seconds, 1),
        "hardware": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        **_folds_made(store, order.lane_name, keys),
    }
    return run if len(seeds) == 1 else {**run, "seeds": by_seed(seeds, order.competition.scorer)}


def files_of(store: FoldStore, lane_name: str, keys: Mapping[Part, str]) -> dict[str, tuple[Path, str]]:
    """Return the path and the key of each trained fold, by its name in ``checkpoints/``."""
    return {fold_file(*part): (store.path(lane_name, key, part[0]), key) for part, key in keys.items()}


def _folds_made(store: FoldStore, lane_name: str, keys: Mapping[Part, str]) -> dict[str, Any]:
    # `groundwork.training.store.replicates_of` reads it.
    first, *others = [
        {
            part_name(fold, 0): {"key": key, "seconds": store.seconds(lane_name, key)}
            for (fold, number), key in keys.items()
            if number == replicate
        }
        for replicate in sorted({replicate for _, replicate in keys})
    ]
    return {"folds": first, **({"replicates": others} if others else {})}


def former_run(results: Path, lane_name: str, keys: Mapping[Part, str]) -> dict[str, Any] | None:
    """Find the run that trained exactly these folds among the current and the recorded ones; None if there is none."""
    wanted = sorted((replicate, part_name(fold, 0), key) for (fold, replicate), key in keys.items())
    remembered = sorted((results.parent / "experiments" / lane_name).glob("*.json"))
    for path in (results / "run.json", *remembered):
        content = read_or_empty(path)
        run = content.get("run", content)
        if _made(run) == wanted:
            return run
    return None


def _made(run: dict[str, Any]) -> list[tuple[int, str, Any]]:
    return sorted(
        (number, name, str(made.get("key")))
        for number, folds in enumerate(replicates_of(run))
        for name, made in folds.items()
    )
