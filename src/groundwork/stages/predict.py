"""The predict stage: the folds' models answer the test rows, and the gate decides whether that is a submission."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.competitions import Competition
from groundwork.data.prepared import FINAL, Prepared
from groundwork.data.purchases import PreparedPurchases
from groundwork.errors import UserError
from groundwork.files import writing
from groundwork.kaggle import gate
from groundwork.settings import Hardware
from groundwork.training.checkpoint import TrainedFold, fold_file
from groundwork.training.inference import device


def predict(name: str, competition: Competition, prepared: Prepared, results: Path, hardware: Hardware) -> Path:
    """Write the lane's ``submission.csv`` from its folds' mean prediction, or the final model's; return its path.

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
    where = results / "checkpoints"
    checkpoints = [where / fold_file(FINAL)] if prepared.final else sorted(where.glob("fold_*.fold"))
    former = sorted(where.glob("fold_*.pt"))[:1]
    if not checkpoints and not former:
        raise UserError(f"{where}: no checkpoints", f"train first: `dvc repro train@{name}`")
    folds = [TrainedFold.load(path) for path in checkpoints or former]
    answers = [fold.predict(prepared.test, device(hardware)) for fold in folds]
    predicted = answers[0] if prepared.final else np.mean(answers, axis=0)
    # The sample submission names the columns: the id's and the answers'.
    lists = competition.kind == "recommendation"
    sample = gate.read_table(prepared.sample_submission, f"dvc repro --force prepare@{name}", text=lists)
    submission = _submission(competition, prepared, folds[0].question.classes, predicted, sample)
    path = results / "submission.csv"
    with writing(path) as temporary:
        submission.to_csv(temporary, index=False)
        # Read back from the file: what passes the gate is what will be handed in.
        for note in gate.check_files(name, competition, prepared, results, temporary):
            print(note)
    return path


def _submission(
    competition: Competition, prepared: Prepared, classes: NDArray[Any], predicted: NDArray[Any], sample: pd.DataFrame
) -> pd.DataFrame:
    """Write predictions as the competition asks for them: labels, numbers, probabilities, or lists of ids."""
    identifier, *answers = sample.columns
    if isinstance(prepared, PreparedPurchases):
        # The customers asked about stand in the sample's order.
        return pd.DataFrame({identifier: sample[identifier], answers[0]: prepared.lists(predicted)})
    if competition.kind == "classification":
        predicted = classes[predicted.argmax(1)]
    columns = predicted.reshape(len(predicted), -1).T
    return pd.DataFrame({identifier: prepared.test[competition.id], **dict(zip(answers, columns, strict=True))})
