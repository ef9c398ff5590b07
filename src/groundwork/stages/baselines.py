"""The baselines stage scores simple models on the network's folds and logs a run for each."""

import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from groundwork.baselines import Baseline
from groundwork.competitions import Competition
from groundwork.data.load import load
from groundwork.data.prepared import Prepared
from groundwork.experiments.provenance import git_state
from groundwork.files import write_json, writing
from groundwork.objectives import KINDS
from groundwork.objectives.decisions import evaluated
from groundwork.objectives.oof import concatenate, out_of_fold_rows
from groundwork.sections.encodings import EncodingSettings
from groundwork.settings import Tracking
from groundwork.stages.job import Job
from groundwork.tracking.names import labels
from groundwork.tracking.tracker import Tracker


def run(job: Job) -> None:
    """Score the baselines of the job's lane."""
    baselines(
        job.lane_name,
        job.competition,
        job.lane.encoding,
        load(job.competition, job.prepared),
        job.place(job.results),
        seed=job.params.seed,
        tracking=job.params.tracking,
        source=job.lane.source,
    )


def baselines(
    lane_name: str,
    competition: Competition,
    encoding: EncodingSettings,
    prepared: Prepared,
    results: Path,
    *,
    seed: int,
    tracking: Tracking,
    source: str | None = None,
) -> list[dict[str, Any]]:
    """Score the lane's baselines, log a run for each, and write ``baselines.json`` and ``baselines.parquet``.

    The latter has the columns of ``oof.parquet``, and the baseline's name as ``baseline``: paired comparisons need the
    rows.

    Parameters
    ----------
    lane_name
        The lane's key in params.yaml, which is the group of the runs.
    encoding
        The lane's section of params.yaml. The network and its training do not affect baselines.
    prepared
        The output of the prepare stage.
    results
        The lane's folder of results.
    source
        Where the data are from, for the runs' tags.

    Returns
    -------
    list of dict
        The content of ``baselines.json``: ``name``, whether it is ``seeded``, ``metrics`` as the evaluate stage
        gives them, ``seconds``, ``run_id``, ``wandb_dir``, ``data_sha256`` and ``folds_sha256``.
    """
    from groundwork.baselines.choice import baselines_of

    facts = {**git_state(), "data_sha256": prepared.data_sha256, "folds_sha256": prepared.folds_sha256}
    judged_as = KINDS[competition.kind].judged_as
    records, rows = [], []
    for baseline in baselines_of(competition, encoding, prepared, seed):
        started = time.monotonic()
        model = {"model": {"network": "baseline", "baseline": baseline.name}}
        config = {**facts, "params": {"seed": seed, "source": source, **model}}
        more = labels("baseline", lane_name, competition.kind, source=source)
        name = f"{lane_name} baseline: {baseline.name}"
        with Tracker(tracking, group=lane_name, name=name, config=config, more=more) as tracker:
            oof = concatenate([predict_fold(baseline, competition, prepared, fold) for fold in prepared.folds])
            metrics, _ = evaluated(oof, competition.scorer, judged_as, competition.further_metrics)
            tracker.use_data(lane_name)
            tracker.evaluate(competition, oof, prepared.labels, metrics)
        rows.append(oof.sort_values(["id", "fold"], ignore_index=True).assign(baseline=baseline.name))
        records.append(
            {
                "name": baseline.name,
                "seeded": getattr(baseline, "seeded", False),
                "metrics": metrics,
                "seconds": round(time.monotonic() - started, 1),
                "run_id": tracker.run_id,
                "wandb_dir": tracker.directory,
                "data_sha256": prepared.data_sha256,
                "folds_sha256": prepared.folds_sha256,
            }
        )
    with writing(results / "baselines.parquet") as path:
        table = pa.Table.from_pandas(pd.concat(rows, ignore_index=True), preserve_index=False)
        parquet.write_table(table.replace_schema_metadata({"folds_sha256": prepared.folds_sha256}), path)
    write_json(results / "baselines.json", records)
    return records


def predict_fold(baseline: Baseline, competition: Competition, prepared: Prepared, fold: int) -> pd.DataFrame:
    """Predict a fold's validation rows; return the columns of ``oof.parquet``."""
    kind, task = KINDS[competition.kind], competition.task
    train, valid = prepared.training(fold), prepared.validation(fold)
    target, actual = (kind.target_array(rows, task, prepared.labels) for rows in (train, valid))
    return out_of_fold_rows(valid, task, fold, actual, baseline.fit_predict(train, target, valid))
