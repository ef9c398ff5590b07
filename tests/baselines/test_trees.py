"""The baseline of boosted trees: its early stopping, its link, its heads, on generated rows."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.training.tiny import PRICES, SURVIVAL, lane

from groundwork.baselines import trees
from groundwork.baselines.trees import LightGBM
from groundwork.competitions import Competition, Inputs, Labelled

INPUTS = Inputs(numeric=("x", "z"), categorical=("label",), group=("key",))


def rows(count: int = 400, seed: int = 0) -> pd.DataFrame:
    """A score of x where z is above 0, and of label b; `key` says nothing."""
    rng = np.random.default_rng(seed)
    x, z, label = rng.normal(size=count), rng.normal(size=count), rng.choice(list("abc"), count)
    score = np.where(z > 0, 2 * x, 0) + 2 * (label == "b")
    return pd.DataFrame(
        {
            "Id": np.arange(count),
            "x": np.where(rng.random(count) < 0.1, np.nan, x),
            "z": z,
            "label": pd.array(label, dtype="str"),
            "key": pd.array([f"k{number}" for number in rng.integers(0, count // 3, count)], dtype="str"),
            "survived": np.digitize(score, [0.2, 1.5]),
            "price": np.exp(3 + score / 2),
            "a": (score > 1).astype(int),
            "b": (z > 0.3).astype(int),
        }
    )


def competition(base: Labelled = SURVIVAL, **changes: Any) -> Labelled:
    return dataclasses.replace(base, inputs=INPUTS, **changes)


def predictions(asked: Labelled, train: pd.DataFrame, valid: pd.DataFrame) -> np.ndarray:
    return LightGBM(asked, lane().encoding, train, seed=0).fit_predict(train, np.empty(0), valid)


@pytest.fixture(autouse=True)
def _fewer_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "SIZES", {**trees.SIZES, "rounds": 200, "learning_rate": 0.1, "patience": 50})


def test_three_classes() -> None:
    train, valid = rows(), rows(200, seed=1)
    predicted = predictions(competition(), train, valid)
    assert predicted.shape == (200, 3)
    assert predicted.sum(1) == pytest.approx(1, rel=1e-5)
    assert (predicted.argmax(1) == valid["survived"]).mean() > 0.8


def test_a_class_that_the_training_rows_lack_is_not_predicted() -> None:
    train, valid = rows(), rows(100, seed=1)
    some = train[train["survived"] != 1]
    predicted = LightGBM(competition(), lane().encoding, train, seed=0).fit_predict(some, np.empty(0), valid)
    assert predicted.shape == (100, 3)
    assert (predicted[:, 1] < 1e-6).all()
    alone = pd.concat([some, train[train["survived"] == 1][:1]])
    once = LightGBM(competition(), lane().encoding, train, seed=0).fit_predict(alone, np.empty(0), valid)
    assert once.argmax(1).tolist().count(1) < 5, "a class of one row cannot be held out: all rounds are made"


def test_each_tag_has_trees_of_its_own() -> None:
    train, valid = rows(), rows(200, seed=1)
    tagged = competition(kind="tagging", metric="auc", targets=("a", "b"))
    # Rates of groups would be signals of both tags.
    tagged = dataclasses.replace(tagged, inputs=dataclasses.replace(INPUTS, group=()))
    predicted = predictions(tagged, train, valid)
    assert predicted.shape == (200, 2)
    for tag, name in enumerate(("a", "b")):
        assert ((predicted[:, tag] > 0.5) == (valid[name] == 1)).mean() > 0.85
    none = predictions(tagged, train.assign(a=0), valid)
    assert (none[:, 0] < 1e-6).all()
    np.testing.assert_array_equal(none[:, 1], predicted[:, 1])


@pytest.mark.parametrize(("metric", "log"), [("rmse", True), ("rmse_log", False), ("rmsle", False), ("rmse", False)])
def test_numbers_are_learned_as_the_metric_takes_them(metric: str, log: bool) -> None:
    train, valid = rows(), rows(200, seed=1)
    asked = competition(PRICES, metric=metric, log_target=log)
    predicted = predictions(asked, train, valid)
    assert predicted.min() >= train["price"].min() * 0.999
    assert predicted.max() <= train["price"].max() * 1.001
    assert np.sqrt(((predicted - valid["price"]) ** 2).mean()) < 0.75 * valid["price"].std()
    # Rows without information get the mean that the metric asks for.
    empty = train.assign(x=0.0, z=0.0, label="a", key=None)
    to, back = {"rmsle": (np.log1p, np.expm1), "rmse": (np.asarray, np.asarray)}.get(metric, (np.log, np.exp))
    to, back = (np.log, np.exp) if log else (to, back)
    assert predictions(asked, empty, empty[:1]) == pytest.approx([float(back(to(train["price"]).mean()))], rel=1e-3)


def test_validation_targets_and_later_rows_have_no_influence() -> None:
    train, valid = rows(), rows(50, seed=1)
    plain = predictions(competition(), train, valid)
    np.testing.assert_array_equal(plain, predictions(competition(), train, valid.assign(survived=0)))
    np.testing.assert_array_equal(plain[:10], predictions(competition(), train, valid[:10]))


def test_the_hold_out_keeps_groups_together(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[pd.DataFrame, pd.DataFrame]] = []
    split = trees.held_out

    def recorded(*arguments: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
        seen.append(split(*arguments))
        return seen[-1]

    monkeypatch.setattr(trees, "held_out", recorded)
    train = rows()
    grouped: Competition = competition(group_folds_by="key")
    LightGBM(grouped, lane().encoding, train, seed=0).fit_predict(train, np.empty(0), train[:5])
    ((kept, watched),) = seen
    assert not set(kept["key"]) & set(watched["key"])
    assert len(kept) + len(watched) == len(train)
    assert len(watched) > 20
