from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scratch.against import assert_like_torch, numbers

from groundwork.scratch import Tensor

SHAPE = (4, 5, 3)
MASK = numbers(*SHAPE) > 0
ROWS, COLUMNS = np.array([0, 3, 0, 3, 3]), np.array([1, 4, 1, 4, 0])

# Everything that NumPy and torch understand alike.
INDICES: dict[str, Any] = {
    "number": 1,
    "negative number": -1,
    "NumPy number": np.int64(2),
    "numbers": (1, -2, 0),
    "slice": slice(1, 3),
    "slice with step": (slice(None), slice(0, 5, 2)),
    "slice from the end": (slice(-3, -1), slice(None, -1)),
    "slice of nothing": slice(2, 2),
    "slice beyond the end": slice(2, 100),
    "new dimension": None,
    "new dimensions": (None, slice(None), None, 1, None),
    "ellipsis": (..., 0),
    "ellipsis between": (1, ..., None, slice(0, 2)),
    "ellipsis alone": ...,
    "repeated rows": np.array([2, 2, 0, 2]),
    "repeated negative rows": np.array([-1, 3, -1]),
    "list": [1, 1, 3],
    "list of nothing": [],
    "tuple in a tuple": ((1, 1, 3),),
    "tuples side by side": ((0, 3, 0), (1, 4, 1)),
    "lists side by side": ([0, 3, 0], [1, 4, 1]),
    "range": range(1, 3),
    "pairs, some repeated": (ROWS, COLUMNS),
    "pairs beside a slice": (ROWS, slice(None), np.array([0, 2, 0, 2, 2])),
    "pairs and a number": (ROWS, COLUMNS, 1),
    "pairs after a new dimension": (None, ROWS, COLUMNS),
    "array after ellipsis": (..., np.array([2, 2, 0])),
    "arrays that broadcast": (np.array([[0], [1]]), np.array([0, 4, 0])),
    "array of two dimensions": np.array([[0, 0], [3, 0]]),
    "array of no dimensions": np.array(2),
    "mask": MASK,
    "mask of rows": np.array([True, False, True, False]),
    "mask of nothing": np.zeros(4, bool),
    "list of truth values": [True, False, True, True],
    "mask after a slice": (slice(None), np.array([True, False, True, False, True])),
    "mask and number": (np.array([True, False, True, False]), 2),
    "mask of two dimensions": MASK[..., 0],
    "mask and array": (np.array([True, False, True, False]), np.array([1, 1])),
}


def as_torch(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(as_torch(part) if isinstance(part, np.ndarray) else part for part in index)
    return torch.from_numpy(index) if isinstance(index, np.ndarray) else index


@pytest.mark.parametrize("name", INDICES)
def test_an_index_takes_and_gives_back_what_it_does_in_torch(name: str) -> None:
    index = INDICES[name]
    assert_like_torch(lambda x: x[index] * 1, lambda x: x[as_torch(index)] * 1, numbers(*SHAPE))


@pytest.mark.parametrize("name", ["repeated rows", "array of two dimensions", "mask", "array of no dimensions"])
def test_a_tensor_indexes_as_its_array_does(name: str) -> None:
    index = INDICES[name]
    assert_like_torch(lambda x: x[Tensor(index)], lambda x: x[as_torch(index)], numbers(*SHAPE))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    st.lists(st.integers(-4, 3), min_size=1, max_size=12),
    st.integers(-5, 4),
    st.slices(3).filter(lambda one: one.step is None or one.step > 0),
)
def test_rows_named_again_and_again_add_up(rows: list[int], column: int, part: slice) -> None:
    index = (np.array(rows), column, part)
    assert_like_torch(lambda x: x[index], lambda x: x[as_torch(index)], numbers(*SHAPE))


@pytest.mark.parametrize("index", [slice(None, None, -1), (slice(None), slice(None, None, -2))])
def test_a_slice_may_run_backwards(index: Any) -> None:
    # torch has no such slices: its flip is the same.
    dims = (0,) if isinstance(index, slice) else (1,)
    step = (slice(None),) if dims == (0,) else (slice(None), slice(None, None, 2))
    assert_like_torch(lambda x: x[index], lambda x: x.flip(dims)[step], numbers(*SHAPE))


def test_an_index_out_of_range_is_refused() -> None:
    x = Tensor(numbers(*SHAPE))
    for index in (4, -5, (0, 5), np.array([0, 4]), (..., 3)):
        with pytest.raises(IndexError, match=r"out of bounds"):
            x[index]


def test_indexing_leaves_the_tensor_as_it_was() -> None:
    x = Tensor(numbers(*SHAPE), requires_grad=True)
    before = x.data.copy()
    part = x[1:3]
    (part * 2).sum().backward()
    np.testing.assert_array_equal(x.data, before)
    assert x.grad[:1].tolist() == np.zeros((1, 5, 3)).tolist()


def test_overlapping_parts_add_up() -> None:
    assert_like_torch(
        lambda x: x[:3] * x[1:] + x[np.array([0, 0, 1])],
        lambda x: x[:3] * x[1:] + x[torch.tensor([0, 0, 1])],
        numbers(*SHAPE),
    )


def test_iteration_goes_over_rows() -> None:
    x = Tensor(numbers(3, 2), requires_grad=True)
    total = Tensor(np.zeros(2))
    for row in x:
        total = total + row
    total.sum().backward()
    assert x.grad.tolist() == np.ones((3, 2)).tolist()
