from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from tests.scratch.against import assert_like_torch, numbers

from groundwork.scratch import Tensor, where
from groundwork.scratch import functional as F
from groundwork.scratch.arrays import Array

Shape = tuple[int, ...]

examples = settings(max_examples=150, derandomize=True, deadline=None)
pairs = mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=4)
triples = mutually_broadcastable_shapes(num_shapes=3, max_dims=4, max_side=4)

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def away_from_zero(shape: Shape) -> Array:
    drawn = numbers(*shape, seed=1)
    return np.asarray(drawn + np.copysign(0.5, drawn))


@pytest.mark.parametrize("operator", OPERATORS)
@examples
@given(pairs)
def test_every_pair_of_shapes_broadcasts_and_comes_back_as_in_torch(operator: str, pair: Any) -> None:
    left, right = pair.input_shapes
    apply = OPERATORS[operator]
    assert_like_torch(apply, apply, numbers(*left), away_from_zero(right))


@pytest.mark.parametrize("operator", OPERATORS)
@examples
@given(pairs)
def test_an_array_broadcasts_against_a_tensor_on_either_side(operator: str, pair: Any) -> None:
    left, right = pair.input_shapes
    apply, array = OPERATORS[operator], away_from_zero(right)
    twin = torch.from_numpy(array)
    assert_like_torch(lambda x: apply(x, array), lambda x: apply(x, twin), away_from_zero(left))
    assert_like_torch(lambda x: apply(array, x), lambda x: apply(twin, x), away_from_zero(left))


@examples
@given(triples)
def test_where_broadcasts_its_condition_and_both_sides(triple: Any) -> None:
    chosen, left, right = triple.input_shapes
    condition = numbers(*chosen, seed=2) > 0
    twin = torch.from_numpy(np.asarray(condition))
    assert_like_torch(
        lambda a, b: where(condition, a, b), lambda a, b: torch.where(twin, a, b), numbers(*left), numbers(*right)
    )


@st.composite
def factors(draw: st.DrawFn) -> tuple[Shape, Shape]:
    """Draw two shapes that `@` accepts: ranks 1 to 4, with batches that broadcast."""
    batch = draw(mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3)).input_shapes
    rows, inner, columns = (draw(st.integers(1, 4)) for _ in range(3))
    left = draw(st.sampled_from([(inner,), (*batch[0], rows, inner)]))
    right = draw(st.sampled_from([(inner,), (*batch[1], inner, columns)]))
    return left, right


@settings(examples, max_examples=300)
@given(factors())
def test_matrices_multiply_over_all_ranks(shapes: tuple[Shape, Shape]) -> None:
    left, right = shapes
    assert_like_torch(lambda a, b: a @ b, lambda a, b: a @ b, numbers(*left), numbers(*right, seed=1))


RANKS = [(3,), (2, 3), (5, 2, 3), (4, 5, 2, 3), (4, 1, 2, 3), (1, 2, 3)]


@pytest.mark.parametrize("left", RANKS)
@pytest.mark.parametrize("right", [(*rank[:-2], 3, rank[-2]) if len(rank) > 1 else rank for rank in RANKS])
def test_every_rank_meets_every_rank(left: Shape, right: Shape) -> None:
    assert_like_torch(lambda a, b: a @ b, lambda a, b: a @ b, numbers(*left), numbers(*right, seed=1))


@pytest.mark.parametrize("shapes", [((2, 5, 0), (0, 4)), ((2, 0, 3), (3, 4)), ((0, 3), (3, 2)), ((0,), (0,))])
def test_products_of_nothing_are_zeros(shapes: tuple[Shape, Shape]) -> None:
    left, right = shapes
    assert_like_torch(lambda a, b: a @ b, lambda a, b: a @ b, numbers(*left), numbers(*right))


@pytest.mark.parametrize("needs", [(True, False), (False, True)])
@pytest.mark.parametrize("shapes", [((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (5, 3, 1)), ((3,), (3,))])
def test_a_product_is_differentiated_with_respect_to_one_side_alone(
    shapes: tuple[Shape, Shape], needs: tuple[bool, bool]
) -> None:
    arrays = numbers(*shapes[0]), numbers(*shapes[1], seed=1)
    ours = [Tensor(array, requires_grad=need) for array, need in zip(arrays, needs, strict=True)]
    twins = [torch.tensor(array, requires_grad=need) for array, need in zip(arrays, needs, strict=True)]
    (ours[0] @ ours[1]).sum().backward()
    (twins[0] @ twins[1]).sum().backward()
    for one, twin in zip(ours, twins, strict=True):
        assert (one.grad is None) == (twin.grad is None)
        if twin.grad is not None:
            np.testing.assert_allclose(one.grad, twin.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("shapes", [((2, 3), (4, 2)), ((2, 3), (2,)), ((3,), (2,)), ((5, 2, 3), (4, 3, 2))])
def test_factors_that_do_not_fit_are_refused(shapes: tuple[Shape, Shape]) -> None:
    with pytest.raises(ValueError, match=r"shape|dimension|broadcast|mismatch"):
        Tensor(numbers(*shapes[0])) @ Tensor(numbers(*shapes[1]))


@examples
@given(mutually_broadcastable_shapes(num_shapes=1, min_dims=0, max_dims=3, max_side=4), st.integers(1, 4))
def test_linear_maps_the_last_dimension_of_any_shape(leading: Any, width: int) -> None:
    (shape,) = leading.input_shapes
    assert_like_torch(
        F.linear,
        torch.nn.functional.linear,
        numbers(*shape, width),
        numbers(2, width, seed=1),
        numbers(2, seed=2),
    )
