"""The gate: what a submission must be before it is written or handed in. It finds every failure in one pass."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from groundwork.competitions import Competition, Kind, Labelled, Purchases
from groundwork.data.prepared import Prepared
from groundwork.data.purchases import PreparedPurchases
from groundwork.data.rows import PreparedRows
from groundwork.errors import UserError
from groundwork.objectives.oof import predictions, read_oof

# How far test predictions may lie from out-of-fold ones. Both limits are wide: competitions do shift between train
# and test, and a gate that refuses honest work is worse than none. They are meant for mistakes: predictions left on
# the log scale (distance 1), doubled prices (0.6), two classes exchanged on Titanic (0.24). A shift of a normal
# distribution by half its standard deviation is a distance of 0.20 and passes; by 1.05 standard deviations, 0.40.
NUMBER_LIMIT = 0.40  # Kolmogorov-Smirnov distance: the largest gap between two cumulative distributions
CLASS_LIMIT = 0.20  # total variation distance between class shares
# A short test set lies far off by chance alone: the distance must also be beyond doubt.
BEYOND_DOUBT = 1e-6


def check(
    submission: pd.DataFrame,
    sample: pd.DataFrame,
    kind: Kind,
    target: pd.Series,
    oof: pd.DataFrame | None,
    *,
    positive: bool = False,
    most: int = 1,
    name: str = "submission.csv",
    next_step: str = "nothing was written or handed in; mend what made the file and run the pipeline again",
) -> list[str]:
    """Check a submission against the competition's sample submission and the out-of-fold predictions.

    Parameters
    ----------
    submission, sample
        As `read_table` reads them: the id column first, then what is predicted.
    kind
        `classification`: labels are handed in, each one seen in training. `regression`, `search`: numbers. `tagging`:
        a probability for each tag. `recommendation`: ids with spaces between them, the best first.
    target
        Its values are the legal labels, or the legal ids.
    oof
        Out-of-fold predictions in the submission's own units, with its columns; None for lists of ids.
    positive
        Whether the metric takes a logarithm, so that a number must lie above 0.
    most
        The longest list of ids.
    name
        The file, for messages.
    next_step
        What to do when it does not pass.

    Returns
    -------
    list of str
        What is unusual but allowed.

    Raises
    ------
    UserError
        With one line per failure: file, column, line, found, expected.
    """
    failures: list[str] = []
    notes: list[str] = []
    found, expected = list(submission.columns), list(sample.columns)
    if found != expected:
        failures.append(f"found columns {', '.join(map(str, found))}; expected {', '.join(expected)} in this order")
    identifier, *predicted = expected
    if identifier in submission:
        failures += _id_failures(submission[identifier], sample[identifier])
        if not failures and not np.array_equal(submission[identifier], sample[identifier]):
            notes.append(f"{name}: rows are not in the sample's order; Kaggle matches them by {identifier}: allowed")
    for column in predicted:
        if column not in submission:
            continue
        values = submission[column]
        if oof is None:
            problems = _list_failures(values, most, target)
            if not problems and len(values) > 1 and values.nunique() == 1:
                notes.append(f"{name}: {column}: every row is the same list: allowed, for whom nothing is known of")
        else:
            problems = _value_failures(values, sample[column], kind, target, positive)
            # A distance between wrong values says nothing.
            if not problems and (distance := _distance_failure(values, oof[column], kind)):
                problems = [distance]
        failures += [f"{column}: {problem}" for problem in problems]
    if failures:
        raise UserError("\n".join(f"{name}: {failure}" for failure in failures), next_step)
    return notes


def _id_failures(ids: pd.Series, expected: pd.Series) -> list[str]:
    failures = []
    if ids.dtype != expected.dtype:
        failures.append(f"{ids.name}: found {_kind(ids)}; expected {_kind(expected)} as in the sample")
    repeated = ids.duplicated()
    if repeated.any():
        failures.append(f"{ids.name}: {_first(repeated)}: found {ids[repeated].iloc[0]} again; expected each id once")
    if (missing := expected[~expected.isin(ids)]).size:
        failures.append(f"{ids.name}: {len(missing)} ids of the sample are missing, the first is {missing.iloc[0]}")
    foreign = ~ids.isin(expected)
    if foreign.any():
        failures.append(f"{ids.name}: {_first(foreign)}: found {ids[foreign].iloc[0]}; expected an id of the sample")
    return failures


def _value_failures(values: pd.Series, sample: pd.Series, kind: str, target: pd.Series, positive: bool) -> list[str]:
    missing = values.isna()
    if missing.any():
        return [f"{_first(missing)}: found no value; expected {_kind(sample)}"]
    if pd.api.types.is_numeric_dtype(sample):
        numbers = pd.to_numeric(values, errors="coerce").astype(float)
        wrong = numbers.isna()
        if wrong.any():
            return [f"{_first(wrong)}: found {_shown(values[wrong].iloc[0])}; expected {_kind(sample)}"]
        infinite = pd.Series(np.isinf(numbers), index=values.index)
        if infinite.any():
            return [f"{_first(infinite)}: found {numbers[infinite].iloc[0]}; expected a finite number"]
        if kind == "classification" and pd.api.types.is_integer_dtype(sample) and values.dtype != sample.dtype:
            return [f"found {values.iloc[0]} ({_kind(values)}); expected {_kind(sample)} as in the sample"]
    failures = []
    if kind == "classification":
        classes = sorted(target.unique())
        illegal = ~values.isin(classes)
        if illegal.any():
            seen = ", ".join(map(str, classes[:20]))
            failures.append(
                f"{_first(illegal)}: found {_shown(values[illegal].iloc[0])}; expected a class of training: {seen}"
            )
    elif kind == "tagging" and (outside := (values < 0) | (values > 1)).any():
        failures.append(f"{_first(outside)}: found {values[outside].iloc[0]}; expected a probability from 0 to 1")
    elif positive and (low := values <= 0).any():
        failures.append(f"{_first(low)}: found {values[low].iloc[0]}; the metric takes a logarithm: expected above 0")
    if len(values) > 1 and values.nunique() == 1:
        failures.append(f"every row is {values.iloc[0]}; expected predictions that differ")
    return failures


def _list_failures(values: pd.Series, most: int, legal: pd.Series) -> list[str]:
    """Check lists of ids: `most` in a list at the most, all known, none twice."""
    missing = values.isna()
    if missing.any():
        return [f"{_first(missing)}: found no value; expected ids with spaces between them"]
    lists = pc.split_pattern(pa.array(values, type=pa.string()), " ")
    counts = np.asarray(pc.list_value_length(lists))
    row, ids = np.repeat(np.arange(len(values)), counts), pc.list_flatten(lists)
    numbers = np.asarray(pc.fill_null(pc.index_in(ids, value_set=pa.array(legal, type=pa.string())), -1))
    # Rows of equal ids stand beside each other once sorted.
    order = np.lexsort((numbers, row))
    again = (np.diff(row[order]) == 0) & (np.diff(numbers[order]) == 0)
    failures = []
    for wrong, found, expected in (
        (np.flatnonzero(counts > most), lambda one: f"{counts[one]} ids", f"{most} at the most"),
        (row[numbers < 0], lambda one: ids[int(np.argmax(numbers < 0))].as_py(), "an id of the competition's"),
        (np.unique(row[order][1:][again]), lambda one: values.iloc[one], "each id once"),
    ):
        if len(wrong):
            place = pd.Series(np.isin(np.arange(len(values)), wrong))
            failures.append(f"{_first(place)}: found {found(wrong[0])}; expected {expected}")
    return failures


def _distance_failure(values: pd.Series, oof: pd.Series, kind: str) -> str | None:
    """Compare test and out-of-fold predictions; None when they are near enough."""
    from scipy.stats import chi2_contingency, ks_2samp

    if kind != "classification":
        test = ks_2samp(values, oof, method="asymp")
        distance, chance, limit = float(test.statistic), float(test.pvalue), NUMBER_LIMIT
        here, there = (f"median {numbers.median():.4g}" for numbers in (values, oof))
    else:
        counts = pd.DataFrame({"here": values.value_counts(), "there": oof.value_counts()}).fillna(0)
        shares = counts / counts.sum()
        gaps = (shares["here"] - shares["there"]).abs()
        distance, limit = float(gaps.sum() / 2), CLASS_LIMIT
        chance = float(chi2_contingency(counts.to_numpy()).pvalue) if len(counts) > 1 else 1.0
        widest = shares.iloc[int(gaps.argmax())]
        here, there = (f"{widest[side]:.0%} of class {widest.name}" for side in ("here", "there"))
    if distance <= limit or chance > BEYOND_DOUBT:
        return None
    return (
        f"the predictions are not like the out-of-fold ones: found {here}, out-of-fold {there} "
        f"(distance {distance:.2f}; expected at most {limit:.2f})"
    )


def _first(wrong: pd.Series) -> str:
    """Name the first wrong line of the file, the header being line 1, and how many follow."""
    lines = np.flatnonzero(wrong) + 2
    return f"line {lines[0]}" + (f" and {len(lines) - 1} more" if len(lines) > 1 else "")


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def _kind(values: pd.Series) -> str:
    if pd.api.types.is_integer_dtype(values):
        return "whole numbers"
    return "numbers" if pd.api.types.is_numeric_dtype(values) else "text"


def read_table(path: Path, made_by: str, *, text: bool = False) -> pd.DataFrame:
    """Read a submission or a sample submission; only an empty field counts as missing.

    Parameters
    ----------
    made_by
        The command that makes it.
    text
        Whether every column is text, as lists of ids are: an id may begin with a zero.

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
    lane: str, competition: Competition, prepared: Prepared, results: Path, file: Path | None = None
) -> list[str]:
    """Read what `check` compares, and check the lane's submission.

    Parameters
    ----------
    lane
        Its key in params.yaml, for messages.
    prepared, results
        The lane's tables, and the folder of its results: there lies ``oof.parquet``.
    file
        Where the submission is, when it is not yet at ``submission.csv`` in `results`.

    Raises
    ------
    UserError
        If a file is missing or broken, or the submission does not pass.
    """
    place, again = results / "submission.csv", f"dvc repro predict@{lane}"
    lists = competition.kind == "recommendation"
    submission = read_table(file or place, again, text=lists)
    sample = read_table(prepared.sample_submission, f"dvc repro --force prepare@{lane}", text=lists)
    step = f"nothing was {'handed in' if file is None else 'written'}; mend the model or its features, then `{again}`"
    positive, most = False, 1
    if isinstance(competition, Labelled):
        assert isinstance(prepared, PreparedRows)
        legal = prepared.train[competition.targets[0]]
        answers = _answers(results / "oof.parquet", lane, competition, np.sort(legal.unique()))
        oof = pd.DataFrame(dict(zip(sample.columns[1:], answers, strict=True)))
        positive = competition.log_target or competition.metric == "rmse_log"
    else:
        assert isinstance(prepared, PreparedPurchases)
        assert isinstance(competition, Purchases)
        legal, oof, most = prepared.articles["article"], None, competition.answers
    return check(
        submission, sample, competition.kind, legal, oof, positive=positive, most=most, name=str(place), next_step=step
    )


def _answers(path: Path, lane: str, competition: Labelled, classes: NDArray[Any]) -> list[NDArray[Any]]:
    """Read out-of-fold predictions as what would be handed in: labels, numbers or probabilities, column by column."""
    predicted = predictions(read_oof(path, lane, competition.kind))
    if competition.kind in ("regression", "search") and predicted.ndim == 1:
        return [predicted]
    if competition.kind == "tagging" and predicted.shape[1:] == (len(competition.targets),):
        return list(predicted.T)
    if competition.kind == "classification" and predicted.shape[1:] == classes.shape:
        # The columns p0, p1, ... stand in the order of the classes.
        return [classes[predicted.argmax(axis=1)]]
    found = "one number" if predicted.ndim == 1 else f"{predicted.shape[1]} probabilities"
    wanted = {"classification": f"{len(classes)} probabilities", "tagging": f"{len(competition.targets)} probabilities"}
    raise UserError(
        f"{path}: found {found} for each row; expected {wanted.get(competition.kind, 'one number')}",
        f"train again: `dvc repro --force train@{lane}`",
    )
