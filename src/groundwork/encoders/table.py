"""Encodes table columns: numbers, categories, and group keys that few rows share."""

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import OrdinalEncoder

from groundwork.competitions import Inputs as Columns
from groundwork.competitions import Labelled
from groundwork.encoders import Encoder, Numbers
from groundwork.encoders.ragged import Encoded
from groundwork.errors import UserError
from groundwork.sections.encodings import TableEncoding
from groundwork.state import State, array, scalar, texts

LEARNED = ("medians", "low", "high", "mean", "scale")  # fitted statistics of each number
PARTS = 5  # of the training rows, each encoded by the others where rates are cross-fitted


class GroupRate:
    """Encodes a key by the mean target and the number of the other training rows that share it.

    A ticket or a family name is shared by two or three rows. A training row must not be encoded by its own target, so
    it is left out. Rates are smoothed towards the overall mean as if `smoothing` further rows had that value:
    Micci-Barreca, "A Preprocessing Scheme for High-Cardinality Categorical Attributes",
    https://doi.org/10.1145/507533.507538.

    Parameters
    ----------
    smoothing
        Weight of the overall mean, in rows.
    """

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing

    def fit(self, keys: pd.Series, target: Numbers) -> Self:
        """Compute sums and counts for each key; a missing key belongs to no group."""
        self.mean = target.mean(0)
        codes, known = pd.factorize(keys.to_numpy(dtype=object))
        member = codes >= 0
        grouped = pd.DataFrame(target[member]).groupby(codes[member])
        self.keys = _lookup(known.tolist())
        # The last row is for keys that are missing or were never seen.
        self.sums = np.vstack([grouped.sum().to_numpy(), np.zeros((1, target.shape[1]))])
        self.counts = np.append(grouped.size().to_numpy(dtype=float), 0.0)
        return self

    def transform(self, keys: pd.Series, own: Numbers | None = None) -> Numbers:
        """Encode `keys` as ``[rows, signals + 1]``: rates and log-counts.

        Parameters
        ----------
        own
            The rows' own targets, to be left out, if they are the training rows.
        """
        rows = _find(self.keys, keys.to_numpy(dtype=object))
        sums, counts = self.sums[rows], self.counts[rows]
        if own is not None:
            member = keys.notna().to_numpy(dtype=float)
            sums, counts = sums - own * member[:, None], counts - member
        return np.column_stack([self._rates(sums, counts), np.log1p(counts)])

    def cross_fitted(self, keys: pd.Series, own: Numbers) -> Numbers:
        """Encode the training rows as `transform` does, but rates by the rows of other parts alone.

        Leaving out only the row itself tells its target to whatever knows the group too, such as a tree or an
        embedding of the key: within a group, a row's rate falls as its own target rises.
        """
        rows, member = _find(self.keys, keys.to_numpy(dtype=object)), keys.notna().to_numpy()
        part = np.random.default_rng(0).permutation(len(keys)) % PARTS
        cells = rows * PARTS + part
        kept = cells[member]
        inside = np.zeros((len(self.counts) * PARTS, own.shape[1]))
        np.add.at(inside, kept, own[member])
        counted = np.bincount(kept, minlength=len(inside)).astype(float)
        # A row without a key belongs to the last group, which is empty.
        rates = self._rates(self.sums[rows] - inside[cells], self.counts[rows] - counted[cells])
        return np.column_stack([rates, np.log1p(self.counts[rows] - member)])

    def _rates(self, sums: Numbers, counts: Numbers) -> Numbers:
        return (sums + self.smoothing * self.mean) / (counts + self.smoothing)[:, None]

    def state(self) -> State:
        """Return the fitted values, as data."""
        return {
            "smoothing": float(self.smoothing),
            "keys": list(self.keys),
            "mean": self.mean,
            "sums": self.sums,
            "counts": self.counts,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state`."""
        rate = cls(scalar(state, "smoothing", float))
        rate.keys = _lookup(scalar(state, "keys", list))
        rate.mean, rate.counts = array(state, "mean", np.float64), array(state, "counts", np.float64)
        rate.sums = array(state, "sums", np.float64, 2)
        if not len(rate.sums) == len(rate.counts) == len(rate.keys) + 1:
            raise ValueError("keys, sums and counts differ in number")
        return rate


class Codes:
    """Integer codes of labels: rare labels share the last code, and unknown labels have code 0.

    Parameters
    ----------
    min_count
        A label with fewer training rows counts as rare.
    """

    def __init__(self, min_count: int) -> None:
        self.min_count = min_count
        self.columns: list[dict[str, int]] = []

    def fit(self, labels: NDArray[Any]) -> Self:
        """Learn the labels of each column, object ``[rows, columns]``."""
        self.columns = []
        for column in labels.T[:, :, None]:
            # Store scikit-learn's code of each label, because a dictionary can be saved as data.
            ordinal = OrdinalEncoder(min_frequency=self.min_count).fit(column)
            known = ordinal.categories_[0]
            numbers = ordinal.transform(known[:, None])[:, 0].astype(int) + 1
            self.columns.append(dict(zip(known.tolist(), numbers.tolist(), strict=True)))
        return self

    def transform(self, labels: NDArray[Any]) -> NDArray[np.int64]:
        """Encode labels, int64 ``[rows, columns]``."""
        columns = [_find(known, column, 0) for known, column in zip(self.columns, labels.T, strict=True)]
        return np.column_stack([*columns, np.empty((len(labels), 0), dtype=np.int64)])

    def state(self) -> State:
        """Return the fitted values, as data."""
        columns = [{"labels": list(known), "codes": np.array([*known.values()], int)} for known in self.columns]
        return {"min_count": self.min_count, "columns": columns}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state`."""
        codes = cls(scalar(state, "min_count", int))
        codes.columns = [
            dict(zip(texts(column, "labels"), array(column, "codes", np.int64).tolist(), strict=True))
            for column in scalar(state, "columns", list)
        ]
        return codes


class TableEncoder(Encoder):
    """Encoder of table columns: imputed, clipped, standardized numbers; categories as codes; groups as rates.

    Parameters
    ----------
    columns
        The columns by how they are encoded.
    clip
        Share of the training rows at either end whose numbers are clipped to the quantile.
    min_category_count
        Categories with fewer training rows share one code.
    group_smoothing
        See `GroupRate`.
    bins
        Bins for a piecewise-linear encoding, between quantiles of the training rows. 0 encodes for trees: missing
        numbers stay missing.

    Notes
    -----
    The group rates of training rows are `GroupRate.cross_fitted` for trees and for keys that are also categories; else
    each row is encoded by all others.
    """

    def __init__(
        self, columns: Columns, clip: float, min_category_count: int, group_smoothing: float, bins: int
    ) -> None:
        self.columns, self.clip, self.bins = columns, clip, bins
        self.groups = {name: GroupRate(group_smoothing) for name in columns.group}
        self.codes = Codes(min_category_count)

    @classmethod
    def of(cls, encoding: TableEncoding, competition: Labelled, prepared: object, bins: int) -> Self:
        """Create the encoder of a competition's numeric, categorical and group columns."""
        return cls(competition.inputs, encoding.clip, encoding.min_category_count, encoding.group_smoothing, bins)

    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Fit on training rows and encode them."""
        for name, group in self.groups.items():
            group.fit(frame[name], target)
        numbers = self._numbers(frame, target)
        # A column without a single number has no median and carries no information: it becomes zero.
        empty = np.isnan(numbers).all(0)
        self.medians = np.where(empty, 0.0, np.nanmedian(np.where(empty, 0.0, numbers), axis=0))
        filled = np.where(np.isnan(numbers), self.medians, numbers)
        self.low, self.high = np.quantile(filled, [self.clip, 1 - self.clip], axis=0)
        # A flag rarer than the clipped share would become constant, so it is not clipped.
        flat = self.low == self.high
        self.low[flat], self.high[flat] = filled.min(0)[flat], filled.max(0)[flat]
        clipped = filled.clip(self.low, self.high)
        self.mean, self.scale = clipped.mean(0), np.where(self.low == self.high, 1.0, clipped.std(0))
        scaled = (clipped - self.mean) / self.scale
        self.edges = torch.tensor(np.quantile(scaled, np.linspace(0, 1, self.bins + 1), axis=0).T, dtype=torch.float32)
        self.codes.fit(self._labels(frame))
        # Code 0 is for unknown categories; rare ones share scikit-learn's last code.
        self.categories = [int(codes.max()) + 1 for codes in self._codes(frame).T]
        if not self.bins:
            self.medians = np.full(len(self.medians), np.nan)
        return self._encode(np.where(np.isnan(numbers), self.medians, numbers), frame)

    def transform(self, frame: pd.DataFrame) -> Encoded:
        """Encode rows: ``numeric`` float32 ``[rows, numbers]`` and ``categorical`` int64 ``[rows, categories]``."""
        numbers = self._numbers(frame, None)
        return self._encode(np.where(np.isnan(numbers), self.medians, numbers), frame)

    def state(self) -> State:
        """Return everything that `transform` needs, as data."""
        columns = self.columns
        return {
            "numeric": list(columns.numeric),
            "categorical": list(columns.categorical),
            "clip": float(self.clip),
            "bins": self.bins,
            "groups": [{"column": name, **rate.state()} for name, rate in self.groups.items()],
            "codes": self.codes.state(),
            "categories": list(self.categories),
            **{name: getattr(self, name) for name in LEARNED},
            "edges": self.edges.numpy(),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild an encoder from `state`; raise ValueError or KeyError if it is invalid."""
        rates = {scalar(group, "column", str): GroupRate.from_state(group) for group in scalar(state, "groups", list)}
        columns = Columns(tuple(texts(state, "numeric")), tuple(texts(state, "categorical")), tuple(rates))
        # The objects that the constructor makes from the category count and the smoothing are replaced.
        encoder = cls(columns, scalar(state, "clip", float), 1, 1.0, scalar(state, "bins", int))
        encoder.groups, encoder.codes = rates, Codes.from_state(state["codes"])
        encoder.categories = [int(size) for size in scalar(state, "categories", list)]
        encoder.medians, encoder.low, encoder.high, encoder.mean, encoder.scale = (
            array(state, name, np.float64) for name in LEARNED
        )
        encoder.edges = torch.from_numpy(array(state, "edges", np.float32, 2))
        widths = {len(encoder.edges), *(len(getattr(encoder, name)) for name in LEARNED)}
        if len(widths) > 1 or not len(encoder.categories) == len(encoder.codes.columns) == len(columns.categorical):
            raise ValueError("columns and fitted values differ in number")
        return encoder

    def _numbers(self, frame: pd.DataFrame, own: Numbers | None) -> Numbers:
        numbers = frame[list(self.columns.numeric)].to_numpy(dtype=float)
        if (infinite := np.isinf(numbers)).any():
            row, column = np.argwhere(infinite)[0]
            raise UserError(
                f"column {self.columns.numeric[column]!r}: found {numbers[row, column]} in {infinite[:, column].sum()} "
                "rows; expected finite numbers or none",
                "fix `features` in the competition's file (a division by zero, a logarithm of zero), or the data",
            )
        groups = (
            rate.cross_fitted(frame[name], own)
            if own is not None and self._is_told(name)
            else rate.transform(frame[name], own)
            for name, rate in self.groups.items()
        )
        return np.column_stack([numbers, *groups])

    def _is_told(self, key: str) -> bool:
        """Return whether a row's group can be told from more than its rate."""
        return not self.bins or key in self.columns.categorical

    def _codes(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        return self.codes.transform(self._labels(frame))

    def _labels(self, frame: pd.DataFrame) -> NDArray[Any]:
        return frame[list(self.columns.categorical)].astype(object).fillna("missing").to_numpy(dtype=object)

    def _encode(self, numbers: Numbers, frame: pd.DataFrame) -> Encoded:
        scaled = (numbers.clip(self.low, self.high) - self.mean) / self.scale
        return {
            "numeric": torch.tensor(scaled, dtype=torch.float32),
            "categorical": torch.tensor(self._codes(frame), dtype=torch.int64),
        }


def _lookup(values: Iterable[Any]) -> dict[Any, int]:
    return {value: index for index, value in enumerate(values)}


def _find(known: dict[Any, int], values: NDArray[Any], default: int = -1) -> NDArray[np.int64]:
    """Look values up; use `default` for unknown values."""
    return np.fromiter((known.get(value, default) for value in values), np.int64, len(values))
