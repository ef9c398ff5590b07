from typing import Any

import numpy as np
import pytest
import torch
from tests.scratch.against import assert_like_torch, assert_same, numbers
from torch.nn import functional as TF

from groundwork.scratch import Tensor, manual_seed
from groundwork.scratch import functional as F
from groundwork.scratch.tensor import Array

QUERIES, KEYS, WIDTH = 3, 4, 5
BLOCKED = np.array([[True, False, True, True], [False, False, False, False], [True, True, True, True]])
BIAS = np.where(BLOCKED, numbers(QUERIES, KEYS), -np.inf)
MASKS: dict[str, Array | None] = {
    "none": None,
    "boolean": numbers(QUERIES, KEYS) > -0.5,
    "a row that sees nothing": BLOCKED,
    "nobody sees anything": np.zeros((QUERIES, KEYS), bool),
    "of each row": numbers(2, 1, QUERIES, KEYS) > -0.5,
    "of keys": np.array([[True, True, False, True]]),
    "numbers": numbers(QUERIES, KEYS),
    "numbers of each head": numbers(2, 3, QUERIES, KEYS),
    "large numbers": numbers(QUERIES, KEYS) * 1000,
    "minus infinity": np.where(BLOCKED | (np.arange(KEYS) == 1), 0.0, -np.inf),
    "a row of minus infinity": BIAS,
}


def tokens(*leading: int) -> tuple[Array, Array, Array]:
    return (
        numbers(*leading, QUERIES, WIDTH),
        numbers(*leading, KEYS, WIDTH, seed=1),
        numbers(*leading, KEYS, 2, seed=2),
    )


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize("name", MASKS)
def test_queries_see_what_their_mask_lets_them(name: str, scale: float | None) -> None:
    mask = MASKS[name]
    twin = None if mask is None else torch.from_numpy(mask)
    assert_like_torch(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, mask, scale=scale),
        lambda q, k, v: TF.scaled_dot_product_attention(q, k, v, twin, scale=scale),
        *tokens(2, 3),
    )


@pytest.mark.parametrize("sizes", [(3, 4), (4, 3), (3, 3), (1, 5), (1, 1)])
def test_no_query_sees_a_later_key(sizes: tuple[int, int]) -> None:
    queries, keys = sizes
    assert_like_torch(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        lambda q, k, v: TF.scaled_dot_product_attention(q, k, v, is_causal=True),
        numbers(2, queries, WIDTH),
        numbers(2, keys, WIDTH, seed=1),
        numbers(2, keys, 2, seed=2),
    )


@pytest.mark.parametrize("name", ["boolean", "a row that sees nothing", "minus infinity", "a row of minus infinity"])
def test_a_query_that_sees_nothing_gets_zeros_and_moves_nothing(name: str) -> None:
    mask = MASKS[name]
    assert mask is not None
    sees = mask if mask.dtype == bool else np.isfinite(mask)
    q, k, v = (Tensor(array, requires_grad=True) for array in tokens())
    value = F.scaled_dot_product_attention(q, k, v, mask)
    value.sum().backward()
    blind = ~sees.any(1)
    assert not value.data[blind].any()
    assert not q.grad[blind].any()
    for tensor in (q, k, v):
        assert np.isfinite(tensor.grad).all()


def test_a_mask_may_be_a_tensor_and_what_is_added_may_learn() -> None:
    assert_like_torch(F.scaled_dot_product_attention, TF.scaled_dot_product_attention, *tokens(2, 3), BLOCKED)
    assert_like_torch(
        F.scaled_dot_product_attention,
        TF.scaled_dot_product_attention,
        *tokens(2, 3),
        numbers(QUERIES, KEYS, seed=3),
    )


def test_a_mask_and_causality_at_once_are_refused() -> None:
    # torch refuses it, too: one of them would be dropped in silence.
    with pytest.raises((ValueError, RuntimeError), match="is_causal"):
        F.scaled_dot_product_attention(*map(Tensor, tokens()), attn_mask=BLOCKED, is_causal=True)


@pytest.mark.parametrize("size", [1, 1000])
def test_scores_that_would_overflow(size: float) -> None:
    q, k, v = tokens(2)
    assert_like_torch(F.scaled_dot_product_attention, TF.scaled_dot_product_attention, q * size, k * size, v)


def test_the_future_has_no_influence_on_the_past() -> None:
    q, k, v = numbers(1, 6, 4), numbers(1, 6, 4, seed=1), numbers(1, 6, 4, seed=2)

    def attend(k: Array, v: Array) -> Array:
        return F.scaled_dot_product_attention(Tensor(q), Tensor(k), Tensor(v), is_causal=True).data

    before = attend(k, v)
    k[:, 4:], v[:, 4:] = 100, -100
    np.testing.assert_array_equal(attend(k, v)[:, :4], before[:, :4])


def test_weights_are_shares_and_dropout_thins_them_out() -> None:
    q, k, v = (Tensor(array) for array in tokens(2))
    weights = F.attention_weights(q, k)
    np.testing.assert_allclose(weights.data.sum(-1), 1, rtol=1e-14)
    np.testing.assert_allclose((weights @ v).data, F.scaled_dot_product_attention(q, k, v).data, rtol=1e-14)
    manual_seed(0)
    thinned = F.scaled_dot_product_attention(q, k, Tensor(np.ones((2, KEYS, 1))), dropout_p=0.5)
    manual_seed(0)
    np.testing.assert_allclose(thinned.data, F.dropout(weights, 0.5).data.sum(-1, keepdims=True), rtol=1e-14)
    assert (thinned.data != 1).any()


def test_one_key_is_all_there_is_to_see() -> None:
    q, k, v = (numbers(1, 1, 3, seed=seed) for seed in range(3))
    own = F.scaled_dot_product_attention(Tensor(q), Tensor(k), Tensor(v))
    twin: Any = TF.scaled_dot_product_attention(*(torch.from_numpy(array) for array in (q, k, v)))
    assert_same(own.data, twin)
    np.testing.assert_array_equal(own.data, v)
