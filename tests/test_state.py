from typing import Any

import numpy as np
import pytest

from groundwork.state import array, from_json, from_npy, scalar, texts, to_json, to_npy

HALF = "half a pair: \ud83d"
STATE: dict[str, Any] = {
    "texts": ["", "naïve 漢字 🙂", HALF, "\x00\n\"'", "$array"],
    "numbers": [0, -(2**70), 0.1, 1e-320, 1.7976931348623157e308, True, None],
    "nested": [{"deep": [[], {}]}, {HALF: np.array([[1.5, np.nan], [np.inf, -0.0]], dtype=np.float32)}],
    "flags": np.array([True, False]),
    "none": np.empty((0, 3), dtype=np.int8),
    "scalar": np.array(2.5),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.uint16).reshape(2, 3)),
}


def reread(state: dict[str, Any]) -> dict[str, Any]:
    text, arrays = to_json(state)
    text.encode("ascii")
    return from_json(text, [from_npy(to_npy(part)) for part in arrays])


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            assert_same(first, second)
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape, one.tobytes("A")) == (other.dtype, other.shape, other.tobytes("A"))
        other[...] = 0  # may be written to
    else:
        assert one == other


def test_every_bit_comes_back() -> None:
    assert_same(STATE, reread(STATE))


def test_equal_states_are_written_equally_whatever_the_order_of_their_keys() -> None:
    other = dict(reversed(STATE.items()))
    first, second = to_json(STATE), to_json(other)
    assert first[0] == second[0]
    assert [to_npy(part) for part in first[1]] == [to_npy(part) for part in second[1]]


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1, 2},
        {1: 2},
        {"$array": 0},
        np.float64(1.0),
        np.array(["a"]),
        np.array([None]),
        np.array([1j]),
        float("nan"),
        float("inf"),
        b"bytes",
        object(),
    ],
)
def test_what_would_not_come_back_the_same_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        to_json({"value": value})


def test_an_array_is_refused_where_another_dtype_or_rank_is_expected() -> None:
    state = {"a": np.zeros(3), "b": "text", "c": ["x", 1]}
    assert array(state, "a", np.float64) is state["a"]
    for key, dtype, rank in (("a", np.float32, 1), ("a", np.float64, 2), ("b", np.float64, 1), ("d", np.float64, 1)):
        with pytest.raises(ValueError, match=f"{key}: found"):
            array(state, key, dtype, rank)
    with pytest.raises(ValueError, match="b: found str; expected float"):
        scalar(state, "b", float)
    with pytest.raises(ValueError, match="c: expected only strings"):
        texts(state, "c")
