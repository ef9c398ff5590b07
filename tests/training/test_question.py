import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from tests.training.tiny import PRICES, SURVIVAL, in_memory, lane

from groundwork.competitions import Inputs, Labelled, Pair
from groundwork.objectives.base import Classification, Regression, Tagging
from groundwork.settings import BinaryCrossEntropy, LossSettings
from groundwork.training.archive import pack_state, unpack_state
from groundwork.training.question import Question

TAGS = dataclasses.replace(SURVIVAL, kind="tagging", metric="auc", targets=("loud", "rude"))


def question(
    competition: Labelled, train: pd.DataFrame, everything: pd.DataFrame | None = None, loss: LossSettings | None = None
) -> Question:
    prepared = in_memory(train if everything is None else everything)
    return Question.of(competition, loss or lane(competition).objective, train, prepared)


def survived(labels: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"Id": range(11, 11 + len(labels)), "survived": labels})


def priced(prices: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"Id": range(11, 11 + len(prices)), "price": prices})


def tagged(rows: list[list[int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["loud", "rude"]).assign(Id=range(11, 11 + len(rows)))


def test_all_folds_know_the_classes_of_all_rows() -> None:
    asked = question(SURVIVAL, survived([4, 2, 2]), survived([4, 2, 2, 9]))
    assert asked.objective == Classification(3, label_smoothing=0.05)
    assert asked.classes.tolist() == [2, 4, 9]
    rows = survived([9, 2, 4])
    assert asked.tensor(rows).tolist() == [2, 0, 1]
    assert asked.tensor(rows).dtype == torch.int64
    assert asked.signals(rows).tolist() == [[0, 1], [0, 0], [1, 0]]


def test_a_regression_is_standardized_by_its_training_rows_logarithms() -> None:
    prices = [100.0, 200.0, 400.0]
    asked = question(PRICES, priced(prices), priced([1.0, 1e9]))
    objective = asked.objective
    assert isinstance(objective, Regression)
    assert objective.mean == pytest.approx(np.log(prices).mean())
    assert objective.scale == pytest.approx(np.log(prices).std())
    assert (objective.low, objective.high) == (100.0, 400.0)
    assert objective.log
    assert objective.beta == 0.5
    assert asked.tensor(priced(prices)).tolist() == prices
    assert asked.tensor(priced(prices)).dtype == torch.float32
    np.testing.assert_allclose(asked.signals(priced(prices)), np.log(prices)[:, None])


def test_a_regression_without_logarithm_is_standardized_in_its_own_units() -> None:
    asked = question(dataclasses.replace(PRICES, log_target=False), priced([1.0, 2.0, 3.0]))
    assert isinstance(asked.objective, Regression)
    assert asked.objective.mean == 2.0
    assert not asked.objective.log
    assert asked.signals(priced([5.0])).tolist() == [[5.0]]


def test_equal_targets_do_not_divide_by_zero() -> None:
    asked = question(PRICES, priced([100.0, 100.0]))
    assert isinstance(asked.objective, Regression)
    assert asked.objective.scale == 1.0


def test_tags_are_all_columns_of_zeros_and_ones() -> None:
    rows = tagged([[1, 0], [0, 0], [1, 1]])
    asked = question(TAGS, rows[:1], rows, BinaryCrossEntropy(loss="binary_cross_entropy", label_smoothing=0.1))
    assert asked.objective == Tagging(2, label_smoothing=0.1)
    assert asked.tensor(rows).tolist() == [[1, 0], [0, 0], [1, 1]]
    assert asked.tensor(rows).dtype == torch.float32
    assert asked.signals(rows).tolist() == [[1, 0], [0, 0], [1, 1]]
    assert asked.classes.size == 0


def test_out_of_fold_rows_of_classes_have_their_indices_and_probabilities() -> None:
    asked = question(SURVIVAL, survived([4, 2, 9]))
    outcome = asked.outcome(survived([9, 2]), np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]), fold=3)
    assert list(outcome) == ["id", "fold", "target", "p0", "p1", "p2"]
    assert outcome.to_numpy().tolist() == [[11, 3, 2, 0.1, 0.2, 0.7], [12, 3, 0, 0.5, 0.3, 0.2]]
    assert outcome["fold"].dtype == np.int8


def test_out_of_fold_rows_of_a_regression_have_one_number() -> None:
    outcome = question(PRICES, priced([1.0, 2.0])).outcome(priced([1.0, 2.0]), np.array([1.5, 1.75]), fold=0)
    assert list(outcome) == ["id", "fold", "target", "prediction"]
    assert outcome[["target", "prediction"]].to_numpy().tolist() == [[1.0, 1.5], [2.0, 1.75]]


def test_out_of_fold_rows_of_tags_have_a_target_and_a_probability_for_each() -> None:
    rows = tagged([[1, 0], [0, 1]])
    asked = question(TAGS, rows, loss=BinaryCrossEntropy(loss="binary_cross_entropy", label_smoothing=0.0))
    outcome = asked.outcome(rows, np.array([[0.5, 0.25], [0.75, 0.125]]), fold=1)
    assert list(outcome) == ["id", "fold", "t0", "t1", "p0", "p1"]
    assert outcome.to_numpy().tolist() == [[11, 1, 1, 0, 0.5, 0.25], [12, 1, 0, 1, 0.75, 0.125]]


def test_out_of_fold_rows_of_a_search_name_their_query() -> None:
    inputs = Inputs(pair=Pair(query="typed", document="product", fields=("title",)))
    search = dataclasses.replace(PRICES, kind="search", metric="rmse", inputs=inputs, log_target=False)
    rows = priced([1.0, 3.0]).assign(typed=["angle bracket", "2x4"])
    outcome = question(search, rows, loss=lane(PRICES).objective).outcome(rows, np.array([1.5, 2.5]), fold=0)
    assert list(outcome) == ["id", "fold", "query", "target", "prediction"]
    assert outcome["query"].tolist() == ["angle bracket", "2x4"]


@pytest.mark.parametrize("labels", [[4, 2, 2], ["b", "漢", "half \ud83d"], [0.5, 1.5, 1.5], [True, False, True]])
def test_a_question_from_its_state_is_the_same(labels: list[object]) -> None:
    dtype = object if isinstance(labels[0], str) else None
    frame = pd.DataFrame({"Id": range(3), "survived": pd.Series(labels, dtype=dtype)})
    asked = question(SURVIVAL, frame)
    again = Question.from_state(unpack_state(pack_state(asked.state())))
    assert (again.objective, again.targets, again.id, again.query) == (
        asked.objective,
        asked.targets,
        asked.id,
        asked.query,
    )
    assert again.classes.tolist() == asked.classes.tolist()
    assert torch.equal(again.tensor(frame), asked.tensor(frame))


def test_objectives_from_their_state_predict_bit_by_bit_the_same() -> None:
    prices, tags = priced([1.5, 20.0, 3.25]), tagged([[1, 0], [0, 1]])
    loss = BinaryCrossEntropy(loss="binary_cross_entropy", label_smoothing=0.1)
    for asked in (question(PRICES, prices), question(TAGS, tags, loss=loss)):
        again = Question.from_state(unpack_state(pack_state(asked.state())))
        assert again.objective == asked.objective
        logits = torch.randn(7, 2, asked.objective.outputs)
        assert torch.equal(again.objective.predict(logits), asked.objective.predict(logits))
