"""Runs the pipeline for a lesson: on a competition's sample, in this process, without tracking.

It calls the functions of the pipeline's stages; a lesson may change values of `params.yaml`.
"""

import tempfile
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from groundwork import competitions, params
from groundwork.baselines.choice import baselines_of
from groundwork.competitions import Competition
from groundwork.data.load import load
from groundwork.data.prepared import Prepared
from groundwork.errors import UserError
from groundwork.lessons.course import ROOT
from groundwork.objectives.oof import cross_validate
from groundwork.settings import Lane, Params
from groundwork.stages.baselines import predict_fold
from groundwork.stages.fetch import fetch
from groundwork.stages.prepare import prepare
from groundwork.training.checkpoint import TrainedFold
from groundwork.training.fold import train_fold


@dataclass(frozen=True)
class Run:
    """One fold, trained.

    Attributes
    ----------
    metric, score
        The competition's metric, and what the network scores by it on the fold's validation rows.
    history
        A row for each epoch: losses and the metric.
    trained
        The fold as a checkpoint holds it: network, fitted transforms, out-of-fold predictions.
    """

    metric: str
    score: float
    history: pd.DataFrame
    trained: TrainedFold


def settings(lane: str, changes: Mapping[str, Any] | None = None) -> Lane:
    """Read a lane's section of params.yaml, with `changes` by dotted key, such as ``{"training.epochs": 3}``.

    A lane's competition, folds and source cannot be changed.

    Raises
    ------
    UserError
        If the lane or a key is not there, or a value is not allowed.
    """
    return _params(lane, changes).lane(lane)


def tables(lane: str) -> tuple[Competition, Prepared]:
    """Fetch the sample of a lane's competition and prepare it; once in a process."""
    return _tables(lane, settings(lane).folds)


def train(lane: str, changes: Mapping[str, Any] | None = None, *, fold: int = 0, seed: int = 0) -> Run:
    """Train one fold of a lane, on the CPU unless ``hardware.accelerator`` is among the changes.

    Parameters
    ----------
    lane
        A key under ``competitions`` in params.yaml.
    changes
        New values by dotted key: of the lane (``model.dropout``), or of ``hardware``.
    fold, seed
        Fold k starts from ``seed + k``.

    Raises
    ------
    UserError
        As `settings`, and if the loss becomes NaN.
    """
    read = _params(lane, {"hardware.accelerator": "cpu", **(changes or {})})
    section = read.lane(lane)
    competition, prepared = _tables(lane, section.folds)
    if fold not in prepared.folds:
        raise UserError(f"fold {fold}: not found", f"name one of: {', '.join(map(str, prepared.folds))}")
    trained = train_fold(competition, section, prepared, fold, seed, read.hardware)
    assert trained.validation is not None  # only a model trained on everything has none
    score = cross_validate(trained.validation, competition.scorer)["oof"]
    return Run(competition.scorer.name, score, pd.DataFrame(trained.history), trained)


def baselines(lane: str, *, fold: int = 0, seed: int = 0) -> dict[str, float]:
    """Score the baselines by the lane's metric on the validation rows of one fold."""
    section = settings(lane)
    competition, prepared = tables(lane)
    return {
        baseline.name: cross_validate(predict_fold(baseline, competition, prepared, fold), competition.scorer)["oof"]
        for baseline in baselines_of(competition, section.encoding, prepared, seed)
    }


def _params(lane: str, changes: Mapping[str, Any] | None) -> Params:
    path = ROOT / "params.yaml"
    # A mistake in the file is reported as such, whatever a lesson changes.
    read = params.load(path)
    if not changes:
        return read
    content = deepcopy(YAML(typ="safe").load(path))
    for key, value in changes.items():
        section = content if key.startswith("hardware.") else content["competitions"].get(lane, {})
        *parents, last = key.split(".")
        for parent in parents:
            section = section.setdefault(parent, {})
            if not isinstance(section, dict):
                raise UserError(
                    f"changes: {key!r}: found a value at {parent!r}; expected a section", "name another key"
                )
        section[last] = value
    try:
        return params.check(content)
    except UserError as error:
        raise UserError(
            f"changes {dict(changes)}: {error.problem}", "fix the changes; params.yaml is not affected"
        ) from None


@cache
def _tables(lane: str, folds: int) -> tuple[Competition, Prepared]:
    read = params.load(ROOT / "params.yaml")
    competition = competitions.load(read.lane(lane).competition)
    # Removed when the process ends; the tables stay in memory.
    folder = Path(_folder().name)
    archive, prepared = folder / f"{lane}.zip", folder / lane
    fetch(competition, "sample", archive, lane)
    prepare(competition, archive, prepared, folds, read.folds_seed)
    return competition, load(competition, prepared)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="groundwork-lessons-")
