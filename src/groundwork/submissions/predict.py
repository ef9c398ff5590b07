"""The predict stage: the folds' models answer the test rows, and the gate decides whether that is a submission."""

from pathlib import Path

import numpy as np
import pandas as pd

from groundwork.algorithms.compose import TrainedFold
from groundwork.algorithms.inference import device
from groundwork.competitions import Competition
from groundwork.data.prepared import Prepared
from groundwork.errors import UserError
from groundwork.files import writing
from groundwork.params import Hardware
from groundwork.submissions import gate


def predict(name: str, competition: Competition, prepared: Prepared, results: Path, hardware: Hardware) -> Path:
    """Write the lane's ``submission.csv`` from the mean of its folds' predictions; return its path.

    Parameters
    ----------
    name
        The lane's key in params.yaml, for messages.
    results
        The lane's folder: ``checkpoints/`` and ``oof.parquet`` are read there, the submission is written there.

    Raises
    ------
    UserError
        If the lane has not been trained, a file is broken, or the predictions do not pass the gate: then nothing is
        written.
    """
    checkpoints = sorted((results / "checkpoints").glob("fold_*.pt"))
    if not checkpoints:
        raise UserError(f"{results / 'checkpoints'}: no checkpoints", f"train first: `dvc repro train@{name}`")
    folds = [TrainedFold.load(path) for path in checkpoints]
    predicted = np.mean([fold.predict(prepared.test, device(hardware)) for fold in folds], axis=0)
    classes = folds[0].question.classes
    answers = classes[predicted.argmax(1)] if len(classes) else predicted
    # The sample submission names the columns: the id's and the answer's.
    identifier, answer = gate.read_table(prepared.sample_submission, f"dvc repro --force prepare@{name}").columns
    submission = pd.DataFrame({identifier: prepared.test[competition.id].to_numpy(), answer: answers})
    path = results / "submission.csv"
    with writing(path) as temporary:
        submission.to_csv(temporary, index=False)
        # Read back from the file: what passes the gate is what will be handed in.
        for note in gate.check_files(name, competition, prepared, results, temporary):
            print(note)
    return path
