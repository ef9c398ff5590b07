import math
from typing import Any

import pytest
import torch
from tests.training.tiny import training
from torch import nn
from torch.optim import Optimizer

from groundwork.models.cnn import CNN
from groundwork.models.fnn import FNN
from groundwork.training.optimizers import make_optimizer, schedule


def adamw(network: nn.Module, learning_rate: float, weight_decay: float, **options: Any) -> Optimizer:
    return make_optimizer(network, training(learning_rate=learning_rate, weight_decay=weight_decay, **options))


def decayed(network: nn.Module) -> set[str]:
    """Names of the parameters that shrink when there is nothing to learn: with gradients of zero."""
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    optimizer = adamw(network, learning_rate=0.1, weight_decay=0.5)
    for parameter in network.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert before.keys() == dict(network.named_parameters()).keys()
    return {name for name, parameter in network.named_parameters() if not parameter.eq(1).all()}


def test_a_cnn_decays_its_kernels_and_its_head_but_no_bias_and_no_normalization() -> None:
    names = decayed(CNN(1, [4, 6], outputs=3))
    assert names == {"features.0.0.weight", "features.1.0.weight", "features.2.0.weight", "head.1.weight"}


def test_an_fnn_decays_the_weights_that_its_members_share_and_nothing_else() -> None:
    network = FNN(torch.zeros(2, 5), [3, 4], outputs=2, members=2, width=4, depth=2)
    assert decayed(network) == {"hidden.0.weight", "hidden.3.weight"}


def test_recurrent_attention_and_dense_matrices_decay_and_embeddings_do_not() -> None:
    network = nn.ModuleDict(
        {
            "rnn": nn.LSTM(3, 4),
            "attention": nn.MultiheadAttention(4, 2),
            "dense": nn.Linear(4, 4),
            "norm": nn.LayerNorm(4),
            "codes": nn.Embedding(5, 4),
        }
    )
    assert decayed(network) == {
        "rnn.weight_ih_l0",
        "rnn.weight_hh_l0",
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        "dense.weight",
    }


def test_all_parameters_are_trained_once() -> None:
    network = FNN(torch.zeros(2, 5), [3], outputs=2)
    groups = adamw(network, 0.1, 0.1).param_groups
    trained = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(trained) == sorted(id(parameter) for parameter in network.parameters())


def rates(name: str, steps: int, warmup: float) -> list[float]:
    """Learning rates that `steps` mini-batches are taken with, and the one that is left."""
    optimizer = adamw(nn.Linear(2, 2), learning_rate=0.5, weight_decay=0.1)
    plan = schedule(optimizer, name, steps, warmup)
    used = []
    for _ in range(steps):
        assert len({group["lr"] for group in optimizer.param_groups}) == 1
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        plan.step()
    return [*used, optimizer.param_groups[0]["lr"]]


def test_a_constant_rate_rises_linearly_in_its_warmup_and_stays() -> None:
    assert rates("constant", 10, 0.4) == pytest.approx([0.125, 0.25, 0.375, *[0.5] * 8])
    assert rates("constant", 4, 0.0) == pytest.approx([0.5] * 5)


def test_a_cosine_rises_and_ends_at_zero_after_the_last_step() -> None:
    used = rates("cosine", 100, 0.1)
    assert used[:10] == pytest.approx([0.05 * step for step in range(1, 11)])
    assert used[10:] == pytest.approx([0.25 * (1 + math.cos(math.pi * step / 90)) for step in range(91)], abs=1e-12)
    assert used[-1] == pytest.approx(0, abs=1e-12)
    assert used[-2] > 0


@pytest.mark.parametrize("warmup", [0.0, 0.01, 0.1, 0.3, 0.9])
@pytest.mark.parametrize("steps", [1, 2, 9, 99])
def test_one_cycle_rises_to_its_peak_and_falls_over_the_steps_it_has(steps: int, warmup: float) -> None:
    used = rates("one-cycle", steps, warmup)
    peak = used.index(max(used))
    assert used[:peak] == sorted(used[:peak])
    assert used[peak:] == sorted(used[peak:], reverse=True)
    if steps > 10:
        assert max(used) == pytest.approx(0.5, rel=0.01)
        assert peak == pytest.approx(max(1, warmup * steps), abs=1)
        assert used[-1] < 1e-5


def test_one_cycle_moves_the_momentum_against_the_rate() -> None:
    optimizer = adamw(nn.Linear(2, 2), 0.5, 0.1)
    plan = schedule(optimizer, "one-cycle", 20, 0.5)
    momenta = []
    for _ in range(20):
        momenta.append(optimizer.param_groups[0]["betas"][0])
        optimizer.step()
        plan.step()
    assert min(momenta) == momenta[10] < momenta[0]


class Quick(nn.Linear):
    """A layer that asks for options of its own."""

    def __init__(self, **options: float) -> None:
        super().__init__(2, 2)
        self.optimizer_options = options


def test_a_module_may_ask_for_options_of_its_own_parameters() -> None:
    quick = Quick(lr=2.0, eps=0.25, weight_decay=0.0)
    network = nn.Sequential(quick, nn.Linear(2, 2), nn.Sequential(Quick(eps=0.5), nn.LayerNorm(2)))
    groups = adamw(network, 0.5, 0.1).param_groups
    found = {id(parameter): group for group in groups for parameter in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(found) == len(list(network.parameters()))

    def options(parameter: nn.Parameter) -> tuple[float, float, float]:
        group = found[id(parameter)]
        return group["lr"], group["eps"], group["weight_decay"]

    assert options(quick.weight) == options(quick.bias) == (2.0, 0.25, 0.0)
    assert options(network[1].weight) == (0.5, 1e-8, 0.1)
    # What a module does not ask for is as elsewhere: decay on matrices alone.
    assert options(network[2][0].weight) == (0.5, 0.5, 0.1)
    assert options(network[2][0].bias) == (0.5, 0.5, 0.0)
    assert options(network[2][1].weight) == (0.5, 1e-8, 0.0)
    # The rate that is logged is the plain one.
    assert groups[0]["lr"] == 0.5


def test_a_large_epsilon_makes_steps_as_long_as_their_gradients() -> None:
    network = nn.Sequential(Quick(lr=1.0, eps=1e3))
    optimizer = adamw(network, 0.1, 0.1)
    before = network[0].weight.detach().clone()
    network[0].weight.grad = torch.tensor([[1.0, 2.0], [4.0, 0.0]])
    optimizer.param_groups[0]["weight_decay"] = 0.0
    optimizer.step()
    torch.testing.assert_close((before - network[0].weight) * 1e3, network[0].weight.grad, rtol=0.01, atol=1e-3)


@pytest.mark.parametrize("name", ["constant", "cosine", "one-cycle"])
def test_a_schedule_takes_each_group_to_its_own_peak(name: str) -> None:
    optimizer = adamw(nn.Sequential(Quick(lr=2.0), nn.Linear(2, 2)), 0.5, 0.1)
    plan = schedule(optimizer, name, 20, 0.2)
    used = []
    for _ in range(20):
        used.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        plan.step()
    plain, quick = used[0].index(min(used[0])), used[0].index(max(used[0]))
    assert max(rates[plain] for rates in used) == pytest.approx(0.5, rel=0.01)
    assert max(rates[quick] for rates in used) == pytest.approx(2.0, rel=0.01)
    # They rise and fall together.
    assert all(rates[quick] == pytest.approx(4 * rates[plain]) for rates in used)
