"""Prepared rows as checks look at them: columns of numbers and codes, matrices for models, and targets as numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from groundwork.competitions import Labelled
from groundwork.data.rows import PreparedRows
from groundwork.naming import ByName
from groundwork.objectives import KINDS

Array = NDArray[Any]
Numbers = NDArray[np.float64]
BINS, MOST_CLASSES, MOST_WORDS = 64, 50, 5_000
FEW_WORDS = 15  # texts of fewer words are often written twice by chance


@dataclass(frozen=True)
class Rows:
    """The prepared rows of a competition.

    Attributes
    ----------
    numbers, labels
        Numeric columns, and columns of labels and keys, of the training and the test rows together.
    texts
        The words of each row, joined; empty without texts.
    train
        Number of training rows, which come first.
    targets
        ``[training rows, columns]``: 0 or 1 for each class or tag, ranks of numbers.
    folds
        The fold of each training row.
    """

    competition: Labelled
    prepared: PreparedRows
    numbers: pd.DataFrame
    labels: pd.DataFrame
    texts: pd.Series | None
    train: int
    targets: Numbers
    folds: Array

    @property
    def columns(self) -> pd.DataFrame:
        """All columns as numbers: labels as codes, -1 where they are missing, but for those that are numbers, too."""
        names = [name for name in self.labels if name not in self.numbers]
        codes = {name: pd.factorize(self.labels[name], sort=True)[0] for name in names}
        return pd.concat([self.numbers, pd.DataFrame(codes, index=self.numbers.index)], axis=1)

    @property
    def groups(self) -> Array | None:
        """The key by which folds keep rows together, of the training and the test rows; None without."""
        key = self.competition.group_folds_by
        if key is None or key not in self.prepared.test:
            return None
        both = pd.concat([self.prepared.train[key], self.prepared.test[key]], ignore_index=True)
        return pd.factorize(both, use_na_sentinel=False)[0]

    @property
    def telling(self) -> NDArray[np.bool_]:
        """Whether a row is long enough that an equal one is a copy, of the training and the test rows."""
        if self.texts is None or self.competition.inputs.pair or self.columns.shape[1] > 1:
            return np.ones(len(self.numbers), dtype=bool)
        return self.texts.str.count(r"\S+").to_numpy() >= FEW_WORDS

    @cached_property
    def keys(self) -> Array:
        """A hash of everything that a model reads of a row."""
        parts = [self.numbers, self.labels, *([] if self.texts is None else [self.texts])]
        return pd.util.hash_pandas_object(pd.concat(parts, axis=1), index=False).to_numpy()


def rows_of(competition: Labelled, prepared: PreparedRows) -> Rows:
    """Read prepared rows as checks look at them."""
    inputs = competition.inputs
    both = pd.concat([prepared.train, prepared.test], ignore_index=True)
    fields = (inputs.pair.query, *inputs.pair.fields) if inputs.pair else (inputs.text,) if inputs.text else ()
    texts = None
    numbers = both[pixels(competition, prepared.test) if inputs.image else [*inputs.numeric]].astype(float)
    if fields:
        written = both[list(fields)].fillna("").astype(str)
        lengths = {f"words of {name}": written[name].str.count(r"\S+").astype(float) for name in fields}
        numbers = pd.concat([numbers, pd.DataFrame(lengths)], axis=1)
        texts = written.agg(" ".join, axis=1).str.casefold().str.split().str.join(" ")
    labels = both[list(dict.fromkeys([*inputs.categorical, *inputs.group]))].astype(object)
    targets = TARGETS[KINDS[competition.kind].head](competition, prepared)
    return Rows(
        competition, prepared, numbers, labels, texts, len(prepared.train), targets, prepared.fold["fold"].to_numpy()
    )


def pixels(competition: Labelled, frame: pd.DataFrame) -> list[str]:
    """Return the pixel columns of prepared pictures: all that are nothing else."""
    others = (competition.id, *competition.targets, competition.group_folds_by, competition.query)
    return [str(name) for name in frame if name not in others]


def _classes(competition: Labelled, prepared: PreparedRows) -> Numbers:
    codes = KINDS[competition.kind].target_array(prepared.train, competition.task, prepared.labels)
    frequent = np.argsort(-np.bincount(codes), kind="stable")[:MOST_CLASSES]
    return (codes[:, None] == frequent).astype(float)


def _tags(competition: Labelled, prepared: PreparedRows) -> Numbers:
    return prepared.train[list(competition.targets)].to_numpy(float)


def _numbers(competition: Labelled, prepared: PreparedRows) -> Numbers:
    ranks: Numbers = rankdata(_tags(competition, prepared), axis=0) / len(prepared.train)
    return ranks


# By `Objective.head`.
TARGETS: ByName[Callable[[Labelled, PreparedRows], Numbers]] = {"classes": _classes, "tags": _tags, "numbers": _numbers}


def binned(values: Array, bins: int = BINS) -> NDArray[np.int64]:
    """Cut a column into ranges of equally many rows, with a range of its own for missing values."""
    distinct, codes = np.unique(values, return_inverse=True)
    if len(distinct) <= bins:
        return codes
    missing = np.isnan(values)
    edges = np.unique(np.nanquantile(values, np.linspace(0, 1, bins)[1:-1]))
    return np.where(missing, len(edges) + 1, np.searchsorted(edges, values, side="right"))


def skill(codes: NDArray[np.int64], targets: Numbers, folds: Array) -> Numbers:
    """Predict targets by the mean of the other folds' rows with the same code; return R² of each column of targets."""
    count, actual = codes.max() + 1, targets
    predicted, prior = np.zeros_like(actual), np.zeros_like(actual)
    sums = np.column_stack([np.bincount(codes, column, count) for column in actual.T])
    rows = np.bincount(codes, minlength=count).astype(float)
    for fold in np.unique(folds):
        inside = folds == fold
        own, target = codes[inside], actual[inside]
        others = rows - np.bincount(own, minlength=count)
        total = sums - np.column_stack([np.bincount(own, column, count) for column in target.T])
        mean = actual[~inside].mean(0)
        predicted[inside] = ((total + mean) / (others + 1)[:, None])[own]
        prior[inside] = mean
    varies = ((actual - prior) ** 2).sum(0)
    return 1 - ((actual - predicted) ** 2).sum(0) / np.where(varies > 0, varies, 1.0)
