"""The evaluate stage scores a lane's out-of-fold predictions by the competition's metric and records the experiment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from groundwork.competitions import Competition
from groundwork.errors import UserError
from groundwork.files import read_json, write_json
from groundwork.objectives import KINDS
from groundwork.objectives.decisions import evaluated
from groundwork.objectives.oof import predictions, read_oof, targets
from groundwork.stages.job import RESULTS, Job


def run(job: Job) -> str:
    """Score the out-of-fold predictions of the job's lane."""
    metrics = evaluate(job.lane_name, job.competition, RESULTS, job.place(RESULTS))
    return (
        f"{job.lane_name}: {metrics['metric']} {metrics['mean']:.4f} ± {metrics['sd']:.4f} over "
        f"{len(metrics['folds'])} folds, {metrics['oof']:.4f} over all out-of-fold rows"
        + "".join(f", {name} {value:.4f}" for name, value in metrics["further"].items())
        + _of_seeds(metrics)
        + _decided(metrics)
    )


def _of_seeds(metrics: Mapping[str, Any]) -> str:
    """Say how much a single seed moves the score; nothing where there is one."""
    if "seeds" not in metrics:
        return ""
    seeds = metrics["seeds"]
    return f"; mean of {len(seeds['oof'])} seeds, which alone score {seeds['mean']:.4f} ± {seeds['sd']:.4f}"


def _decided(metrics: Mapping[str, Any]) -> str:
    """Say what the decision, which was chosen on the other folds, does to the score; nothing where there is none."""
    if "decision" not in metrics:
        return ""
    used, other = metrics["decision"]["used"], "without" if metrics["decision"]["used"] else "with"
    mean = metrics["decision"][other]["mean"]
    return f"; {other} thresholds chosen on the other folds {mean:.4f}{'' if used else ', so they are not used'}"


def _over_seeds(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return each seed's score over all out-of-fold rows, their mean, and their standard deviation (ddof 1)."""
    scores = [float(seed["oof"]) for seed in seeds]
    return {"oof": scores, "mean": float(np.mean(scores)), "sd": float(np.std(scores, ddof=1))}


def evaluate(lane_name: str, competition: Competition, results: Path, out: Path | None = None) -> dict[str, Any]:
    """Write ``metrics/<lane>.json`` and the experiment's record under `out`, or `results`; return the metrics.

    The record is written twice: as ``<lane>/experiment.json``, a DVC output, and as
    ``experiments/<lane>/<run id>.json``, which DVC does not manage, so that it stays when the next experiment replaces
    this one. Where folds were trained with several seeds, the metrics have ``seeds``: the pooled ``oof`` score of each,
    without thresholds, their ``mean`` and ``sd``. The record has the ``decision`` by which the test rows are answered,
    where one raised the score: see `groundwork.objectives.decisions`.

    Raises
    ------
    UserError
        If the lane has not been trained, or a result of its training is broken.
    """
    folder = results / lane_name
    oof = read_oof(folder / "oof.parquet", lane_name, KINDS[competition.kind])
    run = read_json(folder / "run.json", f"dvc repro train@{lane_name}")
    try:
        history = pd.read_csv(folder / "history.csv")
        file_name = f"{run['run_id']}.json"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder}: history.csv or run.json is broken: {error!r}",
            f"train again: `dvc repro --force train@{lane_name}`",
        ) from None
    record = experiment(lane_name, competition, run, oof, history)
    out = out or results
    for path in (out / "experiments" / lane_name / file_name, out / lane_name / "experiment.json"):
        write_json(path, record)
    write_json(out / "metrics" / f"{lane_name}.json", record["metrics"])
    return record["metrics"]


def experiment(
    lane_name: str, competition: Competition, run: dict[str, Any], oof: pd.DataFrame, history: pd.DataFrame
) -> dict[str, Any]:
    """Score out-of-fold rows; return the record of the experiment.

    Parameters
    ----------
    run
        The content of ``run.json``.
    history
        The rows of ``history.csv``.
    """
    kind = KINDS[competition.kind]
    metrics, decision = evaluated(oof, competition.scorer, kind.judged_as, competition.further_metrics)
    if "seeds" in run:
        metrics["seeds"] = _over_seeds(run["seeds"])
    plot = kind.drawing(targets(oof), predictions(oof), competition.task)
    record = {"lane": lane_name, "run": run, "metrics": metrics, "history": history.to_dict("records"), "plot": plot}
    if decision is not None:
        record["decision"] = decision.to_json()
    return record
