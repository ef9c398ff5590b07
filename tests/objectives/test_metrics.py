import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise, permutations
from statistics import fmean

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from groundwork.objectives.metrics import METRICS
from groundwork.objectives.ranking import map_at, mrr, ndcg, recall, recall_at

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 60)
PROBABILITIES = RNG.dirichlet(np.ones(3), 60).astype(np.float32)
PROBABILITIES[:5] = 1 / 3  # ties: the first class counts
PRICES = RNG.lognormal(12, 0.4, 60)
GUESSES = (PRICES * RNG.lognormal(0, 0.1, 60)).astype(np.float32)
COUNTS = RNG.poisson(1.0, 60).astype(float)  # zeros among them
COUNT_GUESSES = RNG.gamma(1.0, 1.0, 60).astype(np.float32)
TAGS = RNG.integers(0, 2, (60, 4))
TAGS[:, 1] = 0
TAGS[:, 2] = 1
TAG_PROBABILITIES = RNG.random((60, 4)).round(1).astype(np.float32)  # ties

examples = settings(max_examples=60, derandomize=True, deadline=None)


def accuracy(labels: Sequence[int], probabilities: Sequence[Sequence[float]]) -> float:
    hits = 0
    for label, row in zip(labels, probabilities, strict=True):
        best = 0
        for index, probability in enumerate(row):
            if probability > row[best]:
                best = index
        hits += best == label
    return hits / len(labels)


def root_mean_square(transform: Callable[[float], float]) -> Callable[[Sequence[float], Sequence[float]], float]:
    return lambda target, prediction: math.sqrt(
        fmean((transform(y) - transform(p)) ** 2 for y, p in zip(target, prediction, strict=True))
    )


def auc(tags: np.ndarray, probabilities: np.ndarray) -> float:
    columns = []
    for tag, score in zip(tags.T, probabilities.T, strict=True):
        pairs = [(high, low) for high in score[tag == 1] for low in score[tag == 0]]
        if pairs:
            columns.append(fmean((high > low) + (high == low) / 2 for high, low in pairs))
    return fmean(columns) if columns else math.nan


@pytest.mark.parametrize(
    ("name", "target", "prediction", "definition"),
    [
        ("accuracy", LABELS, PROBABILITIES, accuracy),
        ("auc", TAGS, TAG_PROBABILITIES, auc),
        ("auc", TAGS[:, :3], TAG_PROBABILITIES[:, :3], auc),  # one column is left
        ("rmse", PRICES, GUESSES, root_mean_square(lambda x: x)),
        ("rmse_log", PRICES, GUESSES, root_mean_square(math.log)),
        ("rmsle", COUNTS, COUNT_GUESSES, root_mean_square(lambda x: math.log(1 + x))),
    ],
)
def test_a_metric_follows_its_definition_on_arrays_and_on_the_device(
    name: str, target: np.ndarray, prediction: np.ndarray, definition: Callable[[np.ndarray, np.ndarray], float]
) -> None:
    metric, expected = METRICS[name], definition(target, prediction)
    assert metric.score(target, prediction) == pytest.approx(expected, rel=1e-6)
    assert metric.score(target, prediction, np.zeros(60, dtype=int)) == metric.score(target, prediction)
    assert metric.on_device is not None
    on_device = metric.on_device(torch.from_numpy(target), torch.from_numpy(prediction))
    assert on_device.ndim == 0
    assert on_device.item() == pytest.approx(expected, rel=1e-5)


def test_auc_of_tags_that_all_rows_or_none_have_is_not_a_number() -> None:
    target, prediction = TAGS[:, 1:3], TAG_PROBABILITIES[:, 1:3]
    assert math.isnan(METRICS["auc"].score(target, prediction))
    assert METRICS["auc"].on_device is not None
    assert METRICS["auc"].on_device(torch.from_numpy(target), torch.from_numpy(prediction)).isnan()


def test_auc_takes_tags_as_floats_too() -> None:
    assert METRICS["auc"].on_device is not None
    on_device = METRICS["auc"].on_device(torch.from_numpy(TAGS).float(), torch.from_numpy(TAG_PROBABILITIES))
    assert on_device.item() == pytest.approx(METRICS["auc"].score(TAGS.astype(float), TAG_PROBABILITIES))


QUERIES = np.repeat([0, 1], 3)
RELEVANCE = np.array([3.0, 2.0, 1.0, 1.0, 3.0, 1.0])
BOUGHT = np.array([[1, 2, -1], [5, -1, -1]])
RECOMMENDED = np.array([[1, 2, 3], [5, 6, -1]])


@pytest.mark.parametrize(
    ("name", "target", "best", "worse"),
    [
        ("accuracy", LABELS, np.eye(3)[LABELS], PROBABILITIES),
        ("auc", TAGS, TAGS * 0.5, TAG_PROBABILITIES),
        ("rmse", PRICES, PRICES, GUESSES),
        ("rmse_log", PRICES, PRICES, GUESSES),
        ("rmsle", COUNTS, COUNTS, COUNT_GUESSES),
        ("ndcg@10", RELEVANCE, RELEVANCE, -RELEVANCE),
        ("mrr", RELEVANCE, RELEVANCE, -RELEVANCE),
        ("recall@3", np.repeat(RELEVANCE, 3), np.repeat(RELEVANCE, 3), -np.repeat(RELEVANCE, 3)),
        ("map@12", BOUGHT, RECOMMENDED, RECOMMENDED[:, ::-1]),
        ("recall@12", BOUGHT, RECOMMENDED, RECOMMENDED[::-1]),
    ],
)
def test_each_metric_knows_its_direction(name: str, target: np.ndarray, best: np.ndarray, worse: np.ndarray) -> None:
    metric = METRICS[name]
    assert metric.name == name
    queries = np.repeat(QUERIES, len(target) // 6)
    reached, missed = metric.score(target, best, queries), metric.score(target, worse, queries)
    assert reached == (1.0 if metric.higher_is_better else 0.0)
    assert (reached > missed) == metric.higher_is_better


# Rankings within queries: each definition scores one order of a query's relevance, best score first.


def dcg(ranked: Sequence[float], k: int) -> float:
    return sum((2**relevance - 1) / math.log2(rank + 1) for rank, relevance in enumerate(ranked[:k], start=1))


def ndcg_of(ranked: Sequence[float], k: int) -> float:
    return dcg(ranked, k) / dcg(sorted(ranked, reverse=True), k)


def recall_of(ranked: Sequence[float], k: int, relevant_from: float) -> float:
    relevant = [relevance >= relevant_from for relevance in ranked]
    return sum(relevant[:k]) / sum(relevant)


def reciprocal_rank_of(ranked: Sequence[float], relevant_from: float) -> float:
    return next(1 / rank for rank, relevance in enumerate(ranked, start=1) if relevance >= relevant_from)


def over_queries(
    rows: list[tuple[str, float, float]], relevant: Callable[[float], bool], of: Callable[[list[float]], float]
) -> float:
    """Average `of` over the orders that the scores allow, then over the queries that have rows to rank."""
    values = []
    for name in {query for query, _, _ in rows}:
        judged = [(relevance, score) for query, relevance, score in rows if query == name]
        if len(judged) > 1 and any(relevant(relevance) for relevance, _ in judged):
            orders = [
                order
                for order in permutations(judged)
                if all(better[1] >= worse[1] for better, worse in pairwise(order))
            ]
            values.append(fmean(of([relevance for relevance, _ in order]) for order in orders))
    return fmean(values) if values else math.nan


def columns(rows: list[tuple[str, float, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    queries, relevance, scores = (np.array([row[place] for row in rows]) for place in range(3))
    return relevance.astype(float), scores.astype(float), queries


judged_rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([0.0, 1.0, 2.0, 2.33, 3.0]), st.sampled_from([-1.0, 0.0, 0.5])),
    max_size=7,
)


@examples
@given(judged_rows, st.integers(1, 8))
def test_rankings_follow_their_definitions_over_all_orders_of_ties(
    rows: list[tuple[str, float, float]], k: int
) -> None:
    def relevant(relevance: float) -> bool:
        return relevance >= 2.1

    for score, expected in (
        (ndcg(k), over_queries(rows, lambda relevance: relevance > 0, lambda ranked: ndcg_of(ranked, k))),
        (recall(k, 2.1), over_queries(rows, relevant, lambda ranked: recall_of(ranked, k, 2.1))),
        (mrr(2.1), over_queries(rows, relevant, lambda ranked: reciprocal_rank_of(ranked, 2.1))),
    ):
        assert score(*columns(rows)) == pytest.approx(expected, nan_ok=True)


def test_a_constant_score_ranks_as_chance_does() -> None:
    relevance, scores, queries = np.array([3.0, 1.0, 1.0, 1.0]), np.zeros(4), np.zeros(4, dtype=int)
    assert METRICS["mrr"].score(relevance, scores, queries) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert recall(1, 2.1)(relevance, scores, queries) == pytest.approx(1 / 4)


@pytest.mark.parametrize("name", ["ndcg@10", "mrr", "recall@3"])
def test_queries_with_nothing_to_rank_are_left_out(name: str) -> None:
    score = METRICS[name].score
    relevance, scores = np.array([1.0, 3.0, 1.0]), np.array([0.9, 0.1, 0.5])
    alone = score(relevance, scores, np.array([7, 7, 7]))
    # Query 3 has one row, query 9 nothing relevant; the rows of the queries are mixed.
    relevance, scores = np.append(relevance, [3.0, 0.0, 0.0]), np.append(scores, [0.5, 0.4, 0.4])
    assert score(relevance, scores, np.array([7, 7, 7, 3, 9, 9])) == alone
    assert math.isnan(score(relevance[3:], scores[3:], np.array([3, 9, 9])))
    assert math.isnan(score(relevance[:0], scores[:0], np.array([], dtype=int)))


def test_ndcg_agrees_with_scikit_learn_on_many_queries() -> None:
    lengths = RNG.integers(2, 30, 300)
    queries = RNG.permutation(np.repeat(RNG.permutation(10_000)[:300], lengths))
    relevance = RNG.choice([1.0, 1.33, 2.0, 2.67, 3.0], len(queries))
    scores = RNG.normal(2, 1, len(queries)).round(1)
    inside = [queries == query for query in np.unique(queries)]
    gain = 2**relevance - 1
    expected = fmean(ndcg_score(gain[rows][None], scores[rows][None], k=10) for rows in inside)
    assert METRICS["ndcg@10"].score(relevance, scores, queries) == pytest.approx(expected)


def test_reciprocal_ranks_of_a_long_tie_stay_finite() -> None:
    relevance = np.repeat([3.0, 1.0], [5_000, 15_000])
    reached = METRICS["mrr"].score(relevance, np.zeros(20_000), np.zeros(20_000, dtype=int))
    # With a quarter of very many rows relevant the first of them comes as in coin tosses: p ln(1/p) / (1 - p).
    assert reached == pytest.approx(0.25 * math.log(4) / 0.75, rel=1e-3)


def test_more_than_partially_relevant_is_relevant() -> None:
    queries, scores = np.zeros(2, dtype=int), np.array([0.2, 0.1])
    for relevance, expected in (([2.0, 2.33], 1 / 2), ([2.25, 3.0], 1.0)):
        for precision in (np.float32, np.float64):
            assert METRICS["mrr"].score(np.array(relevance, precision), scores, queries) == expected


@pytest.mark.parametrize(
    ("relevance", "scores", "queries", "problem"),
    [
        ([1.0, 2.0], [0.1, 0.2], None, "needs the query of each row"),
        ([1.0, 2.0], [0.1, math.nan], [0, 0], "NaN"),
        ([-1.0, 2.0], [0.1, 0.2], [0, 0], "relevance of at least 0; found -1.0"),
    ],
)
def test_ndcg_refuses_what_it_cannot_rank(
    relevance: list[float], scores: list[float], queries: list[int] | None, problem: str
) -> None:
    groups = None if queries is None else np.array(queries)
    with pytest.raises(ValueError, match=problem):
        METRICS["ndcg@10"].score(np.array(relevance), np.array(scores), groups)


# Recommendation.


def average_precision_and_recall(bought: Sequence[int], recommended: Sequence[int], k: int) -> tuple[float, float]:
    articles, hits, precisions = set(bought) - {-1}, 0, 0.0
    for place, article in enumerate(recommended[:k], start=1):
        if article in articles and article not in recommended[: place - 1]:
            hits += 1
            precisions += hits / place
    return precisions / min(len(articles), k), hits / len(articles)


article = st.integers(-1, 4)
customers = st.integers(0, 5).flatmap(
    lambda most: st.lists(
        st.tuples(st.lists(article, min_size=most, max_size=most), st.lists(article, min_size=4, max_size=4)),
        max_size=4,
    )
)


@examples
@given(customers, st.integers(1, 5))
def test_recommendations_follow_their_definitions_on_arrays_and_on_the_device(
    rows: list[tuple[list[int], list[int]]], k: int
) -> None:
    bought = np.array([row[0] for row in rows], dtype=np.int64).reshape(len(rows), len(rows[0][0]) if rows else 0)
    recommended = np.array([row[1] for row in rows], dtype=np.int64).reshape(len(rows), 4)
    scored = [average_precision_and_recall(*row, k) for row in rows if set(row[0]) - {-1}]
    for place, (score, on_device) in enumerate((map_at(k), recall_at(k))):
        expected = fmean(values[place] for values in scored) if scored else math.nan
        assert score(bought, recommended) == pytest.approx(expected, nan_ok=True)
        tensor = on_device(torch.from_numpy(bought), torch.from_numpy(recommended))
        assert tensor.ndim == 0
        assert tensor.item() == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_recommendations_by_hand() -> None:
    pad = [-1] * 8
    bought = np.array([[7, 7, 9, -1], [-1, -1, -1, -1], [3, -1, -1, -1]])
    recommended = np.array([[9, 9, 7, 1, *pad], [7, 9, 3, 1, *pad], [-1, -1, -1, -1, *pad]])
    # The first customer's 9 hits at place 1 and 7 at place 3; the second bought nothing; the third got nothing.
    assert METRICS["map@12"].score(bought, recommended) == pytest.approx(((1 + 2 / 3) / 2 + 0) / 2)
    assert METRICS["recall@12"].score(bought, recommended) == pytest.approx((1 + 0) / 2)


def test_more_purchases_than_places_can_still_reach_a_map_of_one() -> None:
    bought = np.arange(20)[None]
    assert METRICS["map@12"].score(bought, bought[:, :12]) == pytest.approx(1.0)
    assert METRICS["recall@12"].score(bought, bought[:, :12]) == pytest.approx(12 / 20)


def test_the_module_starts_light() -> None:
    program = "import sys, groundwork.objectives.metrics; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert "groundwork.objectives.metrics" in modules
    assert not {"torch", "torchmetrics", "sklearn", "scipy"} & set(modules)
