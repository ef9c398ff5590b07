"""Stores the state of a fitted object as plain data: nested dicts and lists of JSON scalars and NumPy arrays.

Encoders and objectives return it from ``state()`` and are rebuilt by ``from_state()``. It cannot contain code, so it is
safe to read a file from somebody else.
"""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

State: TypeAlias = dict[str, Any]
Array: TypeAlias = NDArray[Any]

ARRAY = "$array"  # the key of a dict that represents an array in JSON
KINDS = "biuf"  # kinds of NumPy's dtypes: booleans, integers, floats
HEADER = 10_000  # maximum size in bytes of the header of a `.npy` file


def to_json(state: State) -> tuple[str, list[Array]]:
    """Convert a state to JSON and arrays; equal states give equal text.

    Parameters
    ----------
    state
        Dicts with string keys, lists, strings (even with unpaired surrogates), integers, booleans, None, finite
        floats, and NumPy arrays of booleans, integers or floats. The order of a dict's keys is not kept.

    Returns
    -------
    text
        ASCII; ``{"$array": n}`` represents the n-th array.
    arrays
        In the order of their numbers.

    Raises
    ------
    TypeError, ValueError
        If the state contains anything else.
    """
    arrays: list[Array] = []

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in KINDS:
                raise TypeError(f"an array of {value.dtype}; expected booleans, integers or floats")
            arrays.append(value)
            return {ARRAY: len(arrays) - 1}
        if isinstance(value, dict):
            invalid = [key for key in value if not isinstance(key, str) or key == ARRAY]
            if invalid:
                raise TypeError(f"a key {invalid[0]!r}; expected other strings")
            return {key: plain(value[key]) for key in sorted(value)}
        if isinstance(value, list):
            return [plain(item) for item in value]
        # Exact types: a subclass, such as NumPy's float64, would be read back as another type.
        if value is None or type(value) in (str, int, float, bool):
            return value
        raise TypeError(f"a {type(value).__name__}; expected dicts, lists, JSON scalars or arrays")

    return json.dumps(plain(state), allow_nan=False, separators=(",", ":")), arrays


def from_json(text: str | bytes, arrays: Sequence[Array]) -> State:
    """Read what `to_json` wrote.

    Raises
    ------
    ValueError
        If the text is not JSON of this form, or does not use each array exactly once.
    """
    used: list[int] = []

    def restore(value: Any) -> Any:
        if isinstance(value, dict):
            if ARRAY not in value:
                return {key: restore(item) for key, item in value.items()}
            number = value[ARRAY]
            if len(value) > 1 or type(number) is not int or not 0 <= number < len(arrays):
                raise ValueError(f"{value!r} is not the number of an array")
            used.append(number)
            return arrays[number]
        return [restore(item) for item in value] if isinstance(value, list) else value

    def refuse_constant(constant: str) -> None:
        raise ValueError(f"found {constant}; expected finite numbers")

    content = restore(json.loads(text, parse_constant=refuse_constant))
    if not isinstance(content, dict):
        raise ValueError(f"found a {type(content).__name__}; expected a dict")
    if sorted(used) != list(range(len(arrays))):
        raise ValueError(f"found {len(used)} references to arrays; expected {len(arrays)}")
    return content


def to_npy(array: Array) -> bytes:
    """Write an array as the content of a `.npy` file."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def from_npy(content: bytes) -> Array:
    """Read what `to_npy` wrote; it needs no more memory than `content`, whatever the header says.

    Raises
    ------
    ValueError
        If it is not a complete `.npy` file of format 1.0 with booleans, integers or floats.
    """
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("is not `.npy` of format 1.0")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=HEADER)
    if dtype.kind not in KINDS or dtype.hasobject:
        raise ValueError(f"found an array of {dtype}; expected booleans, integers or floats")
    flat = np.frombuffer(content, dtype, offset=stream.tell())
    # A copy, because the result of `frombuffer` is read-only.
    return flat.reshape(shape, order="F" if fortran else "C").copy(order="K")


def array(state: Mapping[str, Any], key: str, dtype: Any, dimensions: int = 1) -> Array:
    """Return the array under `key`; raise ValueError if it is missing or has another dtype or rank."""
    value = state.get(key)
    if not isinstance(value, np.ndarray) or value.dtype != np.dtype(dtype) or value.ndim != dimensions:
        found = f"{value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(f"{key}: found {found}; expected {np.dtype(dtype)} of {dimensions} dimensions")
    return value


def scalar(state: Mapping[str, Any], key: str, kind: type) -> Any:
    """Return the str, int, float, bool, dict or list under `key`; raise ValueError if it is not there."""
    value = state.get(key)
    if type(value) is not kind:
        raise ValueError(f"{key}: found {type(value).__name__}; expected {kind.__name__}")
    return value


def texts(state: Mapping[str, Any], key: str) -> list[str]:
    """Return the list of strings under `key`; raise ValueError if it is missing or not a list of strings."""
    value = scalar(state, key, list)
    if not all(type(text) is str for text in value):
        raise ValueError(f"{key}: expected only strings")
    return list(value)
