"""The gate: checks a submission before it is written or handed in, and reports every failure in one message.

It refuses what Kaggle would refuse or score wrongly. What may be honest work is a suspicion: it is said, and
`groundwork submit` hands such a file in only if the competition's file or the user gives a reason.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from groundwork.competitions import Competition
from groundwork.data.prepared import Prepared
from groundwork.errors import UserError
from groundwork.files import read_json
from groundwork.objectives import KINDS, decisions
from groundwork.objectives.base import Array
from groundwork.objectives.columns import Rule, Suspicion, lines
from groundwork.objectives.metrics import Metric
from groundwork.objectives.oof import predictions, read_oof
from groundwork.objectives.thresholds import Decision


@dataclass(frozen=True)
class Verdict:
    """What the gate has to say about a file without failures.

    Attributes
    ----------
    notes
        What is unusual but harmless.
    suspicions
        What may be a mistake, by column.
    """

    notes: list[str] = field(default_factory=list)
    suspicions: list[tuple[str, Suspicion]] = field(default_factory=list)

    def lines(self, name: str) -> list[str]:
        """Return a line for each note and suspicion about the file `name`."""
        said = [f"{column}: {suspicion.text}" for column, suspicion in self.suspicions]
        return [f"{name}: {line}" for line in (*self.notes, *said)]


def check(
    submission: pd.DataFrame,
    sample: pd.DataFrame,
    rules: list[Rule],
    oof: pd.DataFrame | None = None,
    *,
    name: str = "submission.csv",
    next_step: str = "nothing was written or handed in; fix what made the file and run the pipeline again",
) -> Verdict:
    """Check a submission against the competition's sample submission and the out-of-fold predictions.

    Parameters
    ----------
    submission, sample
        Tables from `read_table`: the id column first, then the predicted columns. All values are text.
    rules
        A rule for each predicted column.
    oof
        Out-of-fold predictions as they would be handed in, with the predicted columns; None for a kind that is not
        compared.
    name
        Name of the file, for messages.
    next_step
        What the user should do if the submission does not pass.

    Raises
    ------
    UserError
        With one line per failure: file, column, line, found, expected.
    """
    failures: list[str] = []
    verdict = Verdict()
    columns, expected = list(submission.columns), list(sample.columns)
    if columns != expected:
        failures.append(f"found columns {', '.join(map(str, columns))}; expected {', '.join(expected)} in this order")
    identifier, *predicted = expected
    if identifier in submission:
        failures += _id_failures(submission[identifier], sample[identifier])
        if not failures and not np.array_equal(submission[identifier], sample[identifier]):
            verdict.notes.append(f"rows are not in the sample's order; Kaggle matches them by {identifier}: allowed")
    for column, rule in zip(predicted, rules, strict=True):
        if column not in submission:
            continue
        values = submission[column]
        wrong = rule.failures(values)
        failures += [f"{column}: {problem}" for problem in wrong]
        # The distance is meaningless if the values are wrong.
        if not wrong:
            compared = None if oof is None else oof[column]
            verdict.suspicions.extend((column, found) for found in rule.suspicions(values, compared))
    if failures:
        raise UserError("\n".join(f"{name}: {failure}" for failure in failures), next_step)
    return verdict


def _id_failures(ids: pd.Series, expected: pd.Series) -> list[str]:
    failures = []
    repeated = ids.duplicated()
    if repeated.any():
        failures.append(f"{ids.name}: {lines(repeated)}: found {ids[repeated].iloc[0]} again; expected each id once")
    if (missing := expected[~expected.isin(ids)]).size:
        failures.append(f"{ids.name}: {len(missing)} ids of the sample are missing, the first is {missing.iloc[0]}")
    unknown = ~ids.isin(expected)
    if unknown.any():
        failures.append(f"{ids.name}: {lines(unknown)}: found {ids[unknown].iloc[0]}; expected an id of the sample")
    return failures


def read_table(path: Path, made_by: str) -> pd.DataFrame:
    """Read a submission or a sample submission as text. Only an empty field counts as missing.

    Parameters
    ----------
    made_by
        The command that makes the file.

    Raises
    ------
    UserError
        If the file is missing, empty or not a CSV.
    """
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype="str", encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: not found", f"make it: `{made_by}`") from None
    except pd.errors.EmptyDataError:
        raise UserError(f"{path}: is empty", f"make it again: `{made_by}`") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is not CSV ({str(error).strip()})", f"make it again: `{made_by}`") from None


def check_files(
    lane_name: str, competition: Competition, prepared: Prepared, results: Path, file: Path | None = None
) -> Verdict:
    """Read the files that `check` compares, and check the lane's submission.

    Parameters
    ----------
    lane_name
        The lane's key in params.yaml, for messages.
    prepared, results
        The lane's prepared data, and the folder of its results, which contains ``oof.parquet``.
    file
        Path of the submission, if it is not yet ``submission.csv`` in `results`.

    Returns
    -------
    Verdict
        Suspicions that the competition's file waives are notes, with the reason.

    Raises
    ------
    UserError
        If a file is missing or broken, or the submission does not pass.
    """
    path, again = results / "submission.csv", f"dvc repro submission@{lane_name}"
    kind, task, labels = KINDS[competition.kind], competition.task, prepared.labels
    submission = read_table(file or path, again)
    sample = read_table(prepared.sample_submission, f"dvc repro --force prepare@{lane_name}")
    asked = sample.iloc[:, 1:]
    oof = None
    if kind.compared:
        oof = _out_of_fold(results, lane_name, competition, labels, asked)
    next_step = f"nothing was {'handed in' if file is None else 'written'}; fix the model or its features, "
    next_step += f"then `{again}`"
    verdict = check(
        submission,
        sample,
        kind.rules(labels, task, asked, positive=competition.scorer.positive),
        oof,
        name=str(path),
        next_step=next_step,
    )
    if together := kind.row_failures(submission[list(asked)], task):
        raise UserError("\n".join(f"{path}: {failure}" for failure in together), next_step)
    return _waived(verdict, competition)


def answers(
    competition: Competition, predicted: Array, labels: pd.DataFrame, asked: pd.DataFrame, decision: Decision | None
) -> dict[str, pd.Series]:
    """Convert predictions to the columns of a submission, by name.

    Parameters
    ----------
    predicted
        ``[rows]`` or ``[rows, columns]``: see `Objective.prediction_shape`.
    labels
        The table of all labels.
    asked
        The predicted columns of the sample submission, as text.
    decision
        How the metric's labels are chosen from the predictions; None for the obvious way.
    """
    kind, metric = KINDS[competition.kind], competition.scorer
    decided = decisions.answers(metric, kind.judged_as, predicted, decision) if metric.needs == "labels" else None
    columns = kind.handed_in(predicted, labels, competition.task, asked, decided)
    return dict(zip(map(str, asked), map(pd.Series, columns), strict=True))


def decision_in(results: Path, lane_name: str, metric: Metric) -> Decision | None:
    """Read the decision that the evaluate stage has chosen for a lane; None if there is none."""
    if not metric.decides:
        return None
    record = read_json(results / "experiment.json", f"dvc repro evaluate@{lane_name}")
    return decisions.from_json(record.get("decision"))


def _out_of_fold(
    results: Path, lane_name: str, competition: Competition, labels: pd.DataFrame, asked: pd.DataFrame
) -> pd.DataFrame:
    """Return a lane's out-of-fold predictions as they would be handed in."""
    kind, path = KINDS[competition.kind], results / "oof.parquet"
    predicted = predictions(read_oof(path, lane_name, kind))
    shape = kind.prediction_shape(labels, competition.task)
    if predicted.shape[1:] != shape:
        found, expected = (
            f"{sizes[0]} probabilities" if sizes else "one number" for sizes in (predicted.shape[1:], shape)
        )
        raise UserError(
            f"{path}: found {found} for each row; expected {expected}",
            f"train again: `dvc repro --force train@{lane_name}`",
        )
    return pd.DataFrame(
        answers(competition, predicted, labels, asked, decision_in(results, lane_name, competition.scorer))
    )


def _waived(verdict: Verdict, competition: Competition) -> Verdict:
    """Turn the suspicions that the competition's file explains into notes."""
    notes, left = list(verdict.notes), []
    for column, suspicion in verdict.suspicions:
        if reason := competition.gate.get(suspicion.name):
            notes.append(f"{column}: {suspicion.text}; allowed by the competition's file: {reason}")
        else:
            left.append((column, suspicion))
    return Verdict(notes, left)
