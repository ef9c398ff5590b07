"""Checks of how test rows differ from training rows: by all columns at once, by column, and by what is missing."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.checks.alarms import Alarm, Check
from groundwork.checks.models import told_apart, words
from groundwork.checks.views import MOST_WORDS, Rows

MOST_ROWS = 4_000  # of each table
APART, DEVIATIONS = 0.6, 4.0  # AUC, and standard errors above a half
DRIFT, MISSING, BY_CHANCE = 0.1, 0.1, 1e-6
SHOWN = 5
WHY = "the score on other rows than those it was computed on may be lower, and cross-validation does not show it"


def adversarial(rows: Rows) -> Check:
    """Learn to tell test rows from training rows."""
    name, rng = "adversarial validation", np.random.default_rng(0)
    tables = np.arange(rows.train), np.arange(rows.train, len(rows.numbers))
    chosen = np.concatenate([np.sort(rng.permutation(table)[:MOST_ROWS]) for table in tables])
    second, groups = chosen >= rows.train, rows.groups
    groups = None if groups is None else groups[chosen]
    found: list[tuple[float, list[str], NDArray[np.float64]]] = []
    image = bool(rows.competition.inputs.image)
    columns = _columns(rows).iloc[chosen]
    if columns.shape[1]:
        matrix = columns.to_numpy(float) / (255 if image else 1)
        auc, counts = told_apart(matrix, second, groups, linear=image)
        found.append((auc, [str(name) for name in columns], counts))
    if rows.texts is not None:
        matrix, names = words(rows.texts.iloc[chosen].tolist(), MOST_WORDS)
        auc, counts = told_apart(matrix, second, groups, linear=True)
        found.append((auc, [f"the word {word!r}" for word in names], counts))
    auc, names, counts = max(found, key=lambda each: each[0])
    first = len(second) - second.sum()
    error = float(np.sqrt((len(second) + 1) / (12 * first * second.sum())))
    measured = {"AUC": auc, "standard error": error}
    if auc < APART or auc < 0.5 + DEVIATIONS * error:
        return Check(name, measured=measured)
    best = np.argsort(-counts, kind="stable")[:3]
    telling = tuple(names[place] for place in best if counts[place] > 0.02)
    said = ", ".join(f"{names[place]} ({counts[place]:.0%})" for place in best)
    return Check(
        name,
        Alarm(
            f"test rows are told from training rows with an AUC of {auc:.2f} (0.5: not at all), mostly by {said}",
            WHY,
            "leave such columns out or make them alike in `features`; if test rows are later, split by time "
            "(`fold_by_time`)",
            telling,
        ),
        measured,
    )


def _columns(rows: Rows) -> pd.DataFrame:
    """Return all columns as numbers; a key that few rows share counts by their number, since its name says nothing."""
    columns = rows.columns
    for key in (key for key in rows.competition.inputs.group if key not in rows.numbers):
        columns[key] = rows.labels[key].map(rows.labels[key].value_counts()).fillna(0).to_numpy(float)
    return columns


def drift(rows: Rows) -> Check:
    """Compare the values of each column."""
    from scipy.stats import chi2_contingency, ks_2samp

    numbers, test = rows.numbers, np.arange(len(rows.numbers)) >= rows.train
    if rows.competition.inputs.image:
        numbers = pd.DataFrame({"brightness": numbers.mean(axis=1)})
    labels = rows.labels[list(rows.competition.inputs.categorical)]
    apart: dict[str, float] = {}
    count, worst = numbers.shape[1] + labels.shape[1], 0.0
    for name in numbers:
        values = numbers[name].to_numpy(float)
        parts = [part[~np.isnan(part)] for part in (values[~test], values[test])]
        if min(map(len, parts)) < 20:
            continue
        distance, chance = ks_2samp(*parts, method="asymp")
        worst = max(worst, float(distance))
        if distance >= DRIFT and chance < BY_CHANCE / count:
            apart[str(name)] = float(distance)
    for name in labels:
        table = pd.crosstab(labels[name].fillna("missing"), test).to_numpy()
        if len(table) < 2:
            continue
        shares = table / table.sum(0)
        distance = float(np.abs(shares[:, 0] - shares[:, 1]).sum() / 2)
        worst = max(worst, distance)
        if distance >= DRIFT and chi2_contingency(table).pvalue < BY_CHANCE / count:
            apart[str(name)] = distance
    return _of_columns("drift of a column", apart, "values", {"largest distance": worst}, "distance of distributions")


def missingness(rows: Rows) -> Check:
    """Compare the share of missing values of each column."""
    both = pd.concat([rows.numbers, rows.labels], axis=1).isna()
    train, test = both.iloc[: rows.train].mean(), both.iloc[rows.train :].mean()
    pooled = both.mean()
    rest = len(both) - rows.train
    error = np.sqrt((pooled * (1 - pooled)).clip(1e-12) * (1 / rows.train + 1 / rest))
    gap = (train - test).abs()
    apart = {str(name): float(gap[name]) for name in gap.index[(gap >= MISSING) & (gap > 6 * error)]}
    return _of_columns(
        "missing values",
        apart,
        "missing values",
        {"largest gap": float(gap.max()) if len(gap) else 0.0},
        "difference of shares",
    )


def _of_columns(name: str, apart: dict[str, float], what: str, measured: dict[str, float], unit: str) -> Check:
    if not apart:
        return Check(name, measured=measured)
    telling = tuple(sorted(apart, key=apart.__getitem__, reverse=True))
    said = ", ".join(f"{column} ({apart[column]:.2f})" for column in telling[:SHOWN])
    more = f" and {len(telling) - SHOWN} more" if len(telling) > SHOWN else ""
    return Check(
        name,
        Alarm(
            f"{what} differ between train and test in {said}{more}; {unit}, from 0 to 1",
            WHY,
            "make both tables alike in `features`, or leave the column out of `inputs`",
            telling,
        ),
        measured,
    )
