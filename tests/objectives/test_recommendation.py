import math

import numpy as np
import pandas as pd
import pytest
import torch

from groundwork.objectives.base import Task
from groundwork.objectives.recommendation import Recommendation, candidates

CANDIDATES = [7, 2, 9, 4, 0, 5]  # of ten items, the codes that may be named
NEXT = Recommendation(10, torch.tensor(CANDIDATES), most=3)
LOG = pd.DataFrame(
    [(0, 1, 3), (0, 2, 3), (0, 0, 9), (0, 3, 20), (2, 3, 1), (2, 3, 8), (2, 1, 16)],
    columns=["customer", "article", "day"],
).astype({"customer": np.int32, "article": np.int32, "day": np.int16})


def draws(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_what_came_next_is_learned_by_cross_entropy_over_those_compared() -> None:
    logits, target = draws(4, 8), [0, 0, 3, 7]
    total = 0.0
    for row, index in zip(logits.tolist(), target, strict=True):
        total -= row[index] - math.log(sum(math.exp(value) for value in row))
    assert NEXT.loss(logits, torch.tensor(target)).item() == pytest.approx(total / 4, rel=1e-5)


def test_of_all_candidates_that_came_each_row_counts_by_its_mean() -> None:
    """Items 1, 3, 6 and 8 are not candidates; rows with no other target do not count."""
    logits, came = draws(6, 6), [[4], [7, 5, 9], [3, 0, 2], [], [8], [9, 6]]
    means = []
    for row, items in zip(logits.tolist(), came, strict=True):
        log_sum = math.log(sum(math.exp(value) for value in row))
        losses = [log_sum - row[CANDIDATES.index(item)] for item in items if item in CANDIDATES]
        means += [sum(losses) / len(losses)] if losses else []
    padded = torch.tensor([items + [-1] * (3 - len(items)) for items in came])
    assert len(means) == 4
    assert NEXT.loss(logits, padded).item() == pytest.approx(sum(means) / 6, rel=1e-5)
    # The mean over pieces is the mean over all rows.
    pieces = [NEXT.loss(logits[i : i + 3], padded[i : i + 3]).item() for i in (0, 3)]
    assert sum(pieces) / 2 == pytest.approx(sum(means) / 6, rel=1e-5)


def test_where_nothing_came_there_is_no_loss() -> None:
    assert NEXT.loss(draws(2, 6), torch.tensor([[-1, -1], [1, -1]])).item() == 0


def test_padding_counts_for_nothing_even_where_the_first_candidate_is_impossible() -> None:
    logits = torch.tensor([[-math.inf, 0.0, 0.0, 0.0, 0.0, 0.0]])
    assert NEXT.loss(logits, torch.tensor([[2, -1]])).item() == pytest.approx(math.log(5))


def test_the_likeliest_candidates_are_named_by_their_codes_best_first() -> None:
    logits = torch.tensor([[0.1, 0.5, 0.3, 0.4, 0.0, -1.0], [9.0, -1.0, 3.0, 2.0, 1.0, 8.0]])
    predicted = NEXT.predict(logits)
    assert predicted.tolist() == [[2, 4, 9], [7, 5, 9]]
    assert predicted.dtype == torch.int64
    assert NEXT.outputs == 6


def test_where_there_are_fewer_candidates_than_answers_the_list_is_filled_up() -> None:
    few = Recommendation(10, torch.tensor([3, 8]))
    assert few.predict(torch.tensor([[0.1, 0.5]])).tolist() == [[8, 3] + [-1] * 10]


def test_candidates_are_what_sold_last_and_among_those_what_sold_most() -> None:
    assert candidates(LOG, articles=5, most=1).tolist() == [3]
    assert candidates(LOG, articles=5, most=3).tolist() == [0, 1, 3]
    assert candidates(LOG, articles=5, most=9).tolist() == [0, 1, 2, 3, 4]
    same_day = LOG.assign(day=np.int16(4))
    assert candidates(same_day, articles=5, most=2).tolist() == [1, 3]


def test_lists_are_ids_with_spaces_between_them() -> None:
    articles = pd.DataFrame({"article": ["0010", "0020", "0030", "0040"]})
    predicted = np.array([[3, 0, 2], [1, -1, -1], [-1, -1, -1]])
    (lists,) = Recommendation.handed_in(
        predicted, articles, Task(id="customer", answers=3), pd.DataFrame({"list": [""]})
    )
    assert lists.tolist() == ["0040 0010 0030", "0020", ""]
    assert lists.dtype == "str"


def test_several_lists_are_ranked_by_the_sum_of_reciprocal_ranks() -> None:
    lists = [np.array([[5, 3, 8], [1, -1, -1]]), np.array([[3, 8, 5], [2, 1, -1]]), np.array([[3, 9, 4], [-1, -1, -1]])]
    # 3: 1/2 + 1 + 1; 5: 1 + 1/3; 8: 1/3 + 1/2. In the second row 1: 1 + 1/2, 2: 1.
    assert Recommendation.combine(lists).tolist() == [[3, 5, 8], [1, 2, -1]]
    assert Recommendation.combine(lists[:1]) is lists[0]


def test_there_are_as_many_candidates_as_answers() -> None:
    (problem,) = Recommendation.loss_problems(Task(id="customer", answers=12), {"candidates": 5})
    assert problem.startswith("candidates: found 5; expected 12 or more")
    assert Recommendation.loss_problems(Task(id="customer", answers=12), {"candidates": 12}) == []


def test_its_state_has_arrays_and_makes_it_again() -> None:
    state = NEXT.state()
    assert isinstance(state["candidates"], np.ndarray)
    again = Recommendation.from_state(state)
    assert (again.items, again.most, again.candidates.tolist()) == (10, 3, CANDIDATES)
