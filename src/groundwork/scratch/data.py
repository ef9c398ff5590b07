"""Rows for a network: data sets, batches, scaling and splits.

Only training rows may be learned from: everything fitted on rows, a scaler's mean as much as a weight, is fitted after
the split, on the training side alone, and then applied to both sides.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, Self

import numpy as np

from groundwork.scratch.arrays import Array
from groundwork.scratch.combine import stack
from groundwork.scratch.random import generator
from groundwork.scratch.tensor import Tensor


class Dataset(Protocol):
    """Anything with a number of rows and access to each by its place."""

    def __len__(self) -> int:
        """Count the rows."""

    def __getitem__(self, index: int, /) -> Any:
        """Return one row: a number or an array, or a tuple of them, such as (input, target)."""


class TensorDataset:
    """Arrays ``[rows, ...]`` that share their rows; ValueError if their lengths differ."""

    def __init__(self, *arrays: Any) -> None:
        self.arrays = [Tensor(array).data for array in arrays]
        _rows(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        """Return one row of each array; several if `index` is an array of places or a slice."""
        return tuple(Tensor(array[index]) for array in self.arrays)


class DataLoader:
    """Batches: tuples of Tensors (or Tensors, as the rows are). Each iteration over them is an epoch.

    Parameters
    ----------
    dataset, batch_size
        A `TensorDataset` is indexed once for each batch, any other once for each row; the last batch has what is left.
    shuffle
        Draw a new order for each epoch, from the generator that `groundwork.scratch.manual_seed` sets.
    drop_last
        Leave out the last batch if it is smaller: batch normalization learns little from a few rows.
    """

    def __init__(
        self, dataset: Dataset, batch_size: int = 1, shuffle: bool = False, *, drop_last: bool = False
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size: found {batch_size}; expected 1 or more")
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, batch_size, shuffle, drop_last

    def __len__(self) -> int:
        """Count the batches."""
        whole, left = divmod(len(self.dataset), self.batch_size)
        return whole + (left > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        rows = len(self.dataset)
        order = generator().permutation(rows) if self.shuffle else np.arange(rows)
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            places = order[start : start + self.batch_size]
            if isinstance(self.dataset, TensorDataset):
                yield self.dataset[places]
            else:
                yield _batch([self.dataset[int(place)] for place in places])


class StandardScaler:
    """Gives each column mean 0 and variance 1, as seen in the rows it is fitted on: training rows only.

    Fitted on all rows, it would leak the validation rows into training, and the validation score would be too good.

    Attributes
    ----------
    mean_, scale_ : ndarray
        Mean of each column, and root of its biased variance, or 1 if it is constant; float64.
    """

    mean_: Array
    scale_: Array

    def fit(self, x: Any) -> Self:
        """Learn mean and scale from training rows ``[rows, columns]``; ValueError if a number is missing."""
        values = np.asarray(x, np.float64)
        if values.ndim != 2 or len(values) == 0:
            raise ValueError(f"expected rows [rows, columns], at least one; found shape {values.shape}")
        broken = np.flatnonzero(~np.isfinite(values).all(0))
        if broken.size:
            raise ValueError(f"column {broken[0]} has NaN or infinity: fill it, or leave it out, before scaling")
        self.mean_, spread = values.mean(0), values.std(0)
        # Rounding alone gives a column of 0.1s a spread: nothing should be divided by that.
        self.scale_ = np.where(spread <= len(values) * np.finfo(np.float64).eps * np.abs(self.mean_), 1.0, spread)
        return self

    def transform(self, x: Any) -> Array:
        """Scale rows ``[rows, columns]`` of any side of a split; float32 stays float32."""
        values = self._floats(x)
        return ((values - self.mean_) / self.scale_).astype(values.dtype)

    def inverse_transform(self, x: Any) -> Array:
        """Undo `transform`."""
        values = self._floats(x)
        return (values * self.scale_ + self.mean_).astype(values.dtype)

    def fit_transform(self, x: Any) -> Array:
        """Fit on training rows, and scale them."""
        return self.fit(x).transform(x)

    def _floats(self, x: Any) -> Array:
        if not hasattr(self, "mean_"):
            raise RuntimeError("the scaler knows no mean yet: fit it on the training rows first")
        values = np.asarray(x)
        if values.ndim != 2 or values.shape[1] != len(self.mean_):
            raise ValueError(f"expected shape [rows, {len(self.mean_)}], as fitted; found {values.shape}")
        return values if values.dtype.kind == "f" else values.astype(np.float64)


def one_hot(classes: Any, num_classes: int = -1) -> Tensor:
    """Turn classes, int64 ``[...]``, into zeros with a 1 in the class's place, ``[..., num_classes]``.

    By default `num_classes` is one more than the largest. ValueError is raised for a class out of range.
    """
    places = Tensor(classes).data
    if places.dtype.kind not in "iu":
        raise TypeError(f"expected classes as whole numbers; found {places.dtype}")
    if num_classes == -1:
        if places.size == 0:
            raise ValueError("num_classes: found -1, and no class to tell it by; expected a number")
        num_classes = int(places.max()) + 1
    outside = places[(places < 0) | (places >= num_classes)]
    if outside.size:
        raise ValueError(f"found class {outside[0]}; expected classes from 0 to {num_classes - 1}")
    return Tensor((places[..., None] == np.arange(num_classes)).astype(np.int64))


def train_test_split(*arrays: Array, test_size: float | int, stratify: Any = None) -> list[Array]:
    """Split rows at random: ``[a_train, a_test, b_train, b_test, ...]``, the same rows of each array.

    Parameters
    ----------
    test_size
        A share, rounded up to whole rows, or a number of rows; ValueError if that leaves a side empty.
    stratify
        Classes ``[rows]``, of which both sides get equal shares, as near as whole rows allow; ValueError for a class of
        a single row.
    """
    arrays = tuple(Tensor(array).data for array in arrays)
    rows = _rows(arrays if stratify is None else (*arrays, np.asarray(stratify)))
    count = math.ceil(test_size * rows) if isinstance(test_size, float) else test_size
    if not 0 < count < rows:
        raise ValueError(f"test_size: found {test_size}, which is {count} of {rows} rows; expected rows on both sides")
    order = generator().permutation(rows)
    if stratify is not None:
        order = order[np.argsort(_share_of_class(np.asarray(stratify)[order]), kind="stable")]
    return [array[side] for array in arrays for side in (order[count:], order[:count])]


def k_fold(rows: int, folds: int, shuffle: bool = False) -> Iterator[tuple[Array, Array]]:
    """Yield places of training and validation rows, `folds` times; each row is validated once.

    Fit everything (a scaler, a network) in each fold, on its training rows only.
    """
    if not 2 <= folds <= rows:
        raise ValueError(f"folds: found {folds}; expected 2 to {rows}, the number of rows")
    order = generator().permutation(rows) if shuffle else np.arange(rows)
    return ((np.delete(np.arange(rows), part), np.sort(part)) for part in np.array_split(order, folds))


def _rows(arrays: Sequence[Array]) -> int:
    if not arrays or any(array.ndim == 0 for array in arrays):
        raise ValueError(f"expected arrays [rows, ...]; found {'a single number' if arrays else 'none'}")
    if len({len(array) for array in arrays}) > 1:
        raise ValueError(f"expected equally many rows in every array; found {[len(array) for array in arrays]}")
    return len(arrays[0])


def _batch(items: list[Any]) -> Any:
    if isinstance(items[0], tuple):
        return tuple(_batch(list(part)) for part in zip(*items, strict=True))
    return stack([Tensor(item) for item in items])


def _share_of_class(classes: Array) -> Array:
    """Return for each row the share of its class before it: a cut there divides all classes alike."""
    names, codes, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    if sizes.min() < 2:
        raise ValueError(f"stratify: found a single row of class {names[sizes.argmin()]}; expected one for each side")
    share = np.empty(len(classes))
    for code, size in enumerate(sizes):
        share[codes == code] = (np.arange(size) + 0.5) / size
    return share
