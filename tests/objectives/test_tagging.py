import math

import numpy as np
import pandas as pd
import pytest
import torch

from groundwork.objectives.base import Task
from groundwork.objectives.oof import out_of_fold_rows
from groundwork.objectives.tagging import Tagging

TAGS = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1]])
TASK = Task(id="Id", targets=("loud", "rude"))


def draws(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def tagged(rows: list[list[int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["loud", "rude"]).assign(Id=range(11, 11 + len(rows)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_each_tag_has_a_cross_entropy_of_its_own_drawn_to_one_half_by_smoothing(smoothing: float) -> None:
    logits = draws(5, 3)
    total = 0.0
    for row, tags in zip(logits.tolist(), TAGS.tolist(), strict=True):
        for logit, tag in zip(row, tags, strict=True):
            probability = 1 / (1 + math.exp(-logit))
            wanted = tag * (1 - smoothing) + 0.5 * smoothing
            total -= wanted * math.log(probability) + (1 - wanted) * math.log(1 - probability)
    assert Tagging(3, smoothing).loss(logits, TAGS).item() == pytest.approx(total / 15, rel=1e-5)


def test_members_predict_tags_by_the_mean_of_their_probabilities() -> None:
    logits = draws(6, 4, 3)
    predicted = Tagging(3).predict(logits)
    torch.testing.assert_close(predicted, (1 / (1 + (-logits).exp())).mean(1))
    assert Tagging(3).predict(logits[:, 0]).shape == (6, 3)
    assert not torch.allclose(predicted.sum(1), torch.ones(6)), "tags do not share one probability"


def test_tags_are_all_columns_of_zeros_and_ones() -> None:
    rows = tagged([[1, 0], [0, 0], [1, 1]])
    objective = Tagging.fit(TASK, rows[:1], rows, {"label_smoothing": 0.1})
    assert objective == Tagging(2, 0.1, targets=("loud", "rude"), counts=(1.0, 0.0), rows=1)
    assert objective.tensor(rows).tolist() == [[1, 0], [0, 0], [1, 1]]
    assert objective.tensor(rows).dtype == torch.float32
    assert objective.signals(rows).tolist() == [[1, 0], [0, 0], [1, 1]]


def test_a_network_may_start_from_the_shares_of_the_tags() -> None:
    rows = tagged([[1, 0], [0, 0], [1, 1]])
    logits, examples = Tagging.fit(TASK, rows, rows, {}).prior()
    torch.testing.assert_close(logits.sigmoid(), torch.tensor([2.5 / 4, 1.5 / 4]))
    assert examples.tolist() == [2, 1]


def test_out_of_fold_rows_have_a_target_and_a_probability_for_each_tag() -> None:
    rows = tagged([[1, 0], [0, 1]])
    target = Tagging.fit(TASK, rows, rows, {}).tensor(rows).numpy()
    oof = out_of_fold_rows(rows, TASK, 1, target, np.array([[0.5, 0.25], [0.75, 0.125]]))
    assert list(oof) == ["id", "fold", "t0", "t1", "p0", "p1"]
    assert oof.to_numpy().tolist() == [[11, 1, 1, 0, 0.5, 0.25], [12, 1, 0, 1, 0.75, 0.125]]


def test_a_single_tag_is_stratified_as_two_classes() -> None:
    assert Tagging.strata(TASK) == "tags"
    assert Tagging.strata(Task(id="Id", targets=("loud",))) == "classes"


def test_its_state_makes_it_again() -> None:
    rows = tagged([[1, 0], [0, 1]])
    objective = Tagging.fit(TASK, rows, rows, {"label_smoothing": 0.1})
    assert Tagging.from_state(objective.state()) == objective
