import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scratch.against import assert_like_torch, numbers
from torch.nn import functional as TF

from groundwork.scratch import Tensor
from groundwork.scratch import functional as F

Pair = Any

SIZES = [(1, 1), (2, 3), (3, 3), (5, 4), (7, 6)]  # the last are as large as the picture, padded and not
STRIDES: list[Pair] = [1, 2, (1, 3), (3, 2)]
PADDINGS: list[Pair] = [0, 1, (2, 0), (1, 2)]
GRID = [
    (size, stride, padding)
    for size, stride, padding in itertools.product(SIZES, STRIDES, PADDINGS)
    if all(
        length <= picture + 2 * around
        for length, picture, around in zip(size, (5, 4), np.broadcast_to(padding, 2).tolist(), strict=True)
    )
]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("size", "stride", "padding"), GRID)
def test_kernels_over_sizes_strides_and_paddings(
    size: tuple[int, int], stride: Pair, padding: Pair, bias: bool
) -> None:
    given_ = [numbers(2, 3, 5, 4), numbers(4, 3, *size, seed=1), numbers(4, seed=2)]
    assert_like_torch(
        lambda x, *weights: F.conv2d(x, *weights, stride=stride, padding=padding),
        lambda x, *weights: TF.conv2d(x, *weights, stride=stride, padding=padding),
        *given_[: 3 if bias else 2],
    )


def test_the_grid_of_kernels_holds_some_as_large_as_the_picture() -> None:
    assert {(5, 4), (7, 6)} <= {size for size, _, _ in GRID}
    assert len(GRID) > 50


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.data())
def test_kernels_over_any_picture(data: st.DataObject) -> None:
    def draw(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    rows, colours, kernels = draw(1, 3), draw(1, 3), draw(1, 3)
    padding, stride = (draw(0, 2), draw(0, 2)), (draw(1, 3), draw(1, 3))
    picture = (draw(1, 6), draw(1, 6))
    size = tuple(draw(1, length + 2 * around) for length, around in zip(picture, padding, strict=True))
    assert_like_torch(
        lambda *x: F.conv2d(*x, stride=stride, padding=padding),
        lambda *x: TF.conv2d(*x, stride=stride, padding=padding),
        numbers(rows, colours, *picture),
        numbers(kernels, colours, *size, seed=1),
        numbers(kernels, seed=2),
    )


def test_a_kernel_that_is_used_twice_learns_from_both() -> None:
    assert_like_torch(
        lambda x, w: F.conv2d(F.conv2d(x, w, padding=1), w),
        lambda x, w: TF.conv2d(TF.conv2d(x, w, padding=1), w),
        numbers(2, 3, 5, 4),
        numbers(3, 3, 3, 3, seed=1),
    )


@pytest.mark.parametrize("needs", list(itertools.product([False, True], repeat=3))[1:])
def test_only_what_asks_for_a_gradient_gets_one(needs: tuple[bool, ...]) -> None:
    arrays = numbers(2, 3, 5, 4), numbers(4, 3, 2, 2), numbers(4)
    own = [Tensor(array, requires_grad=need) for array, need in zip(arrays, needs, strict=True)]
    twins = [torch.tensor(array, requires_grad=need) for array, need in zip(arrays, needs, strict=True)]
    F.conv2d(*own).sum().backward()
    TF.conv2d(*twins).sum().backward()
    for one, twin in zip(own, twins, strict=True):
        assert (one.grad is None) == (twin.grad is None)
        if twin.grad is not None:
            np.testing.assert_allclose(one.grad, twin.grad.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("picture", "kernel"),
    [
        ((2, 3, 5, 4), (4, 2, 3, 3)),  # other colours
        ((2, 3, 5, 4), (4, 3, 6, 3)),  # higher than the picture
        ((2, 3, 5, 4), (4, 3, 3, 5)),  # wider
        ((3, 5, 4), (4, 3, 3, 3)),  # one picture, no rows
    ],
)
def test_kernels_that_do_not_fit_are_refused(picture: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected|larger"):
        F.conv2d(Tensor(numbers(*picture)), Tensor(numbers(*kernel)))


@pytest.mark.parametrize("rows", [0, 1])
def test_no_picture_gives_no_picture(rows: int) -> None:
    assert_like_torch(F.conv2d, TF.conv2d, numbers(rows, 3, 5, 4), numbers(4, 3, 2, 2))
    if rows:
        assert_like_torch(lambda x: F.max_pool2d(x, 2), lambda x: TF.max_pool2d(x, 2), numbers(rows, 3, 5, 4))


POOLS = [
    (size, stride, padding)
    for size, stride, padding in itertools.product(
        [1, 2, 3, (2, 3), (5, 4)], [None, 1, 2, (1, 3)], [0, 1, (1, 0), (0, 1)]
    )
    if (2 * np.broadcast_to(padding, 2) <= size).all()  # torch pads by half a window at most
]


@pytest.mark.parametrize("kind", ["distinct", "ties", "equal", "negative"])
@pytest.mark.parametrize(("size", "stride", "padding"), POOLS)
def test_pools_over_sizes_strides_and_paddings(size: Pair, stride: Pair, padding: Pair, kind: str) -> None:
    picture = {
        "distinct": numbers(2, 3, 5, 4),
        "ties": np.random.default_rng(0).integers(0, 2, (2, 3, 5, 4)).astype(np.float64),
        "equal": np.zeros((2, 3, 5, 4)),
        "negative": -1000 - np.abs(numbers(2, 3, 5, 4)),  # zeros around the picture would win
    }[kind]
    assert_like_torch(
        lambda x: F.max_pool2d(x, size, stride, padding), lambda x: TF.max_pool2d(x, size, stride, padding), picture
    )


def test_the_first_of_equals_gets_the_gradient() -> None:
    picture = Tensor(np.ones((1, 1, 2, 4)), requires_grad=True)
    F.max_pool2d(picture, 2).sum().backward()
    assert picture.grad[0, 0].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


def test_a_number_that_wins_in_several_windows_gets_all_their_gradients() -> None:
    picture = np.zeros((1, 1, 3, 3))
    picture[0, 0, 1, 1] = 1
    x = Tensor(picture, requires_grad=True)
    F.max_pool2d(x, 2, 1).sum().backward()
    assert x.grad[0, 0, 1, 1] == 4
    assert x.grad.sum() == 4


@pytest.mark.parametrize("arguments", [{"kernel_size": 6}, {"kernel_size": (2, 5)}, {"kernel_size": 2, "padding": 2}])
def test_windows_that_do_not_fit_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"larger|padding|expected"):
        F.max_pool2d(Tensor(numbers(2, 3, 5, 4)), **arguments)
