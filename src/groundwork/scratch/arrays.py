"""What is given becomes arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Dims = int | tuple[int, ...] | None


def as_array(data: Any) -> Array:
    """Take an array as it is; make float32 of numbers and lists of them, int64 if all are whole."""
    array = np.asarray(data)
    typed = isinstance(data, np.ndarray | np.generic) or array.dtype != np.float64
    return array if typed else array.astype(np.float32)


def as_index(part: Any) -> Any:
    """Make an array of what names numbers one by one; slices and whole numbers stay what they are."""
    return np.asarray(part, None if len(part) else int) if isinstance(part, list | tuple | range) else part
