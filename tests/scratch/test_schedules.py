import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.scratch.training import STEPS, assert_same_training

from groundwork.scratch import nn, optim
from groundwork.training.optimizers import _factor, schedule


def optimizers(name: str = "AdamW", **arguments: Any) -> tuple[Any, Any]:
    """Make one of ours and one of torch's, of two groups with peaks of their own."""

    def groups(kind: Callable[[], Any]) -> list[dict[str, Any]]:
        return [{"params": [kind()]}, {"params": [kind()], "lr": 0.5}]

    return (
        getattr(optim, name)(groups(lambda: nn.Parameter(np.ones(1))), lr=0.1, **arguments),
        getattr(torch.optim, name)(groups(lambda: torch.ones(1, requires_grad=True)), lr=0.1, **arguments),
    )


def rates(schedule_: Any, optimizer: Any, steps: int) -> list[list[float]]:
    """Collect every group's learning rate and momentum, step by step."""
    found = []
    for step in range(steps):
        if step:
            schedule_.step()
        found.append([number for group in optimizer.param_groups for number in (group["lr"], *momentum(group))])
        if isinstance(optimizer, torch.optim.Optimizer):
            optimizer.step()  # torch warns if a schedule moves before its optimizer
    return found


def momentum(group: dict[str, Any]) -> tuple[float, ...]:
    return tuple(group["betas"]) if "betas" in group else (group["momentum"],)


@pytest.mark.parametrize(("steps", "warmup"), list(itertools.product([1, 2, 7, 100], [0.0, 0.1, 0.3, 1.0])))
def test_the_cosine_is_the_pipelines(steps: int, warmup: float) -> None:
    ours, theirs = optimizers()
    found = rates(optim.LambdaLR(ours, optim.cosine(steps, warmup)), ours, steps + 1)
    expected = rates(schedule(theirs, "cosine", steps, warmup), theirs, steps + 1)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    factor, pipelines = optim.cosine(steps, warmup), _factor("cosine", steps, warmup)
    assert [factor(step) for step in range(steps + 1)] == [pipelines(step) for step in range(steps + 1)]


def test_the_cosine_rises_over_its_warmup_and_ends_at_nothing() -> None:
    factor = optim.cosine(100, warmup=0.1)
    assert [factor(step) for step in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1, 1])
    assert factor(55) == pytest.approx(0.5)
    assert factor(100) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_any_factor_multiplies_each_groups_peak(name: str) -> None:
    ours, theirs = optimizers(name)

    def factor(step: int) -> float:
        return 1 / (1 + step) ** 0.5

    found = rates(optim.LambdaLR(ours, factor), ours, 20)
    assert found[0][0] == 0.1
    np.testing.assert_allclose(found, rates(torch.optim.lr_scheduler.LambdaLR(theirs, factor), theirs, 20), rtol=1e-12)


ONE_CYCLE = [
    {"total_steps": steps, "pct_start": share, **others}
    for steps, share, others in itertools.product(
        [10, 37, 100],
        [0.25, 0.3, 0.5, 1.0],
        [{}, {"base_momentum": 0.5, "max_momentum": 0.99}, {"div_factor": 10.0, "final_div_factor": 100.0}],
    )
]


@pytest.mark.parametrize("arguments", ONE_CYCLE)
@pytest.mark.parametrize("name", ["SGD", "Adam"])
@pytest.mark.parametrize("peak", [0.3, [0.3, 0.7]])
def test_one_cycle_moves_rate_and_momentum_as_torchs_does(
    peak: float | list[float], name: str, arguments: dict[str, Any]
) -> None:
    ours, theirs = optimizers(name, **({"momentum": 0.9} if name == "SGD" else {}))
    steps = arguments["total_steps"]
    found = rates(optim.OneCycleLR(ours, peak, **arguments), ours, steps)
    expected = rates(torch.optim.lr_scheduler.OneCycleLR(theirs, peak, **arguments), theirs, steps)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-15)


def test_the_pipelines_one_cycle_is_reached_with_its_arguments() -> None:
    ours, theirs = optimizers()
    found = rates(optim.OneCycleLR(ours, [0.1, 0.5], STEPS + 1, pct_start=max(0.2, 2 / (STEPS + 1))), ours, STEPS + 1)
    np.testing.assert_allclose(found, rates(schedule(theirs, "one-cycle", STEPS, 0.2), theirs, STEPS + 1), rtol=1e-10)


def test_a_cycle_ends() -> None:
    ours, _ = optimizers()
    cycle = optim.OneCycleLR(ours, 0.1, total_steps=5)
    for _ in range(5):
        cycle.step()
    with pytest.raises(ValueError, match="5 steps"):
        cycle.step()


@pytest.mark.parametrize("arguments", [{"total_steps": 0}, {"total_steps": -3}, {"total_steps": 10, "pct_start": 1.5}])
def test_cycles_that_torch_refuses_are_refused(arguments: dict[str, Any]) -> None:
    ours, theirs = optimizers()
    with pytest.raises(ValueError, match=r"."):
        torch.optim.lr_scheduler.OneCycleLR(theirs, 0.1, **arguments)
    with pytest.raises(ValueError, match="found"):
        optim.OneCycleLR(ours, 0.1, **arguments)


SCHEDULES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "cosine": (
        lambda one: optim.LambdaLR(one, optim.cosine(STEPS, 0.1)),
        lambda one: schedule(one, "cosine", STEPS, 0.1),
    ),
    "constant": (
        lambda one: optim.LambdaLR(one, lambda step: min(1, (step + 1) / 10)),
        lambda one: schedule(one, "constant", STEPS, 0.1),
    ),
    "one-cycle": (
        lambda one: optim.OneCycleLR(one, 0.05, STEPS + 1, pct_start=0.3),
        lambda one: torch.optim.lr_scheduler.OneCycleLR(one, 0.05, total_steps=STEPS + 1, pct_start=0.3),
    ),
}


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize("shape", SCHEDULES)
def test_a_hundred_scheduled_and_clipped_steps_lead_where_torchs_do(shape: str, name: str) -> None:
    arguments = {"lr": 0.05, "weight_decay": 0.01} | ({"momentum": 0.9} if name == "SGD" else {})
    moved: dict[str, Any] = {}

    def each_step(step: int, ours: Any, theirs: Any) -> None:
        if not step:
            moved.update(ours=SCHEDULES[shape][0](ours), theirs=SCHEDULES[shape][1](theirs))
        else:
            moved["ours"].step()
            moved["theirs"].step()
        limit = 0.1 if step % 2 else math.inf
        optim.clip_grad_norm_([one for group in ours.param_groups for one in group["params"]], limit)
        torch.nn.utils.clip_grad_norm_([one for group in theirs.param_groups for one in group["params"]], limit)

    assert_same_training(
        lambda parameters: getattr(optim, name)(parameters, **arguments),
        lambda parameters: getattr(torch.optim, name)(parameters, **arguments),
        each_step=each_step,
    )
