import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scratch.against import assert_like_torch, numbers

from groundwork.scratch import Tensor, cat, stack
from groundwork.scratch import functional as F
from groundwork.scratch.arrays import Array

SHAPES: list[tuple[int, ...]] = [(2, 3, 4), (1, 3, 1), (5,), (1,), (1, 1)]


def dims_of(shape: tuple[int, ...]) -> list[Any]:
    """List every dimension, counted from both ends, every set of two and three of them, and all of them."""
    rank = len(shape)
    several = [dims for size in (2, 3) for dims in itertools.combinations(range(rank), size)]
    mixed = [tuple(dim - rank if place else dim for place, dim in enumerate(dims)) for dims in several]
    return [*range(-rank, rank), *several, *mixed, tuple(reversed(range(rank)))]


REDUCTIONS = [(shape, dim, keepdim) for shape in SHAPES for dim in dims_of(shape) for keepdim in (False, True)]


@pytest.mark.parametrize("name", ["sum", "mean", "amax"])
@pytest.mark.parametrize(("shape", "dim", "keepdim"), REDUCTIONS)
def test_reductions_over_every_dimension(name: str, shape: tuple[int, ...], dim: Any, keepdim: bool) -> None:
    def reduce(x: Any) -> Any:
        return getattr(x, name)(dim, keepdim)

    assert_like_torch(reduce, reduce, numbers(*shape))


@pytest.mark.parametrize("name", ["sum", "mean", "amax"])
@pytest.mark.parametrize("shape", [*SHAPES, ()])
def test_reductions_of_everything(name: str, shape: tuple[int, ...]) -> None:
    def reduce(x: Any) -> Any:
        return getattr(x, name)()

    assert_like_torch(reduce, reduce, numbers(*shape))


@pytest.mark.parametrize(("shape", "dim"), [((0, 3), 1), ((0, 3), 0), ((2, 0), -1), ((2, 0, 3), (0, 2))])
@pytest.mark.parametrize("name", ["sum", "mean"])
def test_reductions_of_nothing(name: str, shape: tuple[int, ...], dim: Any) -> None:
    def reduce(x: Any) -> Any:
        return getattr(x, name)(dim)

    with np.errstate(divide="ignore", invalid="ignore"):
        assert_like_torch(reduce, reduce, numbers(*shape))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=1, max_size=4),
    st.sampled_from([None, 0, 1, -1, (0, 1)]),
    st.booleans(),
)
def test_the_largest_numbers_share_their_gradient(rows: list[list[int]], dim: Any, keepdim: bool) -> None:
    def reduce(x: Any) -> Any:
        return x.amax(() if dim is None and isinstance(x, torch.Tensor) else dim, keepdim)

    assert_like_torch(reduce, reduce, np.array(rows, dtype=np.float64))


@pytest.mark.parametrize("bounds", [(-1, 1), (0, 0), (1, -1), (-np.inf, 1), (-1, np.inf)])
def test_clamp_on_its_bounds_lets_gradients_through(bounds: tuple[float, float]) -> None:
    x = np.array([-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0])
    assert_like_torch(lambda x: x.clamp(*bounds), lambda x: x.clamp(*bounds), x)


def test_clamp_may_have_one_bound() -> None:
    assert_like_torch(lambda x: x.clamp(min=0.0), lambda x: x.clamp(min=0.0), numbers(7))
    assert_like_torch(lambda x: x.clamp(max=0.0), lambda x: x.clamp(max=0.0), numbers(7))


@pytest.mark.parametrize("power", [0, 1, 2, 3, 0.0])
def test_powers_of_zero_have_torchs_gradient(power: float) -> None:
    assert_like_torch(lambda x: x**power, lambda x: x**power, np.array([0.0, -2.0, 3.0]))


@pytest.mark.parametrize("power", [-2, -1, -0.5, 0.5, 2.5])
def test_powers_of_positive_numbers(power: float) -> None:
    assert_like_torch(lambda x: x**power, lambda x: x**power, np.abs(numbers(7)) + 0.1)


@pytest.mark.parametrize("dims", [*itertools.permutations(range(3)), (-1, 0, 1), (0, -1, -2), (-2, -1, -3), (2, -3, 1)])
def test_dimensions_are_permuted_and_put_back(dims: tuple[int, ...]) -> None:
    assert_like_torch(lambda x: x.permute(*dims), lambda x: x.permute(*dims), numbers(2, 3, 4))


@pytest.mark.parametrize("dims", list(itertools.product(range(-3, 3), repeat=2)))
def test_two_dimensions_are_swapped(dims: tuple[int, int]) -> None:
    assert_like_torch(lambda x: x.transpose(*dims), lambda x: x.transpose(*dims), numbers(2, 3, 4))


@pytest.mark.parametrize("start", [0, 1, 2, -1, -2])
@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 3, 1), (0, 3, 2)])
def test_dimensions_are_flattened(shape: tuple[int, ...], start: int) -> None:
    assert_like_torch(lambda x: x.flatten(start), lambda x: x.flatten(start), numbers(*shape))


@pytest.mark.parametrize("shape", [(24,), (4, 6), (-1, 2), (2, -1, 2), (1, 24, 1)])
def test_numbers_are_laid_out_in_another_shape(shape: tuple[int, ...]) -> None:
    assert_like_torch(lambda x: x.reshape(*shape), lambda x: x.reshape(*shape), numbers(2, 3, 4))


@pytest.mark.parametrize("dim", range(-3, 3))
def test_tensors_are_joined_along_each_dimension(dim: int) -> None:
    shapes = [[2, 3, 4] for _ in range(3)]
    for shape, size in zip(shapes, (1, 4, 0), strict=True):
        shape[dim] = size
    assert_like_torch(
        lambda *parts: cat(parts, dim),
        lambda *parts: torch.cat(parts, dim),
        *(numbers(*shape, seed=seed) for seed, shape in enumerate(shapes)),
    )


@pytest.mark.parametrize("dim", range(-4, 4))
def test_tensors_are_stacked_along_a_new_dimension(dim: int) -> None:
    assert_like_torch(
        lambda *parts: stack(parts, dim),
        lambda *parts: torch.stack(parts, dim),
        *(numbers(2, 3, 4, seed=seed) for seed in range(3)),
    )


def test_a_tensor_may_be_joined_with_itself() -> None:
    assert_like_torch(lambda x: cat([x, x * 2, x], -1), lambda x: torch.cat([x, x * 2, x], -1), numbers(2, 3))
    assert_like_torch(lambda x: stack([x, x], 1), lambda x: torch.stack([x, x], 1), numbers(2, 3))


VIEWS: dict[str, Callable[[Array], Array]] = {
    "transposed": lambda a: a.T,
    "every second": lambda a: a[::2, 1::2],
    "reversed": lambda a: a[::-1, ::-1],
    "column by column": np.asfortranarray,
    "repeated": lambda a: np.broadcast_to(a[:1], a.shape),
}
ON_ROWS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sum": (lambda x: x.sum(0), lambda x: x.sum(0)),
    "amax": (lambda x: x.amax(1), lambda x: x.amax(1)),
    "index": (lambda x: x[1:, np.array([0, 0, 1])], lambda x: x[1:, torch.tensor([0, 0, 1])]),
    "reshape": (lambda x: x.reshape(-1, 2), lambda x: x.reshape(-1, 2)),
    "matmul": (lambda x: x @ x.transpose(0, 1), lambda x: x @ x.transpose(0, 1)),
    "cat": (lambda x: cat([x, x], 1), lambda x: torch.cat([x, x], 1)),
    "softmax": (lambda x: F.softmax(x, 0), lambda x: torch.softmax(x, 0)),
    "gelu": (F.gelu, torch.nn.functional.gelu),
    "layer_norm": (
        lambda x: F.layer_norm(x, x.shape[-1:]),
        lambda x: torch.nn.functional.layer_norm(x, x.shape[-1:]),
    ),
    "conv2d": (
        lambda x: F.conv2d(x[None, None], x[None, None, :2, :2], padding=1),
        lambda x: torch.nn.functional.conv2d(x[None, None], x[None, None, :2, :2], padding=1),
    ),
    "max_pool2d": (
        lambda x: F.max_pool2d(x[None, None], 2, 1),
        lambda x: torch.nn.functional.max_pool2d(x[None, None], 2, 1),
    ),
    "attention": (
        lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
        lambda x: torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True),
    ),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ON_ROWS)
def test_how_an_array_lies_in_memory_makes_no_difference(name: str, view: str) -> None:
    array = VIEWS[view](numbers(6, 8))
    before = array.copy()
    assert_like_torch(*ON_ROWS[name], array)
    np.testing.assert_array_equal(array, before)


def test_shapes_that_do_not_fit_are_refused() -> None:
    x = Tensor(numbers(2, 3))
    for refused in (
        lambda: x + Tensor(numbers(4)),
        lambda: x.reshape(4, 2),
        lambda: x.permute(0),
        lambda: x.permute(0, 0),
        lambda: x.sum(2),
        lambda: cat([x, x[:, :2]], 0),
        lambda: stack([x, x[:1]]),
    ):
        with pytest.raises((ValueError, IndexError)):
            refused()
