import doctest
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from groundwork.scratch import Tensor, diagnosis, functional, nn, operation, tensor, verify
from groundwork.scratch.arrays import Array
from groundwork.scratch.optim import Adam
from groundwork.scratch.verify import compare, gradcheck

RNG = np.random.default_rng(0)


def diagonal_softmax(x: Tensor) -> Tensor:
    value = functional.softmax(x, 1).data
    return operation(value, (x,), lambda dy: (dy * value * (1 - value),))


def test_what_is_right_is_clean_and_says_how_exactly() -> None:
    report = gradcheck(lambda x: functional.softmax(x, 1), (np.eye(3),))
    assert report
    assert report.gradients is not None
    assert 0 < report.gradients < 1e-8
    assert "clean, gradients within 1e-" in repr(report)


def test_gradcheck_looks_at_every_parameter_of_a_module() -> None:
    layer = nn.Linear(3, 2)
    assert gradcheck(layer, (RNG.normal(size=(4, 3)),))

    class Forgetful(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            assert self.bias is not None
            return functional.linear(input, self.weight, self.bias.detach())

    report = gradcheck(Forgetful(3, 2), (RNG.normal(size=(4, 3)),))
    assert "gradient of bias[0]: found 0" in repr(report)
    assert "nothing arrives" in repr(report)


def test_a_wrong_gradient_is_named_with_its_first_entry_and_both_values() -> None:
    report = gradcheck(diagonal_softmax, (np.eye(3),))
    assert not report
    assert "gradient of input 0[0, 0]: found" in report.problem
    assert "difference quotient has" in report.problem


def test_gradcheck_refuses_to_approve_of_nothing() -> None:
    with pytest.raises(ValueError, match="found nothing to differentiate"):
        gradcheck(functional.relu, (np.array([1, 2]),))


def test_gradcheck_takes_tensors() -> None:
    assert not gradcheck(diagonal_softmax, (Tensor(np.eye(3)),))


def test_small_gradients_are_not_right_because_they_are_small() -> None:
    def flat(x: Tensor) -> Tensor:
        return operation(x.data**2 * 1e-7, (x,), lambda dy: (dy * 0,))

    assert not gradcheck(flat, (np.ones(3),))
    assert gradcheck(lambda x: x**2 * 1e-7, (np.ones(3),))


@pytest.mark.parametrize("product", [lambda dy: dy, lambda dy: (dy, dy)])
def test_an_operation_says_how_many_gradients_it_owes(product: Callable[[Array], Any]) -> None:
    with pytest.raises(ValueError, match=r"a VJP gave [23] gradients; expected a tuple of 1"):
        gradcheck(lambda x: operation(x.data, (x,), product), (np.ones(3),))


def test_gradcheck_leaves_inputs_and_module_as_they_were() -> None:
    layer, x = nn.Linear(3, 2), RNG.normal(size=(4, 3))
    weight, before = layer.weight.data.copy(), x.copy()
    gradcheck(layer, (x,))
    np.testing.assert_array_equal(layer.weight.data, weight)
    assert layer.weight.dtype == np.float32
    assert layer.weight.grad is None
    np.testing.assert_array_equal(x, before)


def test_compare_changes_neither_side() -> None:
    ours, theirs = nn.Linear(3, 2), torch.nn.Linear(3, 2)
    before, their_before = ours.weight.data.copy(), theirs.weight.detach().clone()
    assert compare(ours, theirs, RNG.normal(size=(4, 3)), steps=3)
    np.testing.assert_array_equal(ours.weight.data, before)
    assert torch.equal(theirs.weight, their_before)
    assert theirs.weight.dtype == torch.float32


def test_compare_says_how_exactly_outputs_gradients_and_training_agree() -> None:
    report = compare(nn.LSTM(3, 4), torch.nn.LSTM(3, 4), RNG.normal(size=(5, 2, 3)), steps=20)
    assert report
    assert report.forward is not None
    assert report.backward is not None
    assert report.steps is not None
    assert max(report.forward, report.backward, report.steps) < 1e-12
    assert repr(report).startswith("compare: clean, outputs within 1e-")


def test_other_names_and_shapes_are_told() -> None:
    x = np.eye(3)
    assert "bias: found shape (2,); PyTorch has None" in repr(compare(nn.Linear(3, 2), torch.nn.Linear(3, 2, False), x))
    assert "weight: found shape (4, 3); PyTorch has (2, 3)" in repr(
        compare(nn.Linear(3, 4, False), torch.nn.Linear(3, 2, False), x)
    )


def test_a_missing_output_is_told() -> None:
    report = compare(lambda x: x, lambda x: (x, x), np.eye(2))
    assert "outputs: found 1; PyTorch has 2" in repr(report)


def test_a_wrong_step_of_training_is_noticed_though_every_gradient_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hasty(Adam):
        def __init__(self, parameters: list[Tensor]) -> None:
            super().__init__(parameters, betas=(0.9, 0.99))

    ours, theirs, x = nn.Linear(3, 2), torch.nn.Linear(3, 2), RNG.normal(size=(4, 3))
    monkeypatch.setattr(verify, "Adam", Hasty)
    report = compare(ours, theirs, x, steps=5)
    assert not report
    assert "output 0 after 5 steps[0, 0]" in report.problem


SQUARE = RNG.normal(size=(3, 3))


@pytest.mark.parametrize(
    ("found", "expected", "cause"),
    [
        (SQUARE * 3, SQUARE, "a factor; all are 3 times as large"),
        (-SQUARE, SQUARE, "a factor; all are -1 times"),
        (SQUARE.T, SQUARE, "transposed"),
        (SQUARE[:, ::-1], SQUARE, "reverse order"),
        (SQUARE[[1, 2, 0]], SQUARE, "in other places"),
        (SQUARE + 0.1, SQUARE, "a constant added"),
        (np.where(SQUARE > 0, np.inf, SQUARE), SQUARE, "an overflow"),
        (SQUARE * [1, 1, 0], SQUARE, "nothing arrives there"),
        (SQUARE * [1, 1, 0.5], SQUARE * [1, 1, 1], "not added up"),
        (SQUARE**2, SQUARE, "a term of the formula"),
    ],
)
def test_the_likely_cause_is_the_pattern_of_what_differs(found: np.ndarray, expected: np.ndarray, cause: str) -> None:
    _, sentence = diagnosis.difference("gradient", found, expected, 1e-10, "PyTorch")
    assert cause in sentence


def test_equal_infinities_and_nans_are_no_difference() -> None:
    odd = np.array([np.inf, -np.inf, np.nan, 1.0])
    assert diagnosis.difference("output", odd, odd.copy(), 1e-10, "PyTorch") == (0, "")
    error, sentence = diagnosis.difference("output", odd, np.ones(4), 1e-10, "PyTorch")
    assert error == np.inf
    assert "output[0]: found inf" in sentence


@pytest.mark.parametrize("module", [tensor, verify])
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    found = doctest.testmod(module, extraglobs={"np": np})  # type: ignore[arg-type]
    assert found.attempted > 0
    assert found.failed == 0
