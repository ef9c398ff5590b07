"""Scores that are sorted across lanes."""

import numpy as np
import pandas as pd
import pytest

from groundwork.objectives.metrics import METRICS, Metric
from groundwork.objectives.oof import cross_validate
from groundwork.objectives.skill import comparable, constant_error

ROWS = 200
draw = np.random.default_rng(0)
TRUE = draw.lognormal(3, 1, ROWS)
FOLDS = np.arange(ROWS) % 4


def numbers(predicted: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"id": range(ROWS), "fold": FOLDS, "target": TRUE, "prediction": predicted})


def classes(second: np.ndarray, target: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"id": range(ROWS), "fold": FOLDS, "target": target, "p0": 1 - second, "p1": second})


def score(name: str, kind: str, oof: pd.DataFrame) -> float | None:
    metric = METRICS[name]
    return comparable(metric, (kind,), oof, cross_validate(oof, metric)["mean"])


def test_where_higher_is_better_it_is_the_metric_itself() -> None:
    target = np.arange(ROWS) % 3 % 2
    oof = classes(draw.uniform(size=ROWS), target)
    for name in ("accuracy", "auc"):
        assert score(name, "classes", oof) == cross_validate(oof, name)["mean"]


def test_with_one_fold_the_skill_of_the_squared_error_is_r2() -> None:
    oof = numbers(TRUE + draw.normal(size=ROWS)).assign(fold=0)
    assert score("mse", "numbers", oof) == pytest.approx(cross_validate(oof, "r2")["oof"])


@pytest.mark.parametrize("name", ["rmse", "rmse_log", "rmsle", "mae", "median_ae", "mape", "smape", "quantile_0.9"])
def test_perfect_predictions_have_one_and_no_constant_more_than_nothing(name: str) -> None:
    assert score(name, "numbers", numbers(TRUE)) == pytest.approx(1)
    for constant in (TRUE.mean(), np.exp(np.log(TRUE).mean()), np.median(TRUE), np.quantile(TRUE, 0.9)):
        assert score(name, "numbers", numbers(np.full(ROWS, constant))) <= 1e-3  # type: ignore[operator]
    worse, better = numbers(TRUE * 1.5), numbers(TRUE * 1.2)
    assert score(name, "numbers", worse) < score(name, "numbers", better)  # type: ignore[operator]


def test_the_shares_of_classes_and_tags_have_nothing() -> None:
    target = (draw.uniform(size=ROWS) < 0.3).astype(int)
    share = np.full(ROWS, target.mean())
    assert score("log_loss", "classes", classes(share, target)) == pytest.approx(0)
    sure = np.where(target == 1, 0.99, 0.01)
    assert 0.9 < score("log_loss", "classes", classes(sure, target)) < 1  # type: ignore[operator]
    tags = {"t0": target, "t1": 1 - target, "p0": share, "p1": 1 - share}
    oof = pd.DataFrame({"id": range(ROWS), "fold": FOLDS, **tags})
    assert score("brier", "tags", oof) == pytest.approx(0)


def test_where_no_constant_has_an_error_there_is_no_such_score() -> None:
    own = Metric.of(lambda target, prediction: 0.0, needs="numbers", higher_is_better=False, name="nothing")
    assert comparable(own, ("numbers",), numbers(TRUE), 0.0) is None
    lists = Metric.of(lambda target, prediction: 1.0, needs="lists", higher_is_better=False, name="misses")
    oof = pd.DataFrame({"id": range(ROWS), "fold": FOLDS, "t0": 1, "t1": 2, "p0": 3, "p1": 4})
    assert constant_error(lists, ("lists",), oof) is None
