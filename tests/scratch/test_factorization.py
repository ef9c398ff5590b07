import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as TF

from groundwork.objectives.metrics import METRICS
from groundwork.scratch import Tensor, manual_seed, optim
from groundwork.scratch.factorization import (
    MatrixFactorization,
    average_precision,
    bpr_loss,
    mean_average_precision,
    recommend,
    sample_negatives,
)
from groundwork.scratch.verify import compare, gradcheck


class Torch(torch.nn.Module):
    """The twin of `MatrixFactorization`."""

    def __init__(self, users: int, items: int, width: int) -> None:
        super().__init__()
        self.user_vectors, self.item_vectors = torch.nn.Embedding(users, width), torch.nn.Embedding(items, width)
        self.item_bias = torch.nn.Parameter(torch.randn(items))

    def forward(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Score pairs."""
        return (
            torch.einsum("...w,...w->...", self.user_vectors(users), self.item_vectors(items)) + self.item_bias[items]
        )


PAIRS = [
    (np.array([0, 2, 1, 2]), np.array([4, 0, 4, 4])),
    (np.array([[0], [2]]), np.array([[4, 0, 1], [3, 3, 2]])),  # several items for each user
]


@pytest.mark.parametrize(("users", "items"), PAIRS)
def test_scores_of_pairs_are_torchs(users: np.ndarray, items: np.ndarray) -> None:
    assert compare(MatrixFactorization(3, 5, 2), Torch(3, 5, 2), users, items, steps=100)
    assert gradcheck(MatrixFactorization(3, 5, 2), (users, items))


def test_all_scores_are_those_of_the_pairs() -> None:
    network = MatrixFactorization(3, 5, 2, std=1.0)
    network.item_bias.data[:] = np.arange(5)
    pairs = network(Tensor(np.arange(3)[:, None]), Tensor(np.arange(5)))
    np.testing.assert_allclose(network.scores(Tensor(np.arange(3))).data, pairs.data, rtol=1e-6)


def test_the_loss_is_torchs() -> None:
    chance = np.random.default_rng(0)
    positive, negative = chance.normal(size=(2, 7)) * 50
    assert compare(bpr_loss, lambda p, n: -TF.logsigmoid(p - n).mean(), positive, negative)
    assert bpr_loss(Tensor([1.0]), Tensor([1.0])).item() == pytest.approx(np.log(2))
    with pytest.raises(ValueError, match=r"\(2,\), \(1,\)"):
        bpr_loss(Tensor([1.0, 2.0]), Tensor([1.0]))


def test_negatives_are_what_was_not_bought_each_as_often() -> None:
    bought = np.array([[True, False, False, True], [False, False, True, False]])
    users = np.repeat([0, 1], 6000)
    drawn = sample_negatives(users, bought)
    assert not bought[users, drawn].any()
    np.testing.assert_allclose(np.bincount(drawn[:6000], minlength=4) / 6000, [0, 1 / 2, 1 / 2, 0], atol=0.03)
    np.testing.assert_allclose(np.bincount(drawn[6000:], minlength=4) / 6000, [1 / 3, 1 / 3, 0, 1 / 3], atol=0.03)
    with pytest.raises(ValueError, match="user 1 bought everything"):
        sample_negatives(np.array([0, 1]), np.array([[True, False], [True, True]]))


@pytest.mark.parametrize("dtype", [int, float, np.uint8])
def test_zeros_and_ones_are_no_truth_values(dtype: type) -> None:
    bought = np.array([[True, False, False], [False, False, True]])
    with pytest.raises(ValueError, match=f"bought: found {np.dtype(dtype)}; expected bool"):
        sample_negatives(np.array([0, 1]), bought.astype(dtype))


def test_training_finds_two_tastes() -> None:
    manual_seed(0)
    bought = np.kron(np.eye(2), np.ones((10, 10))) > 0
    held_out = np.eye(20, dtype=bool) & bought
    users, items = np.nonzero(bought & ~held_out)
    network = MatrixFactorization(20, 20, 2)
    optimizer = optim.Adam(network.parameters(), lr=0.05)
    for _ in range(60):
        loss = bpr_loss(network(users, items), network(users, sample_negatives(users, bought)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores = np.where(bought & ~held_out, -np.inf, network.scores(Tensor(np.arange(20))).data)
    assert (recommend(scores, 1)[:, 0] == np.arange(20)).all()


def test_the_best_stand_first() -> None:
    assert recommend(np.array([[1.0, 3.0, 2.0], [0.0, 0.0, -1.0]]), 2).tolist() == [[1, 2], [0, 1]]


@pytest.mark.parametrize(
    ("recommended", "bought", "k", "expected"),
    [
        ([1, 2, 3], [1, 2, 3], 3, 1.0),
        ([9, 1], [1], 2, 1 / 2),
        ([1, 9], [1], 2, 1.0),
        ([9, 1], [1], 1, 0.0),  # the hit lies below the cut
        ([1, 9, 2], [1, 2, 3], 3, (1 + 2 / 3) / 3),
        ([1, 2], [1, 2, 3, 4], 2, 1.0),  # no more than two could be found
        ([1, 1, 2], [1, 2], 3, (1 + 2 / 3) / 2),
        ([1, 2], [1, 1, 2], 2, 1.0),
        ([], [1], 12, 0.0),
    ],
)
def test_average_precision_by_hand(recommended: list[int], bought: list[int], k: int, expected: float) -> None:
    assert average_precision(recommended, bought, k) == pytest.approx(expected)


def test_nothing_bought_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="k = 12 and 0 items"):
        average_precision([1], [])
    with pytest.raises(ValueError, match="k = 0"):
        average_precision([1], [1], 0)
    assert mean_average_precision([[1], [1]], [[1], []]) == 1.0
    for recommended, bought in (([[1]], [[]]), ([[1], [2]], [[], ()]), ([], [])):
        with pytest.raises(ValueError, match=f"found {len(bought)} users and none who bought anything"):
            mean_average_precision(recommended, bought)


def test_the_best_come_first() -> None:
    scores = np.array([[0.1, 0.9, 0.5], [0.3, 0.3, -np.inf]])
    np.testing.assert_array_equal(recommend(scores, 2), [[1, 2], [0, 1]])
    np.testing.assert_array_equal(recommend(scores, 5), [[1, 2, 0], [0, 1, 2]])
    for k in (0, -1):
        with pytest.raises(ValueError, match=f"k: found {k}"):
            recommend(scores, k)


CODES = st.lists(st.lists(st.integers(0, 15), min_size=12, max_size=12), min_size=1, max_size=5)
BASKETS = st.lists(st.lists(st.integers(0, 15), max_size=20), min_size=1, max_size=5)


@settings(deadline=None)
@given(CODES, BASKETS)
def test_the_mean_is_the_competitions_metric(recommended: list[list[int]], bought: list[list[int]]) -> None:
    size = min(len(recommended), len(bought))
    lists, baskets = recommended[:size], bought[:size]
    if not any(baskets):
        return
    target = np.full((size, 20), -1)
    for row, basket in enumerate(baskets):
        target[row, : len(basket)] = basket
    expected = METRICS["map@12"].score(target, np.array(lists))
    assert mean_average_precision(lists, baskets, 12) == pytest.approx(expected)
