"""The predict stage predicts the test rows with the folds' networks, and writes the predictions as numbers."""

from pathlib import Path

import pandas as pd

from groundwork.competitions import Competition
from groundwork.data.load import load
from groundwork.data.prepared import Prepared, write_table
from groundwork.files import writing
from groundwork.kaggle import gate
from groundwork.objectives import KINDS
from groundwork.objectives.oof import columns
from groundwork.settings import Hardware
from groundwork.stages.job import PREDICTIONS, Job
from groundwork.training.checkpoint import predicting
from groundwork.training.inference import device


def run(job: Job) -> str:
    """Predict the test rows of the job's lane."""
    prepared = load(job.competition, job.prepared)
    predict(job.lane_name, job.competition, prepared, job.results, job.params.hardware, job.place(job.results))
    return f"{job.lane_name}: {job.results / PREDICTIONS}"


def predict(
    lane_name: str,
    competition: Competition,
    prepared: Prepared,
    results: Path,
    hardware: Hardware,
    out: Path | None = None,
) -> Path:
    """Write the lane's ``test.parquet``: the folds' mean prediction, or the final models', of each test row.

    Its columns are ``id`` and ``prediction``, or ``p0``, ``p1``… for several classes, tags, targets or ranked items, as
    in ``oof.parquet``.

    Parameters
    ----------
    lane_name
        The lane's key in params.yaml, for messages.
    results
        The lane's folder: ``checkpoints/`` is read there.
    out
        Where to write, in place of `results`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UserError
        If the lane has not been trained, or a file is broken.
    """
    folds = predicting(lane_name, results / "checkpoints", final=prepared.final)
    predicted = KINDS[competition.kind].combine([fold.predict(prepared.test, device(hardware)) for fold in folds])
    sample = gate.read_table(prepared.sample_submission, f"dvc repro --force prepare@{lane_name}")
    path = (out or results) / PREDICTIONS
    with writing(path) as temporary:
        write_table(
            pd.DataFrame({"id": prepared.test_ids(sample).to_numpy(), **columns("p", "prediction", predicted)}),
            temporary,
        )
    return path
