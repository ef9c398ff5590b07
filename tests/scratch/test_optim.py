import itertools
from typing import Any

import numpy as np
import pytest
import torch
from tests.scratch.against import numbers
from tests.scratch.training import assert_same_training

from groundwork.scratch import Tensor, nn, optim

Arguments = dict[str, Any]


def grid(**values: list[Any]) -> list[Arguments]:
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


SGD = grid(
    lr=[0.01, 0.1],
    momentum=[0.0, 0.5, 0.9],
    dampening=[0.0, 0.3],
    weight_decay=[0.0, 0.05],
    nesterov=[False, True],
)
ADAM = grid(
    lr=[1e-3, 0.05],
    betas=[(0.9, 0.999), (0.5, 0.9), (0.0, 0.99)],
    eps=[1e-8, 1e-3],
    weight_decay=[0.0, 0.1],
)
CASES = [
    *(("SGD", one) for one in SGD if not one["nesterov"] or (one["momentum"] and not one["dampening"])),
    *(("Adam", one) for one in ADAM),
    *(("AdamW", one) for one in ADAM),
]


def made(name: str, arguments: Arguments) -> tuple[Any, Any]:
    return (
        lambda parameters: getattr(optim, name)(parameters, **arguments),
        lambda parameters: getattr(torch.optim, name)(parameters, **arguments),
    )


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_a_hundred_steps_lead_where_torchs_do(name: str, arguments: Arguments) -> None:
    assert_same_training(*made(name, arguments))


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@pytest.mark.parametrize("betas", [(0.9, 0.0), (0.0, 0.0)])
def test_steps_without_a_memory_of_squares(name: str, betas: tuple[float, float]) -> None:
    # A gradient over its own size: the rounding of one close to 0 would decide a hundred steps.
    assert_same_training(*made(name, {"lr": 1e-3, "betas": betas}), steps=5)


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_defaults_are_torchs(name: str) -> None:
    assert_same_training(*made(name, {}))
    make, make_torchs = made(name, {})
    ours, theirs = make([nn.Parameter(np.ones(1))]), make_torchs([torch.ones(1)])
    for setting in ("lr", "betas", "eps", "weight_decay"):
        assert ours.param_groups[0][setting] == theirs.param_groups[0][setting]
    assert optim.SGD([Tensor([1.0])]).param_groups[0]["lr"] == torch.optim.SGD([torch.ones(1)]).param_groups[0]["lr"]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_groups_have_settings_of_their_own(name: str) -> None:
    def make(kinds: Any) -> Any:
        def of(parameters: Any) -> Any:
            first, *rest = parameters
            special = {"momentum": 0.7} if name == "SGD" else {"betas": (0.7, 0.8), "eps": 1e-4}
            groups = [{"params": [first], "lr": 0.05, **special}, {"params": rest, "weight_decay": 0.2}]
            return getattr(kinds, name)(groups, lr=0.01)

        return of

    assert_same_training(make(optim), make(torch.optim))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_settings_may_change_between_steps(name: str) -> None:
    def change(step: int, *optimizers: Any) -> None:
        for one in optimizers:
            for group in one.param_groups:
                group["lr"] = 0.05 / (1 + step)
                group["weight_decay"] = 0.1 * (step % 2)

    assert_same_training(*made(name, {"lr": 0.05}), each_step=change)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_a_parameter_that_gets_a_gradient_only_now_and_then_keeps_its_own_count(name: str) -> None:
    def forget(step: int, *optimizers: Any) -> None:
        if step % 3:
            for one in optimizers:
                one.param_groups[0]["params"][0].grad = None

    arguments = {"lr": 0.05, "weight_decay": 0.1} | ({"momentum": 0.9} if name == "SGD" else {})
    assert_same_training(*made(name, arguments), each_step=forget)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_a_parameter_without_a_gradient_stays_where_it_is(name: str) -> None:
    used, unused = (nn.Parameter(np.ones(3)) for _ in range(2))
    optimizer = getattr(optim, name)([used, unused], lr=0.1, weight_decay=0.5)
    used.grad = np.ones(3)
    optimizer.step()
    assert unused.data.tolist() == [1, 1, 1]
    assert (used.data != 1).all()


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize("shape", [(), (1,), (0, 3)])
def test_steps_of_numbers_without_dimensions_and_of_nothing(name: str, shape: tuple[int, ...]) -> None:
    ours, theirs = nn.Parameter(np.ones(shape)), torch.ones(shape, dtype=torch.float64, requires_grad=True)
    optimizer, twin = getattr(optim, name)([ours], lr=0.1), getattr(torch.optim, name)([theirs], lr=0.1)
    for _ in range(3):
        for one, steps in ((ours, optimizer), (theirs, twin)):
            (one * one).sum().backward()  # type: ignore[operator]  # a parameter, or a tensor of torch
            steps.step()
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-12)
    assert isinstance(ours.data, np.ndarray)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_steps_change_numbers_in_place_keep_float32_and_leave_gradients_alone(name: str) -> None:
    parameter = nn.Parameter(np.ones(3, np.float32))
    array, parameter.grad = parameter.data, np.array([1, 2, 3], np.float32)
    optimizer = getattr(optim, name)([parameter], lr=np.float64(0.1), weight_decay=0.1)
    for _ in range(2):
        optimizer.step()
    assert parameter.data is array
    assert array.dtype == np.float32
    assert parameter.grad.tolist() == [1, 2, 3]
    assert (array < 1).all()


def test_momentum_is_not_the_gradient_that_began_it() -> None:
    parameter = nn.Parameter(np.ones(2))
    optimizer = optim.SGD([parameter], lr=1.0, momentum=0.5)
    parameter.grad = np.ones(2)
    optimizer.step()
    parameter.grad *= 0  # as clip_grad_norm_ does, in place
    optimizer.step()
    assert parameter.data.tolist() == [-0.5, -0.5]


def test_gradients_are_forgotten_on_request() -> None:
    layer = nn.Linear(2, 2)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    layer(Tensor(np.ones((1, 2), np.float32))).sum().backward()
    optimizer.zero_grad()
    assert [parameter.grad for parameter in layer.parameters()] == [None, None]


@pytest.mark.parametrize("limit", [0.01, 1.0, 1e3])
@pytest.mark.parametrize("size", [1.0, 1e-3, 0.0, 1e8])
def test_gradients_are_clipped_as_torchs_are(size: float, limit: float) -> None:
    shapes: list[tuple[int, ...]] = [(3, 2), (4,), (), (2, 0)]
    own = [nn.Parameter(np.ones(shape)) for shape in shapes]
    twins = [torch.ones(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    for seed, (one, twin) in enumerate(zip(own, twins, strict=True)):
        one.grad = np.asarray(numbers(*one.shape, seed=seed) * size)
        twin.grad = torch.tensor(one.grad)
    own.append(nn.Parameter(np.ones(2)))  # without a gradient
    twins.append(torch.ones(2, requires_grad=True))
    own[0].grad = np.asfortranarray(own[0].grad)
    norm = optim.clip_grad_norm_(own, limit)
    assert norm == pytest.approx(float(torch.nn.utils.clip_grad_norm_(twins, limit)), rel=1e-12)
    for one, twin in zip(own[:-1], twins[:-1], strict=True):
        np.testing.assert_allclose(one.grad, twin.grad.numpy(), rtol=1e-12)
    assert own[-1].grad is None


def test_gradients_within_the_limit_are_left_as_they_are_and_others_get_just_there() -> None:
    parameter = nn.Parameter(np.zeros(2))
    parameter.grad = np.array([3.0, 4.0])
    assert optim.clip_grad_norm_([parameter], 10) == 5
    assert parameter.grad.tolist() == [3, 4]
    assert optim.clip_grad_norm_([parameter], 1) == 5
    assert np.linalg.norm(parameter.grad) == pytest.approx(1, rel=1e-6)
    assert optim.clip_grad_norm_([nn.Parameter(np.zeros(2))], 1) == 0


def test_an_accumulated_gradient_of_one_number_can_be_clipped() -> None:
    parameter = nn.Parameter(np.array(1.0))
    for _ in range(2):
        (parameter * 2).backward()
    assert optim.clip_grad_norm_([parameter], 1.0) == 4
    assert parameter.grad == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("SGD", {"lr": -0.1}),
        ("SGD", {"lr": 0.1, "momentum": -1}),
        ("SGD", {"lr": 0.1, "weight_decay": -1}),
        ("SGD", {"lr": 0.1, "nesterov": True}),
        ("SGD", {"lr": 0.1, "nesterov": True, "momentum": 0.9, "dampening": 0.1}),
        ("Adam", {"lr": -1}),
        ("Adam", {"betas": (-0.1, 0.9)}),
        ("Adam", {"betas": (1.0, 0.9)}),
        ("AdamW", {"betas": (0.9, 1.0)}),
        ("Adam", {"eps": -1e-8}),
        ("AdamW", {"weight_decay": -0.1}),
    ],
)
def test_arguments_that_torch_refuses_are_refused(name: str, arguments: Arguments) -> None:
    with pytest.raises(ValueError, match=r"."):
        getattr(torch.optim, name)([torch.ones(1, requires_grad=True)], **arguments)
    with pytest.raises(ValueError, match=r"found|needs"):
        getattr(optim, name)([nn.Parameter(np.ones(1))], **arguments)


def test_parameters_that_torch_refuses_are_refused() -> None:
    parameter = nn.Parameter(np.ones(2))
    with pytest.raises(ValueError, match="no parameters"):
        optim.SGD([], lr=0.1)
    with pytest.raises(TypeError):
        optim.SGD(parameter, lr=0.1)  # type: ignore[arg-type]  # its rows would be trained, and thrown away
    with pytest.raises(ValueError, match="group"):
        optim.SGD([{"params": [parameter]}, {"params": [parameter]}], lr=0.1)
