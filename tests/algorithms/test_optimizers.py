import math

import pytest
import torch
from torch import nn

from groundwork.algorithms.optimizers import adamw, schedule
from groundwork.models.cnn import CNN
from groundwork.models.fnn import FNN


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
