from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.scratch import Tensor, manual_seed, nn
from groundwork.scratch.mlp import MLP
from groundwork.scratch.verify import compare, gradcheck

ACTIVATIONS: dict[str, tuple[Callable[[], nn.Module], Callable[[], torch.nn.Module]]] = {
    "relu": (nn.ReLU, torch.nn.ReLU),
    "tanh": (nn.Tanh, torch.nn.Tanh),
    "gelu": (nn.GELU, torch.nn.GELU),
}


def twin(widths: list[int], activation: Callable[[], torch.nn.Module], dropout: float = 0.0) -> torch.nn.Module:
    """Write the layers out by pairs of widths, as a reader of PyTorch's documentation would."""
    layers: list[Any] = []
    for inputs, outputs in pairwise(widths):
        layers += [torch.nn.Linear(inputs, outputs), activation(), *([torch.nn.Dropout(dropout)] if dropout else [])]
    return torch.nn.Sequential(*layers[: -2 if dropout else -1])


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("widths", [[3, 1], [4, 5, 2], [1, 7, 6, 5, 3]], ids=str)
def test_it_computes_and_learns_what_pytorchs_does(widths: list[int], name: str) -> None:
    ours, theirs = ACTIVATIONS[name]
    rows = np.random.default_rng(1).normal(size=(9, widths[0]))
    report = compare(MLP(widths, ours), twin(widths, theirs), rows, steps=50)
    assert report, report


def test_with_dropout_its_names_and_its_answers_are_pytorchs() -> None:
    ours, theirs = MLP([3, 4, 5, 2], dropout=0.3), twin([3, 4, 5, 2], torch.nn.ReLU, dropout=0.3)
    assert {name: values.shape for name, values in ours.state_dict().items()} == {
        name: tuple(values.shape) for name, values in theirs.state_dict().items()
    }
    report = compare(ours, theirs.eval(), np.random.default_rng(1).normal(size=(6, 3)))
    assert report, report


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.sampled_from([0.0, 0.4]))
def test_any_widths_make_a_network_of_as_many_weights(widths: list[int], dropout: float) -> None:
    network = MLP(widths, dropout=dropout)
    weights = sum(inputs * outputs + outputs for inputs, outputs in pairwise(widths))
    assert sum(parameter.data.size for parameter in network.parameters()) == weights
    assert network(Tensor(np.zeros((3, widths[0]), np.float32))).shape == (3, widths[-1])


def test_its_gradients_are_difference_quotients() -> None:
    report = gradcheck(MLP([3, 4, 1], nn.Tanh), (np.random.default_rng(1).normal(size=(5, 3)),))
    assert report, report


def test_with_two_widths_it_is_linear() -> None:
    network = MLP([2, 1], dropout=0.5)
    assert [type(layer) for layer in network] == [nn.Linear]


def test_the_head_has_no_bend_behind_it() -> None:
    network = MLP([2, 8, 1], dropout=0.5).eval()
    rows = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    answers = network(Tensor(rows)).data
    # Whatever the last layer's bias, moving it below all answers must be felt.
    network.parameters()[-1].data -= answers.max() + 1
    np.testing.assert_allclose(network(Tensor(rows)).data, answers - answers.max() - 1, atol=1e-5)


def test_dropout_drops_while_learning_and_not_afterwards() -> None:
    network, rows = MLP([3, 50, 1], dropout=0.5), Tensor(np.ones((4, 3), np.float32))
    assert not np.array_equal(network(rows).data, network(rows).data)
    network.eval()
    assert np.array_equal(network(rows).data, network(rows).data)


def test_the_same_seed_gives_the_same_first_weights() -> None:
    states = []
    for _ in range(2):
        manual_seed(3)
        states.append(MLP([3, 4, 2]).state_dict())
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("widths", [[], [3], [3, 0, 1], [-1, 2]], ids=str)
def test_widths_that_make_no_network_are_named(widths: list[int]) -> None:
    with pytest.raises(ValueError, match=r"widths: found .*; expected two or more"):
        MLP(widths)


@pytest.mark.parametrize("dropout", [-0.1, 1.5])
def test_a_dropout_that_is_no_share_is_named(dropout: float) -> None:
    with pytest.raises(ValueError, match="expected a share"):
        MLP([2, 3, 1], dropout=dropout)
