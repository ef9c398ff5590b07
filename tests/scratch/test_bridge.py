import copy

import numpy as np
import pytest
import torch
from tests.scratch import networks
from tests.scratch.case import OURS, TORCH

from groundwork.scratch import Tensor, functional, nn
from groundwork.scratch.arrays import Array
from groundwork.scratch.bridge import as_torch_module, to_torch

X = torch.from_numpy(np.random.default_rng(0).normal(size=(8, 1, 6, 6)))


def pair() -> tuple[torch.nn.Module, torch.nn.Module]:
    torch.manual_seed(0)
    bridged, theirs = as_torch_module(networks.cnn(OURS)).double(), networks.cnn(TORCH).double()
    bridged.load_state_dict(theirs.state_dict())
    return bridged, theirs


def test_names_shapes_and_kinds_are_those_of_the_same_network_in_torch() -> None:
    bridged, theirs = pair()
    for kind in ("named_parameters", "named_buffers"):
        ours = {name: (tuple(one.shape), one.dtype) for name, one in getattr(bridged, kind)()}
        assert ours == {name: (tuple(one.shape), one.dtype) for name, one in getattr(theirs, kind)()}


def test_outputs_gradients_and_running_statistics_are_torchs() -> None:
    bridged, theirs = pair()
    inputs = [X.clone().requires_grad_() for _ in range(2)]
    outputs = [network(x) for network, x in zip((bridged, theirs), inputs, strict=True)]
    for output in outputs:
        output.square().sum().backward()
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, rtol=1e-10, atol=1e-10)
    for name, parameter in theirs.named_parameters():
        torch.testing.assert_close(bridged.get_parameter(name).grad, parameter.grad, rtol=1e-10, atol=1e-10)
    for name, buffer in theirs.named_buffers():
        torch.testing.assert_close(bridged.get_buffer(name), buffer, rtol=1e-10, atol=1e-10)


def test_torchs_optimizer_trains_it() -> None:
    bridged, theirs = pair()
    classes = torch.arange(8) % 3
    losses: list[list[float]] = []
    for network in (bridged, theirs):
        optimizer = torch.optim.AdamW(network.parameters(), 1e-2, fused=True)
        losses.append([])
        for _ in range(30):
            loss = torch.nn.functional.cross_entropy(network(X), classes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0][-1] < losses[0][0] / 2
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=1e-9)


def test_evaluation_mode_reaches_every_part() -> None:
    bridged, theirs = pair()
    bridged.eval()
    theirs.eval()
    with torch.inference_mode():
        torch.testing.assert_close(bridged(X), theirs(X), rtol=1e-10, atol=1e-10)


def test_one_part_may_learn_while_the_others_do_not() -> None:
    bridged, theirs = pair()
    for network in (bridged, theirs):
        network.eval()
        network.get_submodule("0.1").train()
    torch.testing.assert_close(bridged(X), theirs(X), rtol=1e-10, atol=1e-10)


def test_a_copy_is_a_network_of_its_own() -> None:
    bridged, _ = pair()
    bridged.eval()
    before = bridged(X)
    other = copy.deepcopy(bridged)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    torch.testing.assert_close(bridged(X), before)
    assert not torch.allclose(other(X), before)


def test_no_graph_is_made_where_torch_makes_none() -> None:
    seen: list[Tensor] = []

    class Spy(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            seen.append(super().forward(input))
            return seen[-1]

    bridged = as_torch_module(Spy(2, 2))
    with torch.no_grad():
        assert not bridged(torch.ones(1, 2)).requires_grad
    bridged(torch.ones(1, 2))
    assert [one.requires_grad for one in seen] == [False, True]


def test_frozen_parameters_get_no_gradient() -> None:
    bridged = as_torch_module(nn.Linear(2, 2))
    bridged.get_parameter("bias").requires_grad_(False)
    bridged(torch.ones(1, 2)).sum().backward()
    assert bridged.get_parameter("bias").grad is None
    assert bridged.get_parameter("weight").grad is not None


def test_a_network_used_twice_before_backward_adds_its_gradients() -> None:
    bridged, theirs = as_torch_module(nn.Linear(2, 2)), torch.nn.Linear(2, 2)
    bridged.load_state_dict(theirs.state_dict())
    x, y = torch.rand(3, 2), torch.rand(3, 2)
    for network in (bridged, theirs):
        (network(x) * network(y)).sum().backward()
    torch.testing.assert_close(bridged.get_parameter("weight").grad, theirs.weight.grad)


def test_inputs_go_by_name_and_other_arguments_pass_through() -> None:
    class Scaled(nn.Linear):
        def forward(self, rows: Tensor, factor: float) -> Tensor:  # type: ignore[override]
            return functional.linear(rows, self.weight, self.bias) * factor

    bridged = as_torch_module(Scaled(2, 2))
    torch.testing.assert_close(bridged(rows=torch.ones(1, 2), factor=2.0), 2 * bridged(torch.ones(1, 2), 1.0))


def test_more_than_one_output_is_refused() -> None:
    with pytest.raises(TypeError, match="LSTM gave tuple; expected one Tensor"):
        as_torch_module(nn.LSTM(2, 2))(torch.ones(1, 1, 2))


def test_a_state_dict_goes_both_ways() -> None:
    theirs, ours = networks.cnn(TORCH), networks.cnn(OURS)
    ours.load_state_dict(theirs.state_dict())
    other = networks.cnn(TORCH)
    other.load_state_dict(to_torch(ours.state_dict()))
    for name, values in theirs.state_dict().items():
        assert torch.equal(other.state_dict()[name], values)


class Tied(nn.Module):
    def __init__(self) -> None:
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)
        self.second.weight = self.first.weight

    def forward(self, input: Tensor) -> Tensor:
        return self.second(functional.tanh(self.first(input)))


def test_weights_that_are_shared_are_one_parameter_and_take_one_step() -> None:
    bridged, theirs = as_torch_module(Tied()), torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(2)))
    theirs[1].weight = theirs[0].weight
    bridged.load_state_dict(dict(zip(bridged.state_dict(), theirs.state_dict().values(), strict=True)))
    assert len(list(bridged.parameters())) == len(list(theirs.parameters())) == 3
    x = torch.rand(4, 2)
    for forward, network in ((bridged, bridged), (lambda x: theirs[1](theirs[0](x).tanh()), theirs)):
        forward(x).square().sum().backward()
        torch.optim.SGD(network.parameters(), 0.1).step()
    torch.testing.assert_close(bridged.get_parameter("first.weight"), theirs[0].weight)


def test_mode_and_frozen_parameters_come_along() -> None:
    network = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5)).eval()
    network[0].weight.requires_grad = False
    bridged = as_torch_module(network)
    assert not bridged.training
    assert not bridged.get_parameter("0.weight").requires_grad
    x = torch.ones(1, 6)
    assert torch.equal(bridged(x), bridged(x))


@pytest.mark.parametrize("first", [np.zeros(1, np.float32), np.array(0.0)])
def test_a_buffer_that_is_made_anew_in_forward_is_kept(first: Array) -> None:
    class Counter(nn.Linear):
        def __init__(self) -> None:
            super().__init__(1, 1)
            self.seen = first

        def forward(self, input: Tensor) -> Tensor:
            self.seen = self.seen + len(input)
            return super().forward(input)[::-1]

    bridged = as_torch_module(Counter())
    bridged(torch.ones(3, 1))
    bridged(torch.ones(4, 1)).sum().backward()
    assert bridged.get_buffer("seen").item() == 7


def test_half_precision_that_numpy_lacks_is_named() -> None:
    with pytest.raises(TypeError, match="bfloat16; expected float16, float32 or float64"):
        as_torch_module(nn.Linear(2, 2)).bfloat16()(torch.ones(1, 2, dtype=torch.bfloat16))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_numbers_are_carried_there_and_back() -> None:
    bridged, theirs = pair()
    for network in (bridged.cuda(), theirs.cuda()):
        network(X.cuda()).square().sum().backward()
    for name, parameter in theirs.named_parameters():
        torch.testing.assert_close(bridged.get_parameter(name).grad, parameter.grad)
    for name, buffer in theirs.named_buffers():
        torch.testing.assert_close(bridged.get_buffer(name), buffer)
