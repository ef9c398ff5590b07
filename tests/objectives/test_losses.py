import math

import pytest
import torch

from groundwork.objectives.base import Classification, Recommendation, Regression, Tagging

TAGS = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1]])
PRICES = Regression(mean=12.0, scale=0.4, low=50_000, high=700_000, beta=0.3, log=True)


def draws(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


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


@pytest.mark.parametrize(
    ("objective", "target"),
    [
        (Classification(3, 0.1), torch.tensor([0, 2, 1, 1, 0])),
        (Tagging(3, 0.1), TAGS),
        (PRICES, torch.tensor([1e5, 2e5, 3e5, 9e4, 6e5])),
    ],
)
def test_the_loss_of_members_is_the_mean_of_their_losses(
    objective: Classification | Tagging | Regression, target: torch.Tensor
) -> None:
    logits = draws(5, 4, objective.outputs)
    single = [objective.loss(logits[:, member], target) for member in range(4)]
    torch.testing.assert_close(objective.loss(logits, target), torch.stack(single).mean())


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


def test_members_predict_classes_by_the_mean_of_their_probabilities() -> None:
    logits = draws(6, 4, 3)
    predicted = Classification(3).predict(logits)
    expected = torch.stack([logits[:, member].exp() / logits[:, member].exp().sum(1, True) for member in range(4)])
    torch.testing.assert_close(predicted, expected.mean(0))
    torch.testing.assert_close(predicted.sum(1), torch.ones(6))


def test_half_precision_logits_give_full_precision_predictions() -> None:
    assert Classification(3).predict(draws(6, 3).bfloat16()).dtype == torch.float32
    assert PRICES.predict(draws(6, 1).bfloat16()).dtype == torch.float32
    assert Tagging(3).predict(draws(6, 3).bfloat16()).dtype == torch.float32


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


CANDIDATES = [7, 2, 9, 4, 0, 5]  # of ten items, the codes that may be named
NEXT = Recommendation(10, torch.tensor(CANDIDATES), answers=3)


def test_what_came_next_is_learned_by_cross_entropy_over_those_compared() -> None:
    logits, target = draws(4, 8), [0, 0, 3, 7]
    total = 0.0
    for row, index in zip(logits.tolist(), target, strict=True):
        total -= row[index] - math.log(sum(math.exp(value) for value in row))
    assert NEXT.loss(logits, torch.tensor(target)).item() == pytest.approx(total / 4, rel=1e-5)


def test_of_all_candidates_that_came_each_row_counts_by_its_mean() -> None:
    """Items 1, 3, 6 and 8 are no candidates; the rows where nothing else came add nothing."""
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
