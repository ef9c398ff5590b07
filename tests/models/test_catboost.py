"""CatBoost's trees: equal bytes on any number of threads, classes that training rows lack, files that are refused."""

import sys
from typing import Any

import numpy as np
import pytest
import torch

from groundwork.errors import UserError
from groundwork.models.trees.booster import Examples, Order
from groundwork.models.trees.catboost import LOSSES, load, train
from groundwork.sections.networks import CatBoostSettings

pytest.importorskip("catboost", reason="CatBoost is optional: pip install -e '.[trees]'")
SIZES = {"rounds": 40, "learning_rate": 0.2, "depth": 3, "l2": 1.0, "patience": 5}
CROSS_ENTROPY = {"loss": "cross_entropy"}


def rows(count: int = 500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of three numbers, some missing, and a category; a score of the first and of category 2."""
    rng = np.random.default_rng(seed)
    x, label = rng.normal(size=(count, 3)), rng.integers(0, 5, count)
    score = 2 * x[:, 0] + 3 * (label == 2)
    x[rng.random((count, 3)) < 0.05] = np.nan
    return np.column_stack([x, label]).astype(np.float32), score


def order(values: int = 1, seed: int = 3, **sizes: Any) -> Order:
    return Order({**SIZES, **sizes}, CROSS_ENTROPY, [5], values, seed)


def halves(features: np.ndarray, target: np.ndarray) -> tuple[Examples, Examples]:
    return Examples(features[:300], target[:300]), Examples(features[300:], target[300:])


def test_equal_bytes_on_any_number_of_threads_and_others_with_another_seed() -> None:
    features, score = rows()
    learned, watched = halves(features, (score > 1).astype(int))
    threads, contents = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            contents.append(train(learned, watched, order()).content)
    finally:
        torch.set_num_threads(threads)
    assert contents[0] == contents[1] == contents[2]
    assert train(learned, watched, order(seed=4)).content != contents[0]


def test_it_finds_the_rule_and_keeps_the_best_round() -> None:
    features, score = rows()
    learned, watched = halves(features, (score > 1).astype(int))
    grown = train(learned, watched, order(rounds=300, learning_rate=0.5))
    others, truth = rows(seed=1)
    assert ((load(grown.content, 1)(others)[:, 0] > 0) == (truth > 1)).mean() > 0.85
    losses = grown.losses["val_loss"]
    assert grown.rounds == int(np.argmin(losses)) + 1
    assert len(losses) == grown.rounds + 5


def test_classes_that_the_training_rows_lack_are_unlikely() -> None:
    features, score = rows()
    target = np.digitize(score, [0, 1, 2])
    some = target != 2
    _, watched = halves(features, target)
    grown = train(Examples(features[some], target[some]), watched, order(4))
    raw = load(grown.content, 4)(features)
    assert raw.shape == (500, 4)
    assert (raw[:, 2] == -30).all()
    assert (raw.argmax(1) == target)[some].mean() > 0.8
    nobody = train(Examples(features, np.zeros(500, dtype=int)), None, order())
    assert (load(nobody.content, 1)(features) < -2).all()


def test_files_that_are_not_of_this_booster_are_refused() -> None:
    features, score = rows()
    content = train(Examples(features, np.digitize(score, [0, 1])), None, order(3)).content
    with pytest.raises(ValueError, match="is not CatBoost's file"):
        load(content[:100], 3)
    with pytest.raises(ValueError, match=r"gives numbers for the classes \[0, 1, 2\]; expected 1"):
        load(content, 1)
    with pytest.raises(ValueError, match="found 2 features; the trees have 4"):
        load(content, 3)(features[:, :2])


def test_the_section_names_the_losses_that_there_are() -> None:
    assert set(CatBoostSettings.losses) == set(LOSSES)


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "catboost", None)
    features, score = rows()
    with pytest.raises(UserError, match="catboost is not installed") as caught:
        train(Examples(features, (score > 1).astype(int)), None, order())
    assert "pip install" in caught.value.next_step
