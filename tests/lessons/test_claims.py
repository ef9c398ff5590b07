import math

import numpy as np
import pytest

from groundwork.lessons import claim


def test_a_number_that_holds_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    claim("initial loss is ln 10", np.float32(2.3), math.log(10), 0.01)
    assert capsys.readouterr().out == "✓ initial loss is ln 10: 2.3\n"


def test_a_number_that_does_not_hold_is_an_error_with_both() -> None:
    with pytest.raises(AssertionError, match=r"initial loss is ln 10: found 2\.5; the text says 2\.30259 ± 0\.01"):
        claim("initial loss is ln 10", 2.5, math.log(10), 0.01)


def test_nan_is_near_nothing() -> None:
    with pytest.raises(AssertionError, match="found nan"):
        claim("the loss is finite", float("nan"), 0, 1e9)


def test_a_condition_is_claimed_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    claim("less is less", np.bool_(True))
    assert capsys.readouterr().out == "✓ less is less\n"
    with pytest.raises(AssertionError, match="more is less"):
        claim("more is less", False)


@pytest.mark.parametrize("value", [5, 0.5, float("nan"), np.float64(1)])
def test_a_number_without_what_the_text_says_is_no_claim(value: float) -> None:
    with pytest.raises(TypeError, match="expected a condition"):
        claim("the loss is small", value)


def test_far_off_is_far_off_whatever_the_size() -> None:
    with pytest.raises(AssertionError):
        claim("a million rows", 1_000_001, 1_000_000, 0.5)
