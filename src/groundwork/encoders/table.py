"""Columns of a table as tensors: numbers, categories, and keys that few rows share."""

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
from groundwork.settings import TableEncoding


class GroupRate:
    """A key's mean target over the other training rows that share it, and how many those are.

    A ticket or a family name is shared by two or three rows: a row's own target must not be among what it is encoded
    by, so a training row leaves itself out. Rates are drawn towards the overall mean as if `smoothing` further rows
    had it: Micci-Barreca, "A Preprocessing Scheme for High-Cardinality Categorical Attributes",
    https://doi.org/10.1145/507533.507538.

    Parameters
    ----------
    smoothing
        Weight of the overall mean, in rows.
    """

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing

    def fit(self, keys: pd.Series, target: Numbers) -> Self:
        """Learn sums and counts for each key; a missing key belongs to no group."""
        self.mean = target.mean(0)
        grouped = pd.DataFrame(target).groupby(keys.to_numpy(dtype=object))
        self.sums, self.counts = grouped.sum(), grouped.size()
        return self

    def transform(self, keys: pd.Series, own: Numbers | None = None) -> Numbers:
        """Encode `keys` as ``[rows, signals + 1]``: rates and log-counts.

        Parameters
        ----------
        own
            The rows' own targets when they are the training rows, to be left out.
        """
        labels = keys.to_numpy(dtype=object)
        sums = self.sums.reindex(labels).fillna(0.0).to_numpy()
        counts = self.counts.reindex(labels).fillna(0.0).to_numpy(dtype=float)
        if own is not None:
            member = keys.notna().to_numpy(dtype=float)
            sums, counts = sums - own * member[:, None], counts - member
        rates = (sums + self.smoothing * self.mean) / (counts + self.smoothing)[:, None]
        return np.column_stack([rates, np.log1p(counts)])


class TableEncoder(Encoder):
    """Numbers imputed, clipped and standardized; categories as codes; groups as rates.

    Parameters
    ----------
    columns
        Which columns are which.
    clip
        Share of the training rows at either end whose numbers are pulled in to the quantile there.
    min_category_count
        Categories with fewer training rows share one code.
    group_smoothing
        See `GroupRate`.
    bins
        Bins for a piecewise-linear encoding, between quantiles of the training rows.
    """

    def __init__(
        self, columns: Columns, clip: float, min_category_count: int, group_smoothing: float, bins: int
    ) -> None:
        self.columns, self.clip, self.bins = columns, clip, bins
        self.groups = {name: GroupRate(group_smoothing) for name in columns.group}
        self.codes = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=min_category_count
        )

    @classmethod
    def of(cls, encoding: TableEncoding, competition: Labelled, prepared: object, bins: int) -> Self:
        """Make the encoder of a competition's numeric, categorical and group columns."""
        return cls(competition.inputs, encoding.clip, encoding.min_category_count, encoding.group_smoothing, bins)

    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Fit on training rows and encode them."""
        for name, group in self.groups.items():
            group.fit(frame[name], target)
        numbers = self._numbers(frame, target)
        # A column without a single number has no median; it says nothing, and becomes zero.
        empty = np.isnan(numbers).all(0)
        self.medians = np.where(empty, 0.0, np.nanmedian(np.where(empty, 0.0, numbers), axis=0))
        numbers = np.where(np.isnan(numbers), self.medians, numbers)
        self.low, self.high = np.quantile(numbers, [self.clip, 1 - self.clip], axis=0)
        # A flag rarer than the clipped share would become constant: it keeps its range.
        flat = self.low == self.high
        self.low[flat], self.high[flat] = numbers.min(0)[flat], numbers.max(0)[flat]
        clipped = numbers.clip(self.low, self.high)
        self.mean, self.scale = clipped.mean(0), np.where(self.low == self.high, 1.0, clipped.std(0))
        scaled = (clipped - self.mean) / self.scale
        self.edges = torch.tensor(np.quantile(scaled, np.linspace(0, 1, self.bins + 1), axis=0).T, dtype=torch.float32)
        if self.columns.categorical:
            self.codes.fit(self._labels(frame))
        # Code 0 is for categories never seen; rare ones share scikit-learn's last code.
        self.categories = [int(codes.max()) + 1 for codes in self._codes(frame).T]
        return self._encode(numbers, frame)

    def transform(self, frame: pd.DataFrame) -> Encoded:
        """Encode rows: ``numeric`` float32 ``[rows, numbers]`` and ``categorical`` int64 ``[rows, categories]``."""
        numbers = self._numbers(frame, None)
        return self._encode(np.where(np.isnan(numbers), self.medians, numbers), frame)

    def _numbers(self, frame: pd.DataFrame, own: Numbers | None) -> Numbers:
        numbers = frame[list(self.columns.numeric)].to_numpy(dtype=float)
        if (infinite := np.isinf(numbers)).any():
            row, column = np.argwhere(infinite)[0]
            raise UserError(
                f"column {self.columns.numeric[column]!r}: found {numbers[row, column]} in {infinite[:, column].sum()} "
                "rows; expected finite numbers or none",
                "mend `features` in the competition's file (a division by zero, a logarithm of zero), or the data",
            )
        return np.column_stack([numbers, *(rate.transform(frame[name], own) for name, rate in self.groups.items())])

    def _codes(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        if not self.columns.categorical:
            # scikit-learn refuses a table without columns.
            return np.empty((len(frame), 0), dtype=np.int64)
        return self.codes.transform(self._labels(frame)).astype(np.int64) + 1

    def _labels(self, frame: pd.DataFrame) -> NDArray[Any]:
        return frame[list(self.columns.categorical)].astype(object).fillna("missing").to_numpy(dtype=object)

    def _encode(self, numbers: Numbers, frame: pd.DataFrame) -> Encoded:
        scaled = (numbers.clip(self.low, self.high) - self.mean) / self.scale
        return {
            "numeric": torch.tensor(scaled, dtype=torch.float32),
            "categorical": torch.tensor(self._codes(frame), dtype=torch.int64),
        }
