"""What tensors ask of arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Dims = int | tuple[int, ...] | None


def as_array(data: Any, dtype: Any = None) -> Array:
    """Take an array as it is, or as `dtype`; make float32 of numbers and lists of them, int64 of Python's integers.

    Raises
    ------
    TypeError
        If there is anything but numbers and truth values.
    """
    array = np.asarray(data)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"expected numbers; found {type(data).__name__} of {array.dtype}")
    if dtype is None and array.dtype == np.float64 and not hasattr(data, "dtype"):
        dtype = np.float32
    return array if dtype is None else array.astype(dtype, copy=False)


def as_indices(index: Any) -> tuple[Any, ...]:
    """Make arrays of what names numbers one by one; slices and integers stay what they are."""
    return tuple(map(_as_index, index if isinstance(index, tuple) else (index,)))


def _as_index(part: Any) -> Any:
    if isinstance(part, list | tuple | range):
        return np.asarray(part, None if len(part) else int)
    return np.asarray(part) if hasattr(part, "__array__") else part


def masked(values: Array, keep: Array) -> Array:
    """Return `values` where `keep` is true, 0 elsewhere.

    A product is several times as fast as `np.where`, which has to guess for each number; but 0 times infinity is NaN.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        product = values * keep
        clean = np.isfinite(product.sum())
    return product if clean else np.where(keep, values, 0)
