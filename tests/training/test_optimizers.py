import math
from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from tests.training.tiny import training
from torch import nn
from torch.optim import Optimizer

from groundwork.errors import UserError
from groundwork.models.cnn import CNN
from groundwork.models.fnn import FNN
from groundwork.sections.training import OptimizerSettings
from groundwork.training.optimizers import OPTIMIZERS, make_optimizer, schedule


def adamw(network: nn.Module, learning_rate: float, weight_decay: float, **options: Any) -> Optimizer:
    return make_optimizer(network, training(learning_rate=learning_rate, weight_decay=weight_decay, **options))


def decayed(network: nn.Module) -> set[str]:
    """Return the names of the parameters that shrink when all gradients are zero."""
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
    """Return the learning rates of `steps` mini-batches, and the one after them."""
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
    """A layer with its own optimizer options."""

    def __init__(self, **options: float) -> None:
        super().__init__(2, 2)
        self.optimizer_options = options


def test_a_module_may_ask_for_options_of_its_own_parameters() -> None:
    quick = Quick(lr=2.0, eps=0.25, weight_decay=0.0)
    network = nn.Sequential(quick, nn.Linear(2, 2), nn.Sequential(Quick(eps=0.5), nn.LayerNorm(2)))
    groups = adamw(network, 0.5, 0.1).param_groups
    group_of = {id(parameter): group for group in groups for parameter in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(group_of) == len(list(network.parameters()))

    def options(parameter: nn.Parameter) -> tuple[float, float, float]:
        group = group_of[id(parameter)]
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


# --- by name ----------------------------------------------------------------------------------------------------------

BETAS = {"betas": [0.8, 0.9], "eps": 0.01}
NAMED: dict[str, dict[str, Any]] = {
    "adamw": BETAS,
    "adam": BETAS,
    "sgd": {"momentum": 0.9, "nesterov": True},
    "rmsprop": {"alpha": 0.9, "eps": 0.01, "momentum": 0.5},
    "adagrad": {"eps": 0.01},
    "muon": {"momentum": 0.9, "nesterov": False, **BETAS},
}
every_name = pytest.mark.parametrize("name", NAMED)


def named(network: nn.Module, name: str, **changes: Any) -> Optimizer:
    return make_optimizer(network, training(**{"optimizer": {"name": name, **NAMED[name], **changes}}))


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def step(network: nn.Module, *optimizers: Optimizer) -> None:
    network(torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.4, -0.5]])).square().sum().backward()
    for optimizer in optimizers:
        optimizer.step()
    network.zero_grad()


def test_every_section_has_its_optimizer_and_no_other() -> None:
    sections = {get_args(section.model_fields["name"].annotation)[0] for section in get_args(OptimizerSettings)}
    assert sections == OPTIMIZERS.keys() == NAMED.keys()


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("adamw", lambda groups: torch.optim.AdamW(groups, 0.01, (0.8, 0.9), 0.01)),
        ("adam", lambda groups: torch.optim.Adam(groups, 0.01, (0.8, 0.9), 0.01)),
        ("sgd", lambda groups: torch.optim.SGD(groups, 0.01, 0.9, nesterov=True)),
        ("rmsprop", lambda groups: torch.optim.RMSprop(groups, 0.01, 0.9, 0.01, momentum=0.5)),
        ("adagrad", lambda groups: torch.optim.Adagrad(groups, 0.01, eps=0.01)),
    ],
)
def test_an_optimizer_is_pytorchs_with_the_options_of_its_section(
    name: str, theirs: Callable[[list[dict[str, Any]]], Optimizer]
) -> None:
    ours, expected = small(), small()
    mine = named(ours, name)
    weights = [expected[0].weight, expected[2].weight]
    biases = [expected[0].bias, expected[2].bias]
    reference = theirs([{"params": weights, "weight_decay": 0.01}, {"params": biases, "weight_decay": 0.0}])
    for _ in range(5):
        step(ours, mine)
        step(expected, reference)
    for mine_now, theirs_now in zip(ours.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(mine_now, theirs_now, rtol=1e-5, atol=1e-6)
    assert not torch.equal(ours[0].weight, small()[0].weight)


def test_muon_takes_hidden_matrices_and_adamw_the_rest() -> None:
    def mixed() -> nn.Sequential:
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Embedding(5, 4), nn.Linear(4, 4), Quick(lr=0.5, eps=0.1), nn.Conv1d(2, 2, 1), nn.LayerNorm(2)
        )

    network = mixed()
    groups = named(network, "muon").param_groups
    muons = {id(parameter) for group in groups if group["muon"] for parameter in group["params"]}
    assert muons == {id(network[1].weight)}
    everything = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(everything) == sorted(id(parameter) for parameter in network.parameters())
    assert next(group for group in groups if group["params"][0] is network[2].weight)["eps"] == 0.1


def test_muon_steps_as_pytorchs_two_optimizers_do() -> None:
    ours, expected = small(), small()
    mine = named(ours, "muon")
    muon = torch.optim.Muon(
        [expected[0].weight, expected[2].weight], 0.01, 0.01, 0.9, nesterov=False, adjust_lr_fn="match_rms_adamw"
    )
    adamw = torch.optim.AdamW([expected[0].bias, expected[2].bias], 0.01, (0.8, 0.9), 0.01, weight_decay=0)
    for _ in range(5):
        step(ours, mine)
        step(expected, muon, adamw)
    for mine_now, theirs_now in zip(ours.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(mine_now, theirs_now, rtol=1e-5, atol=1e-6)


@every_name
def test_an_optimizer_goes_on_from_what_was_kept_of_it(name: str) -> None:
    whole, parted = small(), small()
    first = named(whole, name)
    before = named(parted, name)
    for _ in range(3):
        step(whole, first)
        step(parted, before)
    again = named(parted, name)
    again.load_state_dict(before.state_dict())
    for _ in range(3):
        step(whole, first)
        step(parted, again)
    for expected_values, values in zip(whole.parameters(), parted.parameters(), strict=True):
        assert torch.equal(expected_values, values)


@every_name
def test_an_option_of_a_module_that_the_optimizer_lacks_is_refused(name: str) -> None:
    network = nn.Sequential(nn.Linear(2, 2), Quick(lr=0.5, eps=0.1, weight_decay=0.0))
    if name == "sgd":
        with pytest.raises(UserError, match="found sgd; Quick in this network needs an optimizer with 'eps'"):
            named(network, name)
        network[1].optimizer_options.pop("eps")
    groups = named(network, name).param_groups
    own = next(group for group in groups if group["params"][0] is network[1].weight)
    assert (own["lr"], own["weight_decay"]) == (0.5, 0.0)


@every_name
@pytest.mark.parametrize("way", ["constant", "cosine", "one-cycle"])
def test_every_schedule_works_with_every_optimizer(name: str, way: str) -> None:
    network = small()
    optimizer = named(network, name)
    plan = schedule(optimizer, way, 20, 0.2)
    used = []
    for _ in range(20):
        used.append({group["lr"] for group in optimizer.param_groups})
        step(network, optimizer)
        plan.step()
    assert all(len(rates) == 1 for rates in used)
    assert max(rate for rates in used for rate in rates) == pytest.approx(0.01, rel=0.01)
    assert all(parameter.isfinite().all() for parameter in network.parameters())
    if way != "constant":
        assert max(group["lr"] for group in optimizer.param_groups) < 1e-5


@pytest.mark.parametrize(
    ("name", "changes", "moves"),
    [
        ("sgd", {}, True),
        ("sgd", {"momentum": 0.0, "nesterov": False}, False),
        ("rmsprop", {"momentum": 0.0}, False),
        ("adagrad", {}, False),
        ("muon", {}, False),
    ],
)
def test_one_cycle_moves_a_momentum_only_where_there_is_one(name: str, changes: dict[str, Any], moves: bool) -> None:
    optimizer = named(small(), name, **changes)
    before = [group.get("momentum") for group in optimizer.param_groups]
    schedule(optimizer, "one-cycle", 20, 0.2)
    assert ([group.get("momentum") for group in optimizer.param_groups] != before) is moves
