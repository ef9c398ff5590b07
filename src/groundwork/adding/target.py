"""Finds out what is predicted: the id, the targets, the kind of problem, what the submission holds, the metric."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from groundwork.adding.files import Found
from groundwork.adding.kind import FITS, WANTED, Guess, guess_kind, is_binary, is_number
from groundwork.data import tables
from groundwork.errors import UserError, meant
from groundwork.objectives import KINDS
from groundwork.objectives.metrics import METRICS
from groundwork.objectives.spelling import column_of


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes
    ----------
    id, id_reason
        The id column, and why.
    targets, targets_reason
        The target columns, and why.
    kind, metric
        Guesses.
    wants
        What the submission holds: ``labels``, ``probabilities``, ``probabilities of each class`` or ``numbers``.
    wants_reason
        Why.
    """

    id: str
    id_reason: str
    targets: tuple[str, ...]
    targets_reason: str
    kind: Guess
    metric: Guess
    wants: str
    wants_reason: str


def find(
    found: Found,
    *,
    row_id: str | None = None,
    targets: Sequence[str] = (),
    kind: str | None = None,
    metric: Guess | None = None,
) -> Target:
    """Find out what is predicted; the arguments name what is not to be guessed.

    Raises
    ------
    UserError
        If no target can be found, or its values suit no kind of problem.
    """
    if kind is not None and kind not in FITS:
        others = "; the other kinds are written by hand (docs/competitions.md)" if kind in KINDS else meant(kind, FITS)
        raise UserError(
            f"--kind: found {kind!r}{others}; expected one of: {', '.join(FITS)}", "`--kind classification`"
        )
    key, key_reason = _id(found, row_id)
    _check_ids(found, key)
    names, reason, per_class = _targets(found, key, targets)
    values = found.train[list(names)]
    _check_targets(found, values)
    asked = found.sample.iloc[:, 1:]
    if kind and not FITS[kind](values):
        raise UserError(
            f"--kind: found {kind}, which the values of {', '.join(names)} do not suit; expected {WANTED[kind]}",
            "leave --kind away to see what is proposed, or name another target (`--target COLUMN`)",
        )
    guess = Guess(kind, "--kind") if kind else guess_kind(values, asked, per_class, metric)
    if metric:
        _check_metric(metric, guess, values)
    wants, wants_reason = _wants(guess.value, values, asked, per_class)
    measured = metric or _metric(guess.value, wants)
    needs = METRICS[measured.value].needs
    if wants != needs and {wants, needs} <= {"labels", "probabilities"}:
        wants, wants_reason = needs, f"the metric needs them; {wants_reason}"
    return Target(key, key_reason, names, reason, guess, measured, wants, wants_reason)


# --- id --------------------------------------------------------------------------------------------------------------


def _same(a: str, b: str) -> bool:
    return re.sub(r"[\W_]", "", a).lower() == re.sub(r"[\W_]", "", b).lower()


def _id(found: Found, given: str | None) -> tuple[str, str]:
    sample, test = found.sample, found.test
    first = str(sample.columns[0])
    if given is not None:
        if given not in test and given != first:
            names = [first, *map(str, test)]
            raise UserError(f"--id: {found.files.test} has no column {given!r}{meant(given, names)}", f"`--id {first}`")
        return given, "--id"
    where = "" if first in found.train else f"; {found.files.train} has none"
    if first in test:
        return first, f"first column of {found.files.sample}, and in {found.files.test}{where}"
    for name in map(str, test):
        if _same(name, first):
            return name, f"{found.files.sample} calls it {first}"
    wanted = sample[first].astype("str")
    for name in map(str, test):
        if len(test) == len(sample) and test[name].is_unique and {*test[name].astype("str")} == {*wanted}:
            return name, f"its values are those of {first} in {found.files.sample}"
    if len(test) != len(sample):
        raise UserError(
            f"{found.archive}: {found.files.sample}: found {len(sample):,} rows and the id {first}, which "
            f"{found.files.test} with {len(test):,} rows lacks; expected one row for each row of {found.files.test}",
            "name the id (`--id COLUMN`) or another file (`--test FILE`), or write it by hand (docs/competitions.md)",
        )
    return first, f"{found.files.test} has no id: rows are numbered as in {found.files.sample}"


def _check_ids(found: Found, key: str) -> None:
    """Refuse ids that the stage `prepare` would refuse: another archive of the same competition changes nothing."""
    files, step = found.files, "name another id (`--id COLUMN`) or another file (`--test FILE`, `--submission FILE`)"
    for file, frame in ((files.train, found.train), (files.test, found.test)):
        if key in frame and (wrong := frame[key].isna() | frame[key].duplicated()).any():
            raise UserError(
                f"{found.archive}: {file}: column {key!r}: found {frame[key][wrong].iloc[0]} in row "
                f"{int(wrong.argmax()) + 1}, missing or as in an earlier row; expected another id in each row; "
                f"{int(wrong.sum()):,} such rows",
                step,
            )
    if key not in found.test:
        return
    own, asked = _text_of(found, files.test, key), _text_of(found, files.sample, str(found.sample.columns[0]))
    for here, file, there, other in ((asked, files.sample, own, files.test), (own, files.test, asked, files.sample)):
        if (lacking := here[~here.isin(there)]).size:
            raise UserError(
                f"{found.archive}: {len(lacking):,} of the {len(here):,} ids of {file} are not in {other}, the first "
                f"is {lacking.iloc[0]}; expected the same ids, written alike, such as {there.iloc[0]}",
                step,
            )


def _text_of(found: Found, file: str, name: str) -> pd.Series:
    """Return ids as they stand in the file."""
    column = (found.test if file == found.files.test else found.sample)[name]
    if pd.api.types.is_float_dtype(column):
        return tables.read(found.archive, file, {name: str}, partial=True)[name]
    return column.astype("str")


# --- targets ---------------------------------------------------------------------------------------------------------


def _targets(found: Found, key: str, given: Sequence[str]) -> tuple[tuple[str, ...], str, bool]:
    """Return the targets, why, and whether the sample submission has a column for each class."""
    train, asked = found.train, [str(name) for name in found.sample.columns[1:]]
    only_train = [str(name) for name in train if name not in found.test and name != key]
    if given:
        missing = [name for name in given if name not in train]
        if missing:
            hint = meant(missing[0], map(str, train)) or f"; found {', '.join(map(str, train))}"
            raise UserError(f"--target: {found.files.train} has no column {missing[0]!r}{hint}", "name another one")
        per_class = len(given) == 1 and len(asked) > 1 and asked != list(given)
        return tuple(given), "--target", per_class
    if asked and all(name in train for name in asked):
        return tuple(asked), f"asked for by {found.files.sample}", False
    alike = [next((name for name in only_train if _same(name, ask)), None) for ask in asked]
    if alike and all(alike):
        return tuple(str(name) for name in alike), f"{found.files.sample} spells them {', '.join(asked)}", False
    if len(asked) > 1:
        for name in only_train:
            if classes_by_column(train[name], asked):
                return (name,), f"{found.files.sample} has a column for each of its values", True
    if len(only_train) == 1 and len(asked) == 1:
        return (only_train[0],), f"the one column that {found.files.test} lacks", False
    if not only_train:
        raise UserError(
            f"{found.archive}: {found.files.train}: found no column that {found.files.test} lacks and none of "
            f"{', '.join(asked)}, which {found.files.sample} asks for",
            "name the target (`--target COLUMN`) or other files (`--train FILE`, `--test FILE`)",
        )
    raise UserError(
        f"{found.archive}: found several columns that may be the target, since {found.files.test} lacks them: "
        f"{', '.join(only_train[:20])}; {found.files.sample} asks for {', '.join(asked)}",
        f"name it: `--target {only_train[-1]}`, or several with commas",
    )


def classes_by_column(target: pd.Series, asked: Sequence[str]) -> dict[str, str]:
    """Return the class of each column of the sample submission; empty if they are not the classes of `target`.

    The columns may have words before the class, such as ``Status_C`` or ``prob_3``.
    """
    classes = [str(value) for value in target.dropna().unique()]
    if len(asked) < 2 or len(classes) != len(asked):
        return {}
    found = {column: label for label in classes if (column := column_of(label, asked)) is not None}
    return found if len(found) == len(asked) else {}


def _check_targets(found: Found, values: pd.DataFrame) -> None:
    for name in values:
        missing = int(values[name].isna().sum())
        if missing:
            raise UserError(
                f"{found.archive}: {found.files.train}: column {name!r}: found {missing:,} missing values in the "
                "target; expected none",
                "rows without a target cannot be learned from: remove them from the table in the archive",
            )
        if values[name].nunique() < 2:
            raise UserError(
                f"{found.archive}: {found.files.train}: column {name!r}: found {values[name].iloc[0]} in every row; "
                "expected two values or more: there is nothing to learn",
                "name another target: `--target COLUMN`",
            )


# --- submission and metric -------------------------------------------------------------------------------------------


def _wants(kind: str, values: pd.DataFrame, asked: pd.DataFrame, per_class: bool) -> tuple[str, str]:
    if per_class:
        return "probabilities of each class", f"{asked.shape[1]} columns"
    first = asked.iloc[:, 0]
    example = first.iloc[0]
    if kind in ("classification", "tagging"):
        fractions = is_number(first) and bool(np.any(asked.to_numpy(dtype=float) % 1 != 0))
        target = values.iloc[:, 0]
        odd = is_number(first) and not is_number(target) and not is_binary(target)
        if fractions or odd:
            return "probabilities", f"the sample holds {example}"
        return "labels", f"the sample holds {example}"
    return "numbers", f"the sample holds {example}"


def _check_metric(metric: Guess, kind: Guess, values: pd.DataFrame) -> None:
    known = METRICS[metric.value]
    if known.suits(KINDS[kind.value].judged_as):
        return
    suited = [name for name, fits in FITS.items() if known.suits(KINDS[name].judged_as) and fits(values)]
    others = [name for name, other in METRICS.items() if other.suits(KINDS[kind.value].judged_as)]
    raise UserError(
        f"the metric {metric.value} ({metric.reason}) does not suit {kind.value} ({kind.reason}); expected one of: "
        f"{', '.join(others)}",
        "name another metric (`--metric NAME`)" + "".join(f", or `--kind {name}`" for name in suited),
    )


def _metric(kind: str, wants: str) -> Guess:
    if wants == "probabilities of each class":
        return Guess("log_loss", "probabilities of each class are wanted; not told, so check it", ("log_loss", "auc"))
    if kind == "tagging":
        return Guess("auc", "several targets of two values; not told, so check it", ("auc", "log_loss", "f1_macro"))
    if kind == "classification":
        if wants == "probabilities":
            return Guess("auc", "probabilities are wanted; not told, so check it", ("auc", "log_loss"))
        return Guess("accuracy", "labels are wanted; not told, so check it", ("accuracy", "f1", "f1_macro"))
    return Guess("rmse", "numbers are wanted; not told, so check it", ("rmse", "mae", "rmse_log", "rmsle"))
