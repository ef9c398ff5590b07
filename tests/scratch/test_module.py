import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.scratch.against import numbers

from groundwork.scratch import Tensor, nn
from groundwork.scratch.tensor import Array

TN = torch.nn


class Net(nn.Module):
    """Every kind of part, nested."""

    def __init__(self) -> None:
        self.embedding = nn.Embedding(5, 4, padding_idx=0)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4)) for _ in range(2)])
        self.scale = nn.Parameter(np.full(4, 2, np.float32))
        self.shift = np.ones(4, np.float32)
        self.head = nn.Sequential(nn.LayerNorm(4), nn.Dropout(0.5), nn.Linear(4, 2, bias=False))
        self.nothing = None
        self.count = 3

    def forward(self, input: Tensor) -> Tensor:
        x = self.embedding(input)
        for block in self.blocks:
            x = block(x)
        return self.head(x * self.scale + self.shift)


class Twin(TN.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = TN.Embedding(5, 4, padding_idx=0)
        self.blocks = TN.ModuleList([TN.Sequential(TN.Linear(4, 4), TN.ReLU(), TN.BatchNorm1d(4)) for _ in range(2)])
        self.scale = TN.Parameter(torch.full((4,), 2.0))
        self.register_buffer("shift", torch.ones(4))
        self.head = TN.Sequential(TN.LayerNorm(4), TN.Dropout(0.5), TN.Linear(4, 2, bias=False))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        x = self.embedding(input)
        for block in self.blocks:
            x = block(x)
        return self.head(x * self.scale + self.shift)


INDEX = np.array([1, 4, 2, 2, 0])
MODULES: dict[str, tuple[Any, Any]] = {
    "Linear": (lambda: nn.Linear(3, 2), lambda: TN.Linear(3, 2)),
    "Linear without bias": (lambda: nn.Linear(3, 2, bias=False), lambda: TN.Linear(3, 2, bias=False)),
    "Embedding": (lambda: nn.Embedding(4, 2), lambda: TN.Embedding(4, 2)),
    "LayerNorm": (lambda: nn.LayerNorm((2, 3)), lambda: TN.LayerNorm((2, 3))),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3), lambda: TN.BatchNorm1d(3)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), lambda: TN.BatchNorm2d(3)),
    "Conv2d": (lambda: nn.Conv2d(3, 2, (1, 2)), lambda: TN.Conv2d(3, 2, (1, 2))),
    "Conv2d without bias": (lambda: nn.Conv2d(3, 2, 2, bias=False), lambda: TN.Conv2d(3, 2, 2, bias=False)),
    "RNN": (lambda: nn.RNN(3, 2, 2), lambda: TN.RNN(3, 2, 2)),
    "LSTM": (lambda: nn.LSTM(3, 2, 3), lambda: TN.LSTM(3, 2, 3)),
    "GRU without bias": (lambda: nn.GRU(3, 2, 2, bias=False), lambda: TN.GRU(3, 2, 2, bias=False)),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(4, 2), lambda: TN.MultiheadAttention(4, 2)),
    "MultiheadAttention without bias": (
        lambda: nn.MultiheadAttention(4, 2, bias=False),
        lambda: TN.MultiheadAttention(4, 2, bias=False),
    ),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(4, 2, 8),
        lambda: TN.TransformerEncoderLayer(4, 2, 8),
    ),
    "nested": (Net, Twin),
}


def shapes(state: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(values.shape) for name, values in state.items()}


@pytest.mark.parametrize("name", MODULES)
def test_names_shapes_and_dtypes_are_torchs(name: str) -> None:
    ours, theirs = (build() for build in MODULES[name])
    assert shapes(ours.state_dict()) == shapes(theirs.state_dict())
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert {name for name, _ in ours.named_buffers()} == {name for name, _ in theirs.named_buffers()}
    assert {str(values.dtype) for values in ours.state_dict().values()} == {
        str(values.dtype).removeprefix("torch.") for values in theirs.state_dict().values()
    }


@pytest.mark.parametrize("name", MODULES)
def test_a_weight_file_of_torch_loads_here_and_one_of_ours_there(name: str, tmp_path: Path) -> None:
    ours, theirs = (build() for build in MODULES[name])
    torch.save(theirs.state_dict(), tmp_path / "theirs.pt")
    ours.load_state_dict(torch.load(tmp_path / "theirs.pt", weights_only=True))
    for name_, values in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name_], values.numpy())

    for parameter in ours.parameters():
        parameter.data += 1
    file = io.BytesIO()
    torch.save({name: torch.from_numpy(values) for name, values in ours.state_dict().items()}, file)
    file.seek(0)
    theirs.load_state_dict(torch.load(file, weights_only=True))
    for name_, values in theirs.state_dict().items():
        np.testing.assert_array_equal(values.numpy(), ours.state_dict()[name_])


@pytest.mark.parametrize("training", [True, False])
def test_networks_that_share_weights_say_the_same(training: bool) -> None:
    ours, theirs = Net().double().train(training), Twin().double().train(training)
    ours.head[1].p = theirs.head[1].p = 0.0
    ours.load_state_dict(theirs.state_dict())
    for _ in range(2):  # the second sees what batch normalization learned from the first
        value, twin = ours(Tensor(INDEX)), theirs(torch.from_numpy(INDEX))
        np.testing.assert_allclose(value.data, twin.detach().numpy(), rtol=1e-10, atol=1e-10)
    for name, values in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], values.numpy(), rtol=1e-12, atol=1e-12)


def test_what_was_loaded_is_a_copy_and_keeps_the_modules_dtype() -> None:
    module, given = nn.Linear(3, 2), {"weight": np.ones((2, 3)), "bias": np.ones(2)}
    array = module.weight.data
    module.load_state_dict(given)
    given["weight"][:] = 7
    assert module.weight.data is array  # an optimizer and others may hold it
    assert module.weight.data.dtype == np.float32
    assert module.weight.data.tolist() == np.ones((2, 3)).tolist()


def rename(state: dict[str, Array]) -> None:
    state["1.weights"] = state.pop("1.weight")


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda state: state.pop("1.bias"), KeyError, r"missing: 1\.bias; unknown: none"),
        (lambda state: state.update({"2.weight": np.ones(1)}), KeyError, r"missing: none; unknown: 2\.weight"),
        (rename, KeyError, r"missing: 1\.weight; unknown: 1\.weights"),
        (
            lambda state: state.update({"1.weight": np.ones((2, 2))}),
            ValueError,
            r"1\.weight: expected shape \(1, 2\); found \(2, 2\)",
        ),
        (
            lambda state: state.update({"1.bias": np.array(1)}),
            ValueError,
            r"1\.bias: expected shape \(1,\); found \(\)",
        ),
    ],
)
def test_a_state_that_does_not_fit_says_why_and_changes_nothing(
    spoil: Any, error: type[Exception], message: str
) -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    before = {name: values.copy() for name, values in module.state_dict().items()}
    state = {name: values + 1 for name, values in before.items()}
    spoil(state)
    with pytest.raises(error, match=message):
        module.load_state_dict(state)
    for name, values in module.state_dict().items():
        np.testing.assert_array_equal(values, before[name])


def test_training_and_evaluation_reach_every_part() -> None:
    net = Net()
    assert all(module.training for _, module in net.named_modules())
    assert net.eval() is net
    assert not any(module.training for _, module in net.named_modules())
    assert net.blocks[1][2].training is False
    net.blocks[0].train()
    assert net.blocks[0][2].training
    assert not net.head[1].training
    net.train()
    assert net.head[1].training
    assert Net().training  # one network's mode is not its class's


def test_dropout_and_normalization_go_by_the_mode() -> None:
    x = Tensor(numbers(64, 4))
    dropout, norm = nn.Dropout(0.5), nn.BatchNorm1d(4)
    assert (dropout(x).data == 0).any()
    dropout.eval()
    np.testing.assert_array_equal(dropout(x).data, x.data)
    norm(x)
    moved = norm.running_mean.copy()
    assert moved.any()
    norm.eval()
    norm(x)
    np.testing.assert_array_equal(norm.running_mean, moved)
    assert norm.num_batches_tracked == 1


def test_a_shared_parameter_is_counted_once_and_named_as_in_torch() -> None:
    first, twin = nn.Linear(3, 3, bias=False), TN.Linear(3, 3, bias=False)
    ours, theirs = nn.Sequential(first, nn.ReLU(), first), TN.Sequential(twin, TN.ReLU(), twin)
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert ours.state_dict().keys() == theirs.state_dict().keys()

    tied = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
    tied[1].weight = tied[0].weight
    assert len(tied.parameters()) == 1
    tied(Tensor(np.array([1, 2]))).sum().backward()
    assert tied[0].weight.grad[[0, 3, 4]].any()  # the embedding's use alone would leave these at 0
    tied.double()
    assert tied[1].weight.data is tied[0].weight.data


def test_lists_take_what_torchs_take() -> None:
    parts = [nn.Linear(2, 2), nn.ReLU()]
    listed = nn.ModuleList(parts)
    assert len(listed) == 2
    assert [id(part) for part in listed] == [id(part) for part in parts]
    assert listed[0] is parts[0]
    assert listed[-1] is parts[1]
    assert len(nn.ModuleList(part for part in parts).parameters()) == 2
    chained = nn.Sequential(*parts)
    assert chained.state_dict().keys() == TN.Sequential(TN.Linear(2, 2), TN.ReLU()).state_dict().keys()


def test_a_part_that_is_taken_away_or_replaced_is_gone() -> None:
    net = Net()
    net.scale = None
    net.head = nn.Linear(4, 1)
    names = net.state_dict().keys()
    assert "scale" not in names
    assert "head.2.weight" not in names
    assert {"head.weight", "head.bias"} <= names


def test_gradients_are_forgotten() -> None:
    layer = nn.Linear(3, 2)
    layer(Tensor(np.ones((4, 3), np.float32))).sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    layer.zero_grad()
    assert all(parameter.grad is None for parameter in layer.parameters())


def test_numbers_change_their_type_and_counts_do_not() -> None:
    net = Net().double()
    kinds = {name: values.dtype for name, values in net.state_dict().items()}
    assert {kind for name, kind in kinds.items() if "num_batches" not in name} == {np.dtype(np.float64)}
    assert {kind for name, kind in kinds.items() if "num_batches" in name} == {np.dtype(np.int64)}
    assert {values.dtype for values in net.to(np.float32).state_dict().values()} == {
        np.dtype(np.float32),
        np.dtype(np.int64),
    }


def test_a_network_shows_what_it_is_made_of() -> None:
    text = repr(Net())
    for part in ("(embedding): Embedding", "(blocks): ModuleList", "(0): Sequential", "weight: (4, 4)", "scale: (4,)"):
        assert part in text


@pytest.mark.parametrize(
    ("module", "shape"),
    [(nn.BatchNorm1d(3), (2, 3, 4, 5)), (nn.BatchNorm2d(3), (2, 3)), (nn.BatchNorm1d(3), (3,))],
)
def test_normalization_says_which_dimensions_it_expects(module: nn.Module, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"BatchNorm.*dimensions; found shape"):
        module(Tensor(numbers(*shape)))


def test_heads_that_do_not_share_the_width_evenly_are_refused() -> None:
    with pytest.raises(ValueError, match=r"5 .* 2 heads"):
        nn.MultiheadAttention(5, 2)
