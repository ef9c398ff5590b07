"""Boosted trees as modules: logits, state dicts as bytes, early stopping, equal results on any number of threads."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from groundwork.models import trees
from groundwork.models.trees.lightgbm import LIGHTGBM
from groundwork.models.trees.lightgbm import LOSSES as KNOWN_LOSSES
from groundwork.objectives import KINDS
from groundwork.objectives.base import Task
from groundwork.sections.networks import LightGBMSettings

SIZES = {
    "rounds": 40, "learning_rate": 0.2, "leaves": 6, "rows_per_leaf": 5, "feature_share": 0.7, "row_share": 0.8,
    "l2": 0.0, "set_codes": 4, "patience": 5,
}  # fmt: skip
ROWS = 600
LOSSES = {"classes": {"loss": "cross_entropy"}, "tags": {"loss": "binary_cross_entropy"}}
NUMBERS = {"loss": "smooth_l1", "beta": 10.0}


def inputs(rows: int = ROWS, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    numeric = torch.randn(rows, 4, generator=generator)
    numeric[torch.rand(rows, 4, generator=generator) < 0.05] = math.nan
    return {"numeric": numeric, "categorical": torch.randint(0, 6, (rows, 2), generator=generator)}


def score(tensors: dict[str, torch.Tensor]) -> np.ndarray:
    x = tensors["numeric"].nan_to_num().numpy()
    return 2 * x[:, 0] + x[:, 1] * x[:, 2] + 3 * np.isin(tensors["categorical"][:, 0], [1, 4])


def learned(head: str, outputs: int, tensors: dict[str, torch.Tensor]) -> np.ndarray:
    total = score(tensors)
    if head == "classes":
        return np.digitize(total, np.quantile(total, np.linspace(0, 1, outputs + 1)[1:-1]))
    columns = np.column_stack([total, tensors["numeric"].nan_to_num()[:, 1].numpy()])[:, :outputs]
    return columns / columns.std(0) if head == "numbers" else (columns > 0.5).astype(np.float32)


def new(head: str, outputs: int) -> trees.BoostedTrees:
    return trees.BoostedTrees(LIGHTGBM, trees.HEADS[head](outputs), [6, 6])


def grown(head: str, outputs: int, **changes: Any) -> tuple[trees.BoostedTrees, list[Any]]:
    network, tensors, others = new(head, outputs), inputs(), inputs(300, seed=1)
    watched = (others, learned(head, outputs, others))
    arguments = (tensors, learned(head, outputs, tensors), watched, {**SIZES, **changes})
    return network, network.grow(*arguments, LOSSES.get(head, NUMBERS), 7)


@pytest.mark.parametrize(
    ("head", "outputs"), [("classes", 2), ("classes", 3), ("tags", 2), ("numbers", 1), ("numbers", 2)]
)
def test_logits_have_the_shape_that_the_objective_takes_and_find_the_rule(head: str, outputs: int) -> None:
    network, _ = grown(head, outputs)
    others = inputs(300, seed=2)
    logits, truth = network(**others), learned(head, outputs, others)
    assert logits.shape == (300, outputs)
    assert logits.dtype == torch.float32
    if head == "classes":
        assert (logits.argmax(1).numpy() == truth).mean() > {2: 0.85, 3: 0.75}[outputs]
    elif head == "tags":
        assert ((logits.numpy() > 0) == truth).mean() > 0.85
    else:
        assert np.sqrt(((logits.numpy() - truth) ** 2).mean()) < 0.5


@pytest.mark.parametrize(("head", "outputs"), [("classes", 3), ("tags", 2), ("numbers", 1)])
def test_equal_bytes_on_any_number_of_threads_and_others_with_another_seed(head: str, outputs: int) -> None:
    threads = torch.get_num_threads()
    try:
        states = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            states.append(grown(head, outputs)[0].state_dict())
    finally:
        torch.set_num_threads(threads)
    for other in states[1:]:
        assert other.keys() == states[0].keys()
        assert all(torch.equal(value, other[name]) for name, value in states[0].items())
    network = new(head, outputs)
    tensors = inputs()
    network.grow(tensors, learned(head, outputs, tensors), None, SIZES, LOSSES.get(head, NUMBERS), 8)
    assert not torch.equal(network.state_dict()["booster_0"], states[0]["booster_0"])


def test_a_state_dict_gives_the_same_logits_and_is_readable_text() -> None:
    network, boosters = grown("tags", 2)
    state = network.state_dict()
    assert list(state) == ["booster_0", "booster_1"]
    text = bytes(state["booster_0"].numpy()).decode()
    assert text.startswith("tree\nversion=")
    assert text.encode() == boosters[0].content
    assert "num_threads" not in text
    again = new("tags", 2)
    again.load_state_dict(state)
    torch.testing.assert_close(again(**inputs(50, 3)), network(**inputs(50, 3)), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"booster_0": torch.tensor(list(b"tree\nbroken"), dtype=torch.uint8)}, "is not LightGBM's text"),
        ({"booster_0": torch.tensor([255, 254], dtype=torch.uint8)}, "is not LightGBM's text"),
        ({"booster_0": torch.zeros(3)}, "found no bytes 'booster_0'"),
        ({"booster_0": None}, "found no bytes 'booster_0'"),
    ],
)
def test_a_broken_state_dict_is_refused(change: dict[str, Any], message: str) -> None:
    state = {**grown("classes", 2, rounds=2)[0].state_dict(), **change}
    with pytest.raises(ValueError, match=message):
        new("classes", 2).load_state_dict({name: value for name, value in state.items() if value is not None})


def test_trees_of_other_columns_or_another_head_are_refused() -> None:
    network, _ = grown("classes", 3, rounds=2)
    few = {"numeric": torch.zeros(2, 1), "categorical": torch.zeros(2, 1, dtype=torch.int64)}
    with pytest.raises(ValueError, match="found 2 features; the trees have 6"):
        network(**few)
    with pytest.raises(ValueError, match="gives 3 numbers for a row; expected 1"):
        new("classes", 2).load_state_dict(network.state_dict())


def test_it_stops_at_the_lowest_loss_of_the_watched_rows() -> None:
    _, (booster,) = grown("classes", 2, rounds=400, patience=10, learning_rate=0.5)
    losses = booster.losses["val_loss"]
    assert booster.rounds == int(np.argmin(losses)) + 1
    assert len(losses) == booster.rounds + 10 < 400
    assert booster.content.decode().count("\nTree=") == booster.rounds
    assert losses[booster.rounds - 1] < losses[0]
    assert len(booster.losses["train_loss"]) == len(losses)


def test_the_best_round_counts_where_all_rounds_are_made() -> None:
    _, (booster,) = grown("classes", 2, rounds=30, patience=1000, learning_rate=1.0)
    losses = booster.losses["val_loss"]
    assert booster.rounds == int(np.argmin(losses)) + 1 < len(losses) <= 30
    assert booster.content.decode().count("\nTree=") == booster.rounds


def test_rounds_may_be_given_for_each_booster() -> None:
    network, tensors = new("tags", 2), inputs()
    boosters = network.grow(tensors, learned("tags", 2, tensors), None, SIZES, LOSSES["tags"], 7, [3, 11])
    assert [booster.content.decode().count("\nTree=") for booster in boosters] == [3, 11]
    assert "val_loss" not in boosters[0].losses


def test_categories_of_many_codes_are_split_into_sets() -> None:
    _, (ordered,) = grown("classes", 2, set_codes=7)
    _, (sets,) = grown("classes", 2, set_codes=6)
    assert "num_cat=1" in sets.content.decode()
    assert "num_cat=1" not in ordered.content.decode()


def test_the_section_names_the_losses_that_there_are() -> None:
    assert set(LightGBMSettings.losses) == set(KNOWN_LOSSES)
    heads = {kind: KINDS[kind].head for kind in LightGBMSettings.kinds}
    assert set(heads.values()) == set(trees.HEADS)


def test_build_takes_the_head_of_the_objective() -> None:
    import pandas as pd

    frame = pd.DataFrame({"y": [1.0, 2.0, 4.0]})
    objective = KINDS["regression"].fit(Task(id="id", targets=("y",)), frame, frame, {})
    encoder = type("Encoder", (), {"edges": torch.zeros(4, 1), "categories": [6, 6]})()
    network = trees.of_lightgbm({}, encoder, objective)
    assert (network.head.boosters, network.head.values) == (1, 1)
    np.testing.assert_allclose(objective.learned(frame).std(), 1)
