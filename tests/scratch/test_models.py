from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.tiny import training

from groundwork.models import cnn, fnn
from groundwork.scratch import Tensor, manual_seed, models
from groundwork.scratch.bridge import as_torch_module, to_torch
from groundwork.scratch.nn import Module
from groundwork.scratch.verify import compare
from groundwork.training.optimizers import make_optimizer

# Of the second feature all quantiles but the first fall together.
EDGES = np.array([[-2.0, -0.5, 0.5, 0.5, 3.0], [0.0, 1.0, 1.0, 1.0, 1.0], [-1.0, 0.0, 0.1, 0.2, 4.0]], np.float32)
TABLES: dict[str, dict[str, Any]] = {
    "several members": {"categories": [3, 5], "outputs": 4, "members": 3, "width": 8, "depth": 2, "embedding": 2},
    "one member, one number to answer": {"categories": [4], "outputs": 1, "members": 1, "width": 5, "depth": 1},
    "deep": {"categories": [2, 2], "outputs": 2, "members": 2, "width": 4, "depth": 4, "embedding": 1},
    "no categories": {"categories": [], "outputs": 3, "members": 2, "width": 6},
    "no numbers": {"categories": [3, 4], "outputs": 2, "members": 2, "width": 6, "edges": EDGES[:0]},
}
PICTURES: dict[str, dict[str, Any]] = {
    "three stages": {"colours": 1, "channels": [3, 4, 5], "outputs": 10},
    "one stage in colour": {"colours": 3, "channels": [4], "outputs": 2},
}
Twins = Callable[[str], tuple[Module, torch.nn.Module]]


def tables(name: str, dropout: float = 0.0) -> tuple[models.FNN, fnn.FNN]:
    """A network for tables of both kinds, each with first weights of its own."""
    sizes = {"edges": EDGES, "dropout": dropout} | TABLES[name]
    torch.manual_seed(0), manual_seed(0)
    return models.FNN(**sizes), fnn.FNN(**sizes | {"edges": torch.from_numpy(sizes["edges"])})


def pictures(name: str, dropout: float = 0.0) -> tuple[models.CNN, cnn.CNN]:
    torch.manual_seed(0), manual_seed(0)
    return models.CNN(**PICTURES[name], dropout=dropout), cnn.CNN(**PICTURES[name], dropout=dropout)


every_twin = pytest.mark.parametrize(
    ("make", "name"),
    [(tables, name) for name in TABLES] + [(pictures, name) for name in PICTURES],
    ids=[*TABLES, *PICTURES],
)


def rows(name: str, count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Numbers beyond their edges too, and categories of every code."""
    chance = np.random.default_rng(1)
    sizes = {"edges": EDGES} | TABLES[name]
    codes = [chance.integers(0, most, count) for most in sizes["categories"]]
    return chance.normal(scale=2, size=(count, len(sizes["edges"]))), np.array(codes, np.int64).reshape(-1, count).T


def randomized(network: torch.nn.Module) -> torch.nn.Module:
    """Put numbers where a network starts with zeros and ones, which hide mistakes."""
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return network


@every_twin
def test_twins_name_the_same_numbers_in_the_same_order(make: Twins, name: str) -> None:
    ours, theirs = make(name)
    mirrored = as_torch_module(ours)

    def described(tensors: Iterable[tuple[str, torch.Tensor]]) -> list[tuple[str, torch.Size, torch.dtype]]:
        return [(one, tensor.shape, tensor.dtype) for one, tensor in tensors]

    assert described(mirrored.named_parameters()) == described(theirs.named_parameters())
    assert described(mirrored.named_buffers()) == described(theirs.named_buffers())
    assert ours.state_dict().keys() == theirs.state_dict().keys()


@every_twin
def test_twins_make_the_same_of_edges_and_categories(make: Twins, name: str) -> None:
    ours, theirs = make(name)
    expected = dict(theirs.named_buffers())
    for buffer, values in ours.named_buffers():
        np.testing.assert_array_equal(values, expected[buffer], err_msg=buffer)


@pytest.mark.parametrize("name", TABLES)
def test_a_network_for_tables_computes_and_learns_what_its_twin_does(name: str) -> None:
    ours, theirs = tables(name)
    report = compare(ours, randomized(theirs), *rows(name), steps=100)
    assert report, report


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", PICTURES)
def test_a_network_for_pictures_computes_and_learns_what_its_twin_does(name: str, training: bool) -> None:
    ours, theirs = pictures(name)
    images = np.random.default_rng(1).normal(size=(6, PICTURES[name]["colours"], 9, 8))
    report = compare(ours, theirs.train(training), images, steps=100 if training else 0)
    assert report, report


def test_its_parts_compute_what_theirs_do() -> None:
    numbers = np.random.default_rng(1).normal(scale=2, size=(7, 3))
    embeds = models.PiecewiseLinearEmbedding(EDGES, 4), fnn.PiecewiseLinearEmbedding(torch.from_numpy(EDGES), 4)
    report = compare(embeds[0], randomized(embeds[1]), numbers)
    assert report, report
    layers = models.MemberLinear(3, 5, 4, differ=True), fnn.MemberLinear(3, 5, 4, differ=True)
    report = compare(layers[0], randomized(layers[1]), np.random.default_rng(1).normal(size=(7, 3, 5)))
    assert report, report


def test_a_weight_file_of_either_loads_in_the_other(tmp_path: Path) -> None:
    ours, theirs = tables("several members")
    numeric, categorical = rows("several members")
    numbers = numeric.astype(np.float32)

    def theirs_say() -> np.ndarray:
        with torch.no_grad():
            return theirs(torch.from_numpy(numbers), torch.from_numpy(categorical)).numpy()

    for parameter in ours.parameters():
        parameter.data[...] = np.random.default_rng(2).normal(scale=0.5, size=parameter.shape)
    torch.save(to_torch(ours.state_dict()), tmp_path / "ours.pt")
    theirs.load_state_dict(torch.load(tmp_path / "ours.pt"))
    np.testing.assert_allclose(theirs_say(), ours(Tensor(numbers), Tensor(categorical)).data, rtol=1e-4, atol=1e-5)

    torch.save(randomized(theirs).state_dict(), tmp_path / "theirs.pt")
    ours.load_state_dict(torch.load(tmp_path / "theirs.pt"))
    np.testing.assert_allclose(ours(Tensor(numbers), Tensor(categorical)).data, theirs_say(), rtol=1e-4, atol=1e-5)


def test_first_weights_are_drawn_as_the_twins_are() -> None:
    manual_seed(0)
    ours = models.FNN(EDGES, [300, 400], outputs=2, members=3, width=200, embedding=5, category_scale=0.05)
    np.testing.assert_allclose(np.linalg.norm(ours.numbers.linear.data, axis=1), 1, rtol=1e-6)
    assert not ours.numbers.bends.data.any()
    assert not ours.categories.weight.data[[0, 300]].any(), "unknown categories say nothing"
    assert ours.categories.weight.data.std() == pytest.approx(0.05, rel=0.05)
    first, second = (layer for layer in ours.hidden if isinstance(layer, models.MemberLinear))
    assert np.unique(first.input_scale.data).tolist() == [-1, 1]
    assert (second.input_scale.data == 1).all()
    for layer, inputs in ((first, 25), (second, 200)):
        assert np.abs(layer.weight.data).max() == pytest.approx(inputs**-0.5, rel=0.01)
        assert layer.weight.data.std() == pytest.approx((3 * inputs) ** -0.5, rel=0.05)
    assert not ours.head.data.any()


def test_the_same_seed_gives_the_same_first_weights() -> None:
    first, again = tables("deep")[0].state_dict(), tables("deep")[0].state_dict()
    assert all(np.array_equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize("kind", ["table", "picture"])
def test_dropout_drops_while_learning_and_not_afterwards(kind: str) -> None:
    ours: Module
    if kind == "table":
        ours, _ = tables("several members", dropout=0.5)
        ours.head.data[...] = 1  # heads start at 0: whatever is dropped, they say the same
        given = tuple(map(Tensor, rows("several members")))
    else:
        ours, _ = pictures("three stages", dropout=0.5)
        given = (Tensor(np.random.default_rng(1).normal(size=(6, 1, 9, 8)).astype(np.float32)),)
    assert not np.array_equal(ours(*given).data, ours(*given).data)
    ours.eval()
    assert np.array_equal(ours(*given).data, ours(*given).data)


@every_twin
def test_the_optimizer_puts_the_twins_parameters_into_the_same_groups(make: Twins, name: str) -> None:
    ours, theirs = make(name)

    def groups(network: torch.nn.Module) -> list[tuple[float, list[str]]]:
        names = {id(parameter): name for name, parameter in network.named_parameters()}
        optimizer = make_optimizer(network, training(learning_rate=0.1, weight_decay=0.5))
        return [
            (group["weight_decay"], [names[id(one)] for one in group["params"]]) for group in optimizer.param_groups
        ]

    assert groups(as_torch_module(ours)) == groups(theirs)
