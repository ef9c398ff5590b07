import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import torch

from groundwork.objectives.base import Task
from groundwork.objectives.classification import Classification
from groundwork.objectives.oof import out_of_fold_rows

TASK = Task(id="Id", targets=("survived",))


def draws(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def survived(labels: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"Id": range(11, 11 + len(labels)), "survived": labels})


def fitted(labels: list[int], everything: list[int] | None = None) -> Classification:
    return Classification.fit(TASK, survived(labels), survived(everything or labels), {"label_smoothing": 0.05})


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_spreads_the_smoothed_share_over_all_classes(smoothing: float) -> None:
    logits, target = draws(5, 3), [0, 2, 1, 1, 0]
    total = 0.0
    for row, label in zip(logits.tolist(), target, strict=True):
        log_sum = math.log(sum(math.exp(value) for value in row))
        for index, value in enumerate(row):
            wanted = (1 - smoothing) * (index == label) + smoothing / 3
            total -= wanted * (value - log_sum)
    loss = Classification(3, smoothing).loss(logits, torch.tensor(target))
    assert loss.item() == pytest.approx(total / 5, rel=1e-5)


def test_members_predict_classes_by_the_mean_of_their_probabilities() -> None:
    logits = draws(6, 4, 3)
    predicted = Classification(3).predict(logits)
    expected = torch.stack([logits[:, member].exp() / logits[:, member].exp().sum(1, True) for member in range(4)])
    torch.testing.assert_close(predicted, expected.mean(0))
    torch.testing.assert_close(predicted.sum(1), torch.ones(6))


def test_all_folds_know_the_classes_of_all_rows() -> None:
    objective = fitted([4, 2, 2], [4, 2, 2, 9])
    assert objective == Classification(3, 0.05, targets=("survived",), labels=(2, 4, 9), counts=(2, 1, 0))
    rows = survived([9, 2, 4])
    assert objective.tensor(rows).tolist() == [2, 0, 1]
    assert objective.tensor(rows).dtype == torch.int64
    assert objective.signals(rows).tolist() == [[0, 1], [0, 0], [1, 0]]


def test_a_network_may_start_from_the_shares_of_the_classes() -> None:
    logits, examples = fitted([4, 2, 2], [4, 2, 2, 9]).prior()
    torch.testing.assert_close(logits.softmax(0), torch.tensor([2.5, 1.5, 0.5]) / 4.5)
    assert examples.tolist() == [2, 1, 0]
    assert [part.shape for part in Classification(7).prior()] == [(7,), (7,)]


def test_out_of_fold_rows_have_class_indices_and_probabilities() -> None:
    rows, predicted = survived([9, 2]), np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    oof = out_of_fold_rows(rows, TASK, 3, fitted([4, 2, 9]).tensor(rows).numpy(), predicted)
    assert list(oof) == ["id", "fold", "target", "p0", "p1", "p2"]
    assert oof.to_numpy().tolist() == [[11, 3, 2, 0.1, 0.2, 0.7], [12, 3, 0, 0.5, 0.3, 0.2]]
    assert oof["fold"].dtype == np.int8


def test_the_label_of_the_likeliest_class_is_handed_in() -> None:
    predicted = np.array([[0.1, 0.9], [0.8, 0.2]])
    (column,) = Classification.handed_in(predicted, survived([5, 2, 2]), TASK, pd.DataFrame({"survived": ["2", "2"]}))
    assert column.tolist() == ["5", "2"]
    decided = np.array([0, 0])
    (column,) = Classification.handed_in(predicted, survived([5, 2]), TASK, pd.DataFrame({"survived": ["2"]}), decided)
    assert column.tolist() == ["2", "2"]


@pytest.mark.parametrize(
    ("labels", "names", "order"),
    [
        (["C", "CL", "D"], ["Status_D", "Status_C", "Status_CL"], [2, 0, 1]),
        (["a", "b", "c"], ["C", "B", "A"], [2, 1, 0]),
        ([1, 2, 3], ["class_3", "class_1", "class_2"], [2, 0, 1]),
        ([0, 1], ["c0", "c1"], [0, 1]),
        ([0, 1], ["target"], [1]),
    ],
)
def test_probabilities_go_into_the_columns_of_their_classes(labels: list, names: list[str], order: list[int]) -> None:
    table = pd.DataFrame({"survived": labels})
    task = dataclasses.replace(TASK, needs="probabilities")
    predicted = np.array([[0.5, 0.3, 0.2][: len(labels)]], np.float32)
    predicted /= predicted.sum()
    asked = pd.DataFrame({name: ["0.5"] for name in names})
    assert Classification.columns_lacking(names, table, task) is None
    columns = Classification.handed_in(predicted, table, task, asked)
    np.testing.assert_allclose(np.ravel(columns), predicted[0][order], rtol=1e-6)
    assert len(names) == 1 or abs(sum(column[0] for column in columns) - 1) < 1e-12


@pytest.mark.parametrize(
    ("names", "needs", "expected"),
    [
        (["x", "y"], "labels", "one predicted column: the metric scores labels"),
        (["p_a", "p_b"], "probabilities", "a column of probabilities for each class: a, b, c"),
        (["p"], "probabilities", "a column of probabilities for each class: a, b, c"),
    ],
)
def test_columns_that_predictions_do_not_fit_are_named(names: list[str], needs: str, expected: str) -> None:
    task = dataclasses.replace(TASK, needs=needs)
    assert Classification.columns_lacking(names, pd.DataFrame({"survived": list("abc")}), task) == expected


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0.5, 1, 3], "3 different numbers such as 0.5; expected labels of classes"),
        ([0, 1, 3], None),
        (["no", "yes"], None),
        ([1, 1], "1 in every row, expected two values or more: there is nothing to learn"),
        ([0.0, None, 1.0], "1 missing values, expected none"),
        ([0, 1, 2, 1], None),
    ],
)
def test_any_labels_can_be_learned(labels: list, said: str | None) -> None:
    assert Classification.target_problem(pd.Series(labels), TASK) == said


def test_its_state_is_json_and_makes_it_again() -> None:
    import json

    objective = fitted([4, 2, 2])
    assert Classification.from_state(json.loads(json.dumps(objective.state()))) == objective


def test_lists_of_the_likeliest_labels_are_as_long_as_the_samples() -> None:
    task = Task(id="Id", targets=("kind",), needs="lists")
    labels = pd.DataFrame({"kind": ["urea", "dap", "npk", "urea"]})
    sample = pd.DataFrame({"kind": ["Urea Dap", "Npk Urea"]})
    predicted = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]])
    (handed_in,) = Classification.handed_in(predicted, labels, task, sample)
    assert handed_in.tolist() == ["Npk Urea", "Dap Urea"]
    (rule,) = Classification.rules(labels, task, sample)
    assert rule.failures(pd.Series(handed_in)) == []
    assert "3 ids; expected 2 at the most" in rule.failures(pd.Series(["Npk Urea Dap"]))[0]
    assert Classification.columns_lacking(["kind"], labels, task) is None
    assert Classification.columns_lacking(["a", "b"], labels, task) == "one predicted column: the metric scores lists"
