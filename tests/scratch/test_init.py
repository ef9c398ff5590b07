import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from groundwork.scratch import Tensor, manual_seed, nn
from groundwork.scratch.nn import init
from groundwork.scratch.tensor import Array

SHAPES: list[tuple[int, ...]] = [(300, 200), (200, 400), (64, 32, 5, 5), (50, 20, 3, 7)]

FILLS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "uniform": (init.uniform_, torch.nn.init.uniform_),
    "uniform within": (lambda t: init.uniform_(t, -3, -1), lambda t: torch.nn.init.uniform_(t, -3, -1)),
    "normal": (init.normal_, torch.nn.init.normal_),
    "normal around": (lambda t: init.normal_(t, 5, 0.1), lambda t: torch.nn.init.normal_(t, 5, 0.1)),
    "xavier": (init.xavier_uniform_, torch.nn.init.xavier_uniform_),
    "xavier with gain": (lambda t: init.xavier_uniform_(t, 2.5), lambda t: torch.nn.init.xavier_uniform_(t, 2.5)),
    "kaiming": (init.kaiming_uniform_, torch.nn.init.kaiming_uniform_),
    "kaiming for a leaky relu": (
        lambda t: init.kaiming_uniform_(t, 0.3),
        lambda t: torch.nn.init.kaiming_uniform_(t, 0.3),
    ),
}


def assert_same_distribution(ours: Array, theirs: Array) -> None:
    """Compare mean, spread and the outermost numbers of two large draws; with constants, the numbers."""
    assert ours.shape == theirs.shape
    spread = theirs.std()
    if spread == 0:
        np.testing.assert_array_equal(ours, theirs)
        return
    several = 5 * spread / math.sqrt(ours.size)  # five standard errors
    assert abs(ours.mean() - theirs.mean()) < 2 * several
    assert abs(ours.std() - spread) < 2 * several
    quantiles = np.linspace(0, 1, 11)[1:-1]
    np.testing.assert_allclose(np.quantile(ours, quantiles), np.quantile(theirs, quantiles), atol=4 * several)
    if theirs.max() - theirs.mean() < 2 * spread:  # uniform: the bounds are sharp
        width = theirs.max() - theirs.min()
        np.testing.assert_allclose([ours.min(), ours.max()], [theirs.min(), theirs.max()], atol=width * 20 / ours.size)


@pytest.fixture(autouse=True)
def _seed() -> None:
    manual_seed(0)
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FILLS)
def test_a_fill_draws_from_torchs_distribution(name: str, shape: tuple[int, ...]) -> None:
    fill, theirs = FILLS[name]
    tensor = Tensor(np.full(shape, np.nan, np.float32), requires_grad=True)
    array = tensor.data
    assert fill(tensor) is tensor
    assert tensor.data is array
    assert array.dtype == np.float32
    assert_same_distribution(array, theirs(torch.empty(shape)).numpy())


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_bounds_are_the_formulas(shape: tuple[int, int]) -> None:
    outputs, inputs = shape
    tensor = Tensor(np.empty(shape))
    for fill, bound in (
        (init.xavier_uniform_, math.sqrt(6 / (inputs + outputs))),
        (init.kaiming_uniform_, math.sqrt(6 / inputs)),
    ):
        largest = np.abs(fill(tensor).data).max()
        assert 0.999 * bound < largest <= bound


def test_constants() -> None:
    tensor = Tensor(np.empty((2, 3)))
    assert (init.constant_(tensor, 7.5).data == 7.5).all()
    assert (init.ones_(tensor).data == 1).all()
    assert (init.zeros_(tensor).data == 0).all()


@pytest.mark.parametrize("fill", [init.xavier_uniform_, init.kaiming_uniform_])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_what_is_no_weight_has_no_fans(fill: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"two dimensions or more"):
        fill(Tensor(np.empty(shape)))


TN = torch.nn
LAYERS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "Linear": (lambda: nn.Linear(300, 400), lambda: TN.Linear(300, 400)),
    "Embedding": (lambda: nn.Embedding(300, 200), lambda: TN.Embedding(300, 200)),
    "Conv2d": (lambda: nn.Conv2d(16, 256, (3, 5)), lambda: TN.Conv2d(16, 256, (3, 5))),
    "LayerNorm": (lambda: nn.LayerNorm(5), lambda: TN.LayerNorm(5)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(5), lambda: TN.BatchNorm2d(5)),
    "RNN": (lambda: nn.RNN(30, 200, 2), lambda: TN.RNN(30, 200, 2)),
    "LSTM": (lambda: nn.LSTM(30, 100), lambda: TN.LSTM(30, 100)),
    "GRU": (lambda: nn.GRU(30, 150), lambda: TN.GRU(30, 150)),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(128, 4), lambda: TN.MultiheadAttention(128, 4)),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(128, 4, 512),
        lambda: TN.TransformerEncoderLayer(128, 4, 512),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_new_layer_has_the_weights_of_torchs_distribution(name: str) -> None:
    ours, theirs = (build() for build in LAYERS[name])
    expected = theirs.state_dict()
    for parameter, values in ours.state_dict().items():
        assert_same_distribution(values, expected[parameter].numpy())


def test_padding_starts_at_nothing() -> None:
    weight = nn.Embedding(5, 3, padding_idx=-2).weight.data
    assert weight[3].tolist() == [0, 0, 0]
    assert weight[[0, 1, 2, 4]].all()


def test_a_seed_gives_the_same_weights_and_the_next_layer_others() -> None:
    def weights() -> Array:
        return nn.Linear(4, 4).weight.data

    manual_seed(3)
    first, second = weights(), weights()
    manual_seed(3)
    np.testing.assert_array_equal(weights(), first)
    assert (first != second).all()
