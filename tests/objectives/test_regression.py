import math

import numpy as np
import pandas as pd
import pytest
import torch

from groundwork.objectives.base import Task
from groundwork.objectives.oof import out_of_fold_rows
from groundwork.objectives.regression import Regression
from groundwork.objectives.search import Search

PRICES = Regression(mean=12.0, scale=0.4, low=50_000, high=700_000, beta=0.3, log=True)
TASK = Task(id="Id", targets=("price",), log=True)


def draws(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def priced(prices: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"Id": range(11, 11 + len(prices)), "price": prices})


def fitted(prices: list[float], log: bool = True) -> Regression:
    task = Task(id="Id", targets=("price",), log=log)
    return Regression.fit(task, priced(prices), priced([1.0, 1e9]), {"beta": 0.5})


def test_smooth_l1_is_taken_of_the_standardized_logarithm() -> None:
    answers, target = [0.5, -1.0, 0.0, 2.0], [180_000.0, 150_000.0, 163_000.0, 400_000.0]
    total = 0.0
    for answer, price in zip(answers, target, strict=True):
        error = abs(answer - (math.log(price) - 12.0) / 0.4)
        total += 0.5 * error**2 / 0.3 if error < 0.3 else error - 0.15
    loss = PRICES.loss(torch.tensor(answers)[:, None], torch.tensor(target))
    assert loss.item() == pytest.approx(total / 4, rel=1e-5)


def test_a_regression_without_logarithm_standardizes_the_target_itself() -> None:
    objective = Regression(mean=10.0, scale=2.0, low=0.0, high=20.0, beta=1.0)
    loss = objective.loss(torch.tensor([[1.0], [0.0]]), torch.tensor([13.0, 10.0]))
    assert loss.item() == pytest.approx(0.5 * 0.5**2 / 2)
    assert objective.predict(torch.tensor([[1.5], [-9.0]])).tolist() == [13.0, 0.0]


def test_prices_are_predicted_in_their_own_units_within_those_of_training() -> None:
    predicted = PRICES.predict(torch.tensor([[0.0], [1.0], [50.0], [-50.0], [float("inf")]]))
    expected = [math.exp(12.0), math.exp(12.4), 700_000, 50_000, 700_000]
    torch.testing.assert_close(predicted, torch.tensor(expected))
    assert predicted.dtype == torch.float32


def test_members_predict_a_price_by_the_mean_of_their_answers() -> None:
    logits = draws(6, 4, 1)
    torch.testing.assert_close(PRICES.predict(logits), PRICES.predict(logits.mean(1)))


def test_a_regression_is_standardized_by_its_training_rows_logarithms() -> None:
    prices = [100.0, 200.0, 400.0]
    objective = fitted(prices)
    assert objective.mean == pytest.approx(np.log(prices).mean())
    assert objective.scale == pytest.approx(np.log(prices).std())
    assert (objective.low, objective.high) == (100.0, 400.0)
    assert (objective.log, objective.beta, objective.rows) == (True, 0.5, 3)
    assert objective.tensor(priced(prices)).tolist() == prices
    assert objective.tensor(priced(prices)).dtype == torch.float32
    np.testing.assert_allclose(objective.signals(priced(prices)), np.log(prices)[:, None])


def test_a_regression_without_logarithm_is_standardized_in_its_own_units() -> None:
    objective = fitted([1.0, 2.0, 3.0], log=False)
    assert objective.mean == 2.0
    assert not objective.log
    assert objective.signals(priced([5.0])).tolist() == [[5.0]]


def test_equal_targets_do_not_divide_by_zero() -> None:
    assert fitted([100.0, 100.0]).scale == 1.0


def test_a_network_starts_from_the_mean() -> None:
    objective = fitted([100.0, 200.0, 400.0])
    logits, examples = objective.prior()
    assert objective.predict(logits[None]).item() == pytest.approx(200.0)
    assert examples.tolist() == [3]


def test_out_of_fold_rows_have_one_number() -> None:
    rows = priced([1.0, 2.0])
    oof = out_of_fold_rows(rows, TASK, 0, fitted([1.0, 2.0]).tensor(rows).numpy(), np.array([1.5, 1.75]))
    assert list(oof) == ["id", "fold", "target", "prediction"]
    assert oof[["target", "prediction"]].to_numpy().tolist() == [[1.0, 1.5], [2.0, 1.75]]


def test_out_of_fold_rows_of_a_search_name_their_query() -> None:
    task = Task(id="Id", targets=("price",), query="typed")
    rows = priced([1.0, 3.0]).assign(typed=["angle bracket", "2x4"])
    objective = Search.fit(task, rows, rows, {"beta": 1.0})
    oof = out_of_fold_rows(rows, task, 0, objective.tensor(rows).numpy(), np.array([1.5, 2.5]))
    assert list(oof) == ["id", "fold", "query", "target", "prediction"]
    assert oof["query"].tolist() == ["angle bracket", "2x4"]


def test_what_is_zero_has_no_logarithm() -> None:
    problem = Regression.target_problem(pd.Series([0.0, 5.0]), TASK)
    assert problem == "0.0; expected numbers above 0: the metric takes their logarithm"
    assert Regression.target_problem(pd.Series([0.0, 5.0]), Task(id="Id", targets=("price",))) is None


def test_its_state_makes_it_again() -> None:
    objective = fitted([100.0, 200.0])
    assert Regression.from_state(objective.state()) == objective


TWO = pd.DataFrame({"Id": [1, 2, 3, 4], "a": [1.0, 2.0, 3.0, 6.0], "b": [100.0, 100.0, 400.0, 200.0]})
PAIR = Task(id="Id", targets=("a", "b"), log=True)


def test_each_of_several_targets_is_learned_as_if_it_were_the_only_one() -> None:
    both = Regression.fit(PAIR, TWO, TWO, {"beta": 0.5})
    single = [Regression.fit(Task(id="Id", targets=(name,), log=True), TWO, TWO, {"beta": 0.5}) for name in ("a", "b")]
    logits = 2 * draws(4, 3, 2)
    for members in (logits, logits[:, 0]):
        columns = [each.loss(members[..., [place]], each.tensor(TWO)) for place, each in enumerate(single)]
        torch.testing.assert_close(both.loss(members, both.tensor(TWO)), torch.stack(columns).mean())
        predicted = [each.predict(members[..., [place]]) for place, each in enumerate(single)]
        torch.testing.assert_close(both.predict(members), torch.stack(predicted, 1))
    assert both.outputs == 2
    assert [values.shape for values in both.prior()] == [(2,), (2,)]
    assert both.tensor(TWO).tolist() == TWO[["a", "b"]].to_numpy().tolist()
    np.testing.assert_allclose(both.signals(TWO), np.log(TWO[["a", "b"]]))
    assert Regression.from_state(both.state()) == both


def test_several_targets_have_columns_of_their_own_everywhere() -> None:
    predicted = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert Regression.prediction_shape(TWO, PAIR) == (2,)
    assert Regression.target_array(TWO, PAIR, TWO).shape == (4, 2)
    assert [column.tolist() for column in Regression.handed_in(predicted, TWO, PAIR, TWO)] == [[1.0, 3.0], [2.0, 4.0]]
    oof = out_of_fold_rows(TWO[:2], PAIR, 0, Regression.target_array(TWO[:2], PAIR, TWO), predicted)
    assert list(oof) == ["id", "fold", "t0", "t1", "p0", "p1"]
    assert sorted(Regression.drawing(predicted, predicted + 1, PAIR)["predicted"]) == [2.0, 4.0]


def test_where_a_metric_takes_no_zero_the_smallest_target_above_it_is_predicted() -> None:
    counts = pd.DataFrame({"Id": range(4), "price": [0.0, 0.0, 2.0, 5.0]})
    task = Task(id="Id", targets=("price",), positive=True)
    objective = Regression.fit(task, counts, counts, {"error": "squared_error"})
    assert objective.predict(torch.tensor([[-9.0], [9.0]])).tolist() == [2.0, 5.0]
    usual = Regression.fit(Task(id="Id", targets=("price",)), counts, counts, {"error": "squared_error"})
    assert usual.predict(torch.tensor([[-9.0]])).tolist() == [0.0]
