"""The gate: checks a submission before it is written or handed in, and reports every failure in one message."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from groundwork.competitions import Competition
from groundwork.data.prepared import Prepared
from groundwork.errors import UserError
from groundwork.objectives import KINDS
from groundwork.objectives.columns import content, lines
from groundwork.objectives.metrics import METRICS
from groundwork.objectives.oof import predictions, read_oof


def check(
    submission: pd.DataFrame,
    sample: pd.DataFrame,
    kind: str,
    target: pd.Series,
    oof: pd.DataFrame | None,
    *,
    positive: bool = False,
    most: int = 1,
    name: str = "submission.csv",
    next_step: str = "nothing was written or handed in; fix what made the file and run the pipeline again",
) -> list[str]:
    """Check a submission against the competition's sample submission and the out-of-fold predictions.

    Parameters
    ----------
    submission, sample
        Tables from `read_table`: the id column first, then the predicted columns.
    kind
        A key of `KINDS`: the kind of problem decides which values a column may contain.
    target
        Column whose values are the allowed labels, or the allowed ids.
    oof
        Out-of-fold predictions in the submission's own units, with its columns; None for a kind that is not compared.
    positive
        Whether numbers must be above 0, because the metric takes their logarithm.
    most
        The maximum length of a list of ids.
    name
        Name of the file, for messages.
    next_step
        What the user should do if the submission does not pass.

    Returns
    -------
    list of str
        Notes about what is unusual but allowed.

    Raises
    ------
    UserError
        With one line per failure: file, column, line, found, expected.
    """
    failures: list[str] = []
    notes: list[str] = []
    rules = KINDS[kind]
    columns, expected = list(submission.columns), list(sample.columns)
    if columns != expected:
        failures.append(f"found columns {', '.join(map(str, columns))}; expected {', '.join(expected)} in this order")
    identifier, *predicted = expected
    if identifier in submission:
        failures += _id_failures(submission[identifier], sample[identifier])
        if not failures and not np.array_equal(submission[identifier], sample[identifier]):
            notes.append(f"{name}: rows are not in the sample's order; Kaggle matches them by {identifier}: allowed")
    for column in predicted:
        if column not in submission:
            continue
        values = submission[column]
        problems = rules.column_failures(values, sample[column], target, positive=positive, most=most)
        if not problems:
            notes += [f"{name}: {column}: {note}" for note in rules.column_notes(values)]
            # The distance is meaningless if the values are wrong.
            if oof is not None and (distance := rules.distance_failure(values, oof[column])):
                problems = [distance]
        failures += [f"{column}: {problem}" for problem in problems]
    if failures:
        raise UserError("\n".join(f"{name}: {failure}" for failure in failures), next_step)
    return notes


def _id_failures(ids: pd.Series, expected: pd.Series) -> list[str]:
    failures = []
    if ids.dtype != expected.dtype:
        failures.append(f"{ids.name}: found {content(ids)}; expected {content(expected)} as in the sample")
    repeated = ids.duplicated()
    if repeated.any():
        failures.append(f"{ids.name}: {lines(repeated)}: found {ids[repeated].iloc[0]} again; expected each id once")
    if (missing := expected[~expected.isin(ids)]).size:
        failures.append(f"{ids.name}: {len(missing)} ids of the sample are missing, the first is {missing.iloc[0]}")
    unknown = ~ids.isin(expected)
    if unknown.any():
        failures.append(f"{ids.name}: {lines(unknown)}: found {ids[unknown].iloc[0]}; expected an id of the sample")
    return failures


def read_table(path: Path, made_by: str, *, text: bool = False) -> pd.DataFrame:
    """Read a submission or a sample submission. Only an empty field counts as missing.

    Parameters
    ----------
    made_by
        The command that makes the file.
    text
        Whether to read every column as text, as for lists of ids: an id may begin with a zero.

    Raises
    ------
    UserError
        If the file is missing, empty or not a CSV.
    """
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype="str" if text else None)
    except FileNotFoundError:
        raise UserError(f"{path}: not found", f"make it: `{made_by}`") from None
    except pd.errors.EmptyDataError:
        raise UserError(f"{path}: is empty", f"make it again: `{made_by}`") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is not CSV ({str(error).strip()})", f"make it again: `{made_by}`") from None


def check_files(
    lane_name: str, competition: Competition, prepared: Prepared, results: Path, file: Path | None = None
) -> list[str]:
    """Read the files that `check` compares, and check the lane's submission.

    Parameters
    ----------
    lane_name
        The lane's key in params.yaml, for messages.
    prepared, results
        The lane's prepared data, and the folder of its results, which contains ``oof.parquet``.
    file
        Path of the submission, if it is not yet ``submission.csv`` in `results`.

    Raises
    ------
    UserError
        If a file is missing or broken, or the submission does not pass.
    """
    path, again = results / "submission.csv", f"dvc repro predict@{lane_name}"
    kind, task, labels = KINDS[competition.kind], competition.task, prepared.labels
    submission = read_table(file or path, again, text=kind.as_text)
    sample = read_table(prepared.sample_submission, f"dvc repro --force prepare@{lane_name}", text=kind.as_text)
    oof = None
    if kind.compared:
        answers = _answers(results / "oof.parquet", lane_name, competition, labels)
        oof = pd.DataFrame(dict(zip(sample.columns[1:], answers, strict=True)))
    return check(
        submission,
        sample,
        competition.kind,
        kind.legal(labels, task),
        oof,
        positive=task.log or METRICS[competition.metric].positive,
        most=task.answers,
        name=str(path),
        next_step=f"nothing was {'handed in' if file is None else 'written'}; fix the model or its features, "
        f"then `{again}`",
    )


def _answers(path: Path, lane_name: str, competition: Competition, labels: pd.DataFrame) -> list[Any]:
    """Convert out-of-fold predictions to the submission's columns."""
    kind, task = KINDS[competition.kind], competition.task
    predicted, shape = predictions(read_oof(path, lane_name, kind)), kind.prediction_shape(labels, task)
    if predicted.shape[1:] != shape:
        found, expected = (
            f"{sizes[0]} probabilities" if sizes else "one number" for sizes in (predicted.shape[1:], shape)
        )
        raise UserError(
            f"{path}: found {found} for each row; expected {expected}",
            f"train again: `dvc repro --force train@{lane_name}`",
        )
    return kind.handed_in(predicted, labels, task)
