"""The submission stage writes the predictions of the test rows as Kaggle wants them, if they pass the gate."""

from pathlib import Path

import pandas as pd

from groundwork.checks.alarms import CHECKS, notes
from groundwork.competitions import Competition
from groundwork.data.load import load
from groundwork.data.prepared import Prepared
from groundwork.errors import UserError
from groundwork.files import writing
from groundwork.kaggle import gate
from groundwork.objectives.oof import predictions
from groundwork.stages.job import PREDICTIONS, Job

SUBMISSION = "submission.csv"


def run(job: Job) -> str:
    """Write and check the submission of the job's lane."""
    prepared = load(job.competition, job.prepared)
    submission(job.lane_name, job.competition, prepared, job.results, job.place(job.results))
    return f"{job.lane_name}: {job.results / SUBMISSION}"


def submission(
    lane_name: str,
    competition: Competition,
    prepared: Prepared,
    results: Path,
    out: Path | None = None,
    checked: Path | None = None,
) -> Path:
    """Write the lane's ``submission.csv`` with the columns, ids and labels of the sample submission.

    Alarms of the checks and suspicions of the gate are printed; for the latter, `groundwork submit` asks for a reason.

    Parameters
    ----------
    lane_name
        The lane's key in params.yaml, for messages.
    results
        The lane's folder: ``test.parquet``, ``oof.parquet`` and ``experiment.json`` are read there.
    out
        Where to write, in place of `results`.
    checked
        The folder with ``checks.json``, if it is not `results`: a blend has the prepared data of its first member.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UserError
        If a file is missing or broken, or the submission does not pass the gate. Nothing is then written.
    """
    path = results / PREDICTIONS
    try:
        predicted = pd.read_parquet(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not found", f"make it: `dvc repro predict@{lane_name}`") from None
    except Exception as error:
        again = f"make it again: `dvc repro --force predict@{lane_name}`"
        raise UserError(f"{path}: cannot be read ({type(error).__name__}: {error})", again) from None
    sample = gate.read_table(prepared.sample_submission, f"dvc repro --force prepare@{lane_name}")
    identifier, asked = sample.columns[0], sample.iloc[:, 1:]
    decision = gate.decision_in(results, lane_name, competition.scorer)
    answers = gate.answers(competition, predictions(predicted), prepared.labels, asked, decision)
    table = pd.DataFrame({identifier: predicted["id"], **answers})
    path = (out or results) / SUBMISSION
    with writing(path) as temporary:
        table.to_csv(temporary, index=False)
        # The gate reads the file, so that it checks what will be submitted.
        verdict = gate.check_files(lane_name, competition, prepared, results, temporary)
    for line in (*verdict.lines(str(results / SUBMISSION)), *notes((checked or results) / CHECKS)):
        print(line)
    if verdict.suspicions:
        print(f'if this is right, `groundwork submit {lane_name} --despite "why"` hands it in')
    return path
