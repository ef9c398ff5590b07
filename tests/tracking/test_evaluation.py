"""What a run shows of the out-of-fold rows of each kind of problem."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from groundwork.competitions import Inputs, Labelled
from groundwork.tracking.evaluation import mean_curves, panels, summary

ROWS = 60
draw = np.random.default_rng(0)


def competition(kind: str, metric: str, *targets: str) -> Labelled:
    inputs = Inputs(numeric=("size",), categorical=("city",))
    return Labelled(slug="a-b", kind=kind, metric=metric, id="id", targets=targets, inputs=inputs)


def rows(**columns: Any) -> pd.DataFrame:
    size = np.where(np.arange(ROWS) == 5, np.nan, draw.normal(size=ROWS))
    return pd.DataFrame(
        {"id": np.arange(ROWS), "city": np.array(["north", None])[np.arange(ROWS) % 2], "size": size} | columns
    )


def oof(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"id": np.arange(ROWS), "fold": np.arange(ROWS) % 3} | columns)


def test_numbers_have_residuals_and_their_worst_rows_with_columns() -> None:
    true = draw.lognormal(size=ROWS)
    predicted = true + 0.01
    predicted[5] += 9
    own = competition("regression", "rmse", "price")
    frame = oof(target=true, prediction=predicted)
    made = panels(own, frame, rows(price=true), most=3)
    table = made["oof/worst_rows"]
    assert table.columns == ["id", "actual", "predicted", "absolute error", "city", "size"]
    assert len(table.data) == 3
    first = table.data[0]
    assert (first[0], first[3], first[4], first[5]) == ("5", pytest.approx(9.01), "", "")
    assert isinstance(table.data[1][5], float), "numbers can be sorted"
    residuals = np.array(made["oof/residuals"].table.data)
    assert sorted(residuals[:, 1]) == pytest.approx(sorted(predicted - true))
    assert panels(own, frame, rows(price=true), most=0) == {}, "prediction and residual give the target away"
    scores = summary(own, frame)
    assert scores["cv/metric"] == "rmse"
    assert [f"cv/fold_{fold}" in scores for fold in range(4)] == [True, True, True, False]
    assert scores["cv/score"] < 1


def test_tags_have_bars() -> None:
    true = draw.integers(0, 2, (ROWS, 2))
    stated = draw.uniform(size=(ROWS, 2))
    frame = oof(t0=true[:, 0], t1=true[:, 1], p0=stated[:, 0], p1=stated[:, 1])
    made = panels(competition("tagging", "auc", "rude", "spam"), frame, rows(rude=true[:, 0], spam=true[:, 1]), most=2)
    assert [name for name, _ in made["oof/bars"].table.data] == ["rude", "spam"]
    assert made["oof/worst_rows"].columns[:4] == ["id", "actual", "predicted", "mean log loss of the tags"]


def test_a_class_without_rows_shifts_no_curve() -> None:
    true = np.array([0, 2])[np.arange(ROWS) % 2]
    stated = np.full((ROWS, 3), 0.05)
    stated[np.arange(ROWS), true] = 0.9
    frame = oof(target=true, **{f"p{code}": stated[:, code] for code in range(3)})
    labels = np.array(["low", "middle", "high"])[true]
    made = panels(competition("classification", "accuracy", "grade"), frame, rows(grade=labels), most=1)
    curve = made["oof/roc"].table.data
    assert {name for name, *_ in curve} == {"low", "high"}
    assert {(fpr, tpr) for _, fpr, tpr in curve} == {(0, 0), (0, 1), (1, 1)}, "all are told apart"


def test_mean_curves_end_where_the_first_fold_ends() -> None:
    curves = {
        "fold_0": {0.0: {"val_loss": 1.0, "rate": 0.1}, 1.0: {"val_loss": 0.5}, 2.0: {"val_loss": 0.4}},
        "fold_1": {0.0: {"val_loss": 3.0}, 1.0: {"val_loss": np.nan}},
    }
    assert list(mean_curves(curves)) == [
        {"epoch": 0.0, "mean/val_loss": 2.0, "low/val_loss": 1.0, "high/val_loss": 3.0},
        {"epoch": 1.0},
    ]
    assert list(mean_curves({"fold_0": curves["fold_0"]})) == [], "one fold is no mean"
