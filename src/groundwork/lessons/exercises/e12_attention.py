"""An exercise on attention with a padding mask, checked by its output and by the effect of padding."""

import math
from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch import functional as F
from groundwork.scratch.arrays import Array
from groundwork.scratch.tensor import Tensor


def attention_blank(query, key, value, real):
    raise NotAttempted  # return [rows, queries, width of a value]


def attention_solution(query, key, value, real):
    scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
    scores = np.where(real[:, None, :], scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ value


def attention_masked_after(query, key, value, real):
    scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return weights * real[:, None, :] @ value


def attention_unscaled(query, key, value, real):
    scores = np.where(real[:, None, :], query @ key.transpose(0, 2, 1), -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ value


def attention_of_padding(query, key, value, real):
    scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
    # A word that is not there counts as little as one that does not fit. It is not nothing: e to the 0 is 1.
    scores = np.where(real[:, None, :], scores, 0)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ value


def attention_over_queries(query, key, value, real):
    scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
    scores = np.where(real[:, None, :], scores, -1e9)
    weights = np.exp(scores - scores.max(1, keepdims=True))
    weights = weights / weights.sum(1, keepdims=True) * real[:, None, :]
    return weights @ value


# Two queries, three keys of width 4, the last of them padding. Values of one number each are easy to look at.
QUERY = np.array([[[2.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]])
KEY = np.array([[[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0], [1.0, 1.0, 0.0, 2.0]]])
VALUE = np.array([[[1.0], [5.0], [9.0]]])
ALL, PADDED = np.array([[True, True, True]]), np.array([[True, True, False]])


def examine(answer: Any) -> Finding | None:
    """Try it without padding, with padding, with several rows, and with scores that overflow."""
    chance = np.random.default_rng(0)
    shapes = (3, 2, 4), (3, 5, 4), (3, 5, 6)
    several = [chance.normal(size=shape).round(1) for shape in shapes]
    lengths = np.arange(5) < np.array([[3], [5], [1]])
    said = "query, key, value = (np.random.default_rng(0).normal(size=s).round(1) for s in {}), drawn one after another"
    large = 1000 * QUERY, KEY, VALUE, ALL
    for case, given, kind in (
        (_typed(ALL), (QUERY, KEY, VALUE, ALL), "plain"),
        (_typed(PADDED), (QUERY, KEY, VALUE, PADDED), "padded"),
        (f"{said.format(shapes)}; real = {lengths.tolist()}", (*several, lengths), "rows"),
        (f"{_typed(ALL)}\nand the query times 1000", large, "large"),
    ):
        finding = _compared(answer, case, given, kind)
        if finding:
            return finding
    return None


def _compared(answer: Any, case: str, given: tuple[Array, ...], kind: str) -> Finding | None:
    query, key, value, real = given
    expected = _attend(query, key, value, real)
    with np.errstate(all="ignore"):  # an overflow is judged by its result
        found = answer(*(array.copy() for array in given))
    if found is None:
        return Finding(case, None, expected.round(3), "nothing was returned")
    yours = np.asarray(found.data if isinstance(found, Tensor) else found)
    if yours.shape != expected.shape:
        cause = f"expected shape {expected.shape}, [rows, queries, width of a value]: the weights times the values"
        return Finding(case, f"shape {yours.shape}", f"shape {expected.shape}", cause)
    if np.allclose(yours, expected, rtol=1e-4, atol=1e-5):
        return None
    return Finding(case, yours.round(3), expected.round(3), _cause(kind, yours, given, expected))


def _cause(kind: str, yours: Array, given: tuple[Array, ...], expected: Array) -> str:
    query, key, value, real = given
    if not np.isfinite(yours).all():
        if kind == "large":
            return "exp overflowed: subtract the largest score of each query first, which changes no weight"
        return "NaN or infinity came out: does a query have no key at all? `real` is True where a key counts"

    def like(other: Array) -> bool:
        return np.allclose(yours, other, rtol=1e-4, atol=1e-5)

    if like(_attend(query, key, value, real, scale=1.0)):
        return "the scores were not divided by the square root of d, the width of a query: the softmax is too peaked"
    if any(like(_attend(query, key, value, real, 1 / other)) for other in (query.shape[-1], math.sqrt(key.shape[1]))):
        return "the scores were divided by something other than the square root of d, the width of a query"
    if like(attention_over_queries(query, key, value, real)):
        return "the softmax runs over the wrong axis: the weights of one query, over all keys, must sum to 1"
    if kind == "plain":
        return "there is no padding here: divide query @ key transposed by the square root of d, then softmax over keys"
    everywhere = np.ones_like(real)
    weights = F.attention_weights(Tensor(query), Tensor(key)).data
    if like(weights * real[:, None, :] @ value):
        return "the mask came after the softmax: the remaining weights no longer sum to 1; mask the scores before"
    if like(_attend(query, key, value, everywhere)) or kind == "padded":
        return "padding is attended to: its score must become -inf before the softmax, because e to the 0 is 1, not 0"
    if np.allclose(yours, expected, atol=0.05):
        return "padding still has some weight: before the softmax its score must become -inf, not another number"
    return "each row has its own mask over keys: real[:, None, :] fits scores of [rows, queries, keys]"


def _attend(query: Array, key: Array, value: Array, real: Array, scale: float | None = None) -> Array:
    """Return the library's answer."""
    allowed = real[:, None, :]
    return F.scaled_dot_product_attention(Tensor(query), Tensor(key), Tensor(value), allowed, scale=scale).data


def _typed(real: Array) -> str:
    lists = {"query": QUERY, "key": KEY, "value": VALUE, "real": real}
    return "\n".join(f"{name} = np.array({array.tolist()})" for name, array in lists.items())


EXERCISE = Exercise(
    name="12.attention",
    task=(
        "Write scaled dot-product attention: each query's weighted mean of the values, with no weight on keys that are "
        "padding (where `real` is False)."
    ),
    answer="attention",
    blank=attention_blank,
    solution=attention_solution,
    wrong={
        attention_masked_after: "after the softmax",
        attention_unscaled: "square root of d",
        attention_of_padding: "padding is attended to",
        attention_over_queries: "wrong axis",
    },
    hints=(
        "Four steps, in this order: scores, scale, mask, softmax. Then the weights times the values.",
        "A row of scores compares one query with all keys: [rows, queries, keys]; softmax runs along the last axis.",
        "np.where(real[:, None, :], scores, -np.inf) before the softmax: e to the minus infinity is exactly 0.",
    ),
    examine=examine,
)
