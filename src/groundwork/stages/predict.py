"""The predict stage predicts the test rows with the folds' networks and writes a submission that passes the gate."""

from pathlib import Path

import pandas as pd

from groundwork.competitions import Competition
from groundwork.data.load import load
from groundwork.data.prepared import FINAL, Prepared
from groundwork.errors import UserError
from groundwork.files import writing
from groundwork.kaggle import gate
from groundwork.objectives import KINDS
from groundwork.settings import Hardware
from groundwork.stages.job import Job
from groundwork.training.checkpoint import TrainedFold, fold_file
from groundwork.training.inference import device

SUBMISSION = "submission.csv"


def run(job: Job) -> str:
    """Predict the test rows of the job's lane."""
    prepared = load(job.competition, job.prepared)
    hardware = job.params.hardware
    predict(job.lane_name, job.competition, prepared, job.results, hardware, job.place(job.results))
    return f"{job.lane_name}: {job.results / SUBMISSION}"


def predict(
    lane_name: str,
    competition: Competition,
    prepared: Prepared,
    results: Path,
    hardware: Hardware,
    out: Path | None = None,
) -> Path:
    """Write the lane's ``submission.csv`` from its folds' mean prediction, or the final model's; return its path.

    Parameters
    ----------
    lane_name
        The lane's key in params.yaml, for messages.
    results
        The lane's folder: ``checkpoints/`` and ``oof.parquet`` are read there.
    out
        Where the submission is written; `results` unless given.

    Raises
    ------
    UserError
        If the lane has not been trained, a file is broken, or the predictions do not pass the gate. Nothing is then
        written.
    """
    folder = results / "checkpoints"
    checkpoints = [folder / fold_file(FINAL)] if prepared.final else sorted(folder.glob("fold_*.fold"))
    former = sorted(folder.glob("fold_*.pt"))[:1]
    if not checkpoints and not former:
        raise UserError(f"{folder}: no checkpoints", f"train first: `dvc repro train@{lane_name}`")
    folds = [TrainedFold.load(path) for path in checkpoints or former]
    kind = KINDS[competition.kind]
    predicted = kind.combine([fold.predict(prepared.test, device(hardware)) for fold in folds])
    # The sample submission has the names of the columns: first the id, then the answers.
    sample = gate.read_table(prepared.sample_submission, f"dvc repro --force prepare@{lane_name}", text=kind.as_text)
    identifier, *columns = sample.columns
    answers = kind.handed_in(predicted, prepared.labels, competition.task)
    submission = pd.DataFrame({identifier: prepared.test_ids(sample), **dict(zip(columns, answers, strict=True))})
    path = (out or results) / SUBMISSION
    with writing(path) as temporary:
        submission.to_csv(temporary, index=False)
        # The gate reads the file, so that it checks what will be submitted.
        for note in gate.check_files(lane_name, competition, prepared, results, temporary):
            print(note)
    return path
