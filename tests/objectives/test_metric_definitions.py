"""Every metric is compared with its definition in plain Python, and gets inputs for which it is not defined."""

import math
from collections.abc import Callable, Sequence
from itertools import chain, permutations
from statistics import fmean, median
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from groundwork.errors import UserError
from groundwork.objectives import KINDS
from groundwork.objectives.metrics import METRICS, Metric
from groundwork.objectives.oof import cross_validate

RNG = np.random.default_rng(0)
ROWS = 80
TWO = RNG.integers(0, 2, ROWS)
TWO_PROBABILITIES = np.stack([1 - (p := RNG.random(ROWS).round(1).astype(np.float32)), p], 1)  # ties
THREE = RNG.integers(0, 3, ROWS)
THREE_PROBABILITIES = RNG.dirichlet(np.ones(3), ROWS).astype(np.float32)
SEVEN = RNG.integers(0, 7, ROWS)
SEVEN_PROBABILITIES = RNG.dirichlet(np.ones(7), ROWS).round(2).astype(np.float32)
TAGS = RNG.integers(0, 2, (ROWS, 4)) * np.array([1, 1, 1, 0])  # no row has the last one
TAG_PROBABILITIES = RNG.random((ROWS, 4)).round(1).astype(np.float32)
TAG_PROBABILITIES[0] = 0
PRICES = RNG.lognormal(2, 0.8, ROWS)
GUESSES = (PRICES * RNG.lognormal(0, 0.3, ROWS)).astype(np.float32)
COUNTS = RNG.poisson(1.0, ROWS).astype(float)
COUNT_GUESSES = (RNG.gamma(1.0, 1.0, ROWS) + 0.01).round(1).clip(0.1).astype(np.float32)  # ties
GRADES = RNG.choice([0, 1, 3, 4], ROWS).astype(float)  # nobody has a 2
GRADE_GUESSES = (GRADES + RNG.normal(0, 0.9, ROWS)).clip(0, 4).astype(np.float32)

Rows = Sequence[Any]


def best(row: Sequence[float]) -> int:
    return max(range(len(row)), key=lambda place: (row[place], -place))


def f_beta(actual: Sequence[bool], said: Sequence[bool], beta: float) -> float:
    hits = sum(a and s for a, s in zip(actual, said, strict=True))
    if not hits:
        return 0.0
    precision, recall = hits / sum(said), hits / sum(actual)
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def of_classes(score: Callable[[list[int], list[int]], float]) -> Callable[[Rows, Rows], float]:
    return lambda target, prediction: score([int(label) for label in target], [best(row) for row in prediction])


def recalls(labels: list[int], said: list[int]) -> float:
    return fmean(
        fmean(s == label for own, s in zip(labels, said, strict=True) if own == label) for label in set(labels)
    )


def f_of(label: int, beta: float = 1) -> Callable[[list[int], list[int]], float]:
    return lambda labels, said: f_beta([own == label for own in labels], [s == label for s in said], beta)


def macro(beta: float) -> Callable[[list[int], list[int]], float]:
    return lambda labels, said: fmean(f_of(label, beta)(labels, said) for label in {*labels, *said})


def weighted(labels: list[int], said: list[int]) -> float:
    return sum(f_of(label)(labels, said) * labels.count(label) for label in set(labels)) / len(labels)


def same(labels: list[int], said: list[int]) -> float:
    return fmean(own == other for own, other in zip(labels, said, strict=True))


def correlation(labels: list[int], said: list[int]) -> float:
    """The correlation of indicators: of class k, summed over classes."""
    n = len(labels)

    def covariance(one: list[int], other: list[int]) -> float:
        total = 0.0
        for label in {*labels, *said}:
            x, y = [a == label for a in one], [b == label for b in other]
            total += sum((a - sum(x) / n) * (b - sum(y) / n) for a, b in zip(x, y, strict=True))
        return total

    return covariance(labels, said) / math.sqrt(covariance(labels, labels) * covariance(said, said))


def kappa_of(power: int) -> Callable[[list[int], list[int]], float]:
    def weight(one: int, other: int) -> float:
        return float(one != other) if power == 0 else abs(one - other) ** power

    def score(labels: list[int], said: list[int]) -> float:
        seen = fmean(weight(*pair) for pair in zip(labels, said, strict=True))
        return 1 - seen / fmean(weight(own, other) for own in labels for other in said)

    return score


def rounded(score: Callable[[list[int], list[int]], float]) -> Callable[[Rows, Rows], float]:
    return lambda target, prediction: score([int(x) for x in target], [round(float(x)) for x in prediction])


def tags_above(score: Callable[[list[list[bool]], list[list[bool]]], float]) -> Callable[[Rows, Rows], float]:
    """`score` takes a list of columns on both sides."""

    def lists(table: Any) -> list[list[bool]]:
        return [[bool(value > 0.5) for value in column] for column in np.asarray(table).T]

    return lambda target, prediction: score(lists(target), lists(prediction))


def tag_means(beta: float) -> Callable[[list[list[bool]], list[list[bool]]], float]:
    return lambda actual, said: fmean(f_beta(*pair, beta) for pair in zip(actual, said, strict=True))


def pooled(beta: float) -> Callable[[list[list[bool]], list[list[bool]]], float]:
    return lambda actual, said: f_beta([*chain(*actual)], [*chain(*said)], beta)


def by_rows(beta: float) -> Callable[[list[list[bool]], list[list[bool]]], float]:
    return lambda actual, said: tag_means(beta)(
        [list(row) for row in zip(*actual, strict=True)], [list(row) for row in zip(*said, strict=True)]
    )


def tags_weighted(actual: list[list[bool]], said: list[list[bool]]) -> float:
    total = sum(sum(column) for column in actual)
    return sum(f_beta(a, s, 1) * sum(a) for a, s in zip(actual, said, strict=True)) / total


def tag_correlations(actual: list[list[bool]], said: list[list[bool]]) -> float:
    mixed = [(a, s) for a, s in zip(actual, said, strict=True) if 0 < sum(a) < len(a)]
    return fmean(correlation([int(x) for x in a], [int(x) for x in s]) for a, s in mixed)


def pairs(actual: Sequence[bool], scores: Sequence[float]) -> float:
    wins = [
        (high > low) + (high == low) / 2
        for is_high, high in zip(actual, scores, strict=True)
        for is_low, low in zip(actual, scores, strict=True)
        if is_high and not is_low
    ]
    return fmean(wins)


def precision_at_hits(actual: Sequence[bool], scores: Sequence[float]) -> float:
    """The sum over thresholds of precision times the growth of recall; equal scores come together."""
    total, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        said = [score >= threshold for score in scores]
        hits = sum(a and s for a, s in zip(actual, said, strict=True))
        total += hits / sum(said) * (hits / sum(actual) - recall)
        recall = hits / sum(actual)
    return total


def second(score: Callable[[Sequence[bool], Sequence[float]], float]) -> Callable[[Rows, Rows], float]:
    return lambda target, prediction: score([t == 1 for t in target], [float(row[1]) for row in prediction])


def each_class(score: Callable[[Sequence[bool], Sequence[float]], float]) -> Callable[[Rows, Rows], float]:
    return lambda target, prediction: fmean(
        score([t == label for t in target], [float(row[label]) for row in prediction])
        for label in range(len(prediction[0]))
        if 0 < sum(t == label for t in target) < len(target)
    )


def each_tag(score: Callable[[Sequence[bool], Sequence[float]], float]) -> Callable[[Rows, Rows], float]:
    return lambda target, prediction: fmean(
        score([t == 1 for t in column], [float(x) for x in scores])
        for column, scores in zip(np.asarray(target).T, np.asarray(prediction).T, strict=True)
        if 0 < sum(column) < len(column)
    )


def surprise(target: Rows, prediction: Rows) -> float:
    return fmean(
        -math.log(max(float(row[label]) / sum(map(float, row)), float(np.finfo(float).eps)))
        for label, row in zip(target, prediction, strict=True)
    )


def tag_surprise(target: Rows, prediction: Rows) -> float:
    def one(tag: float, chance: float) -> float:
        return -math.log(max(chance if tag else 1 - chance, np.finfo(float).eps))

    cells = zip(np.ravel(target), np.ravel(np.asarray(prediction, dtype=float)), strict=True)
    return fmean(one(tag, float(chance)) for tag, chance in cells)


def squares(target: Rows, prediction: Rows) -> float:
    return fmean(
        sum((float(chance) - (place == label)) ** 2 for place, chance in enumerate(row))
        for label, row in zip(target, prediction, strict=True)
    )


def rank(label: int, row: Sequence[float]) -> int:
    order = sorted(range(len(row)), key=lambda place: (-row[place], place))
    return order.index(label) + 1


def top(k: int) -> Callable[[Rows, Rows], float]:
    return lambda target, prediction: fmean(
        rank(label, row) <= k for label, row in zip(target, prediction, strict=True)
    )


def reciprocal(k: int) -> Callable[[Rows, Rows], float]:
    def one(place: int) -> float:
        return 1 / place if place <= k else 0.0

    return lambda target, prediction: fmean(
        one(rank(label, row)) for label, row in zip(target, prediction, strict=True)
    )


def mean_of(error: Callable[[float, float], float]) -> Callable[[Rows, Rows], float]:
    return lambda target, prediction: fmean(error(float(y), float(p)) for y, p in zip(target, prediction, strict=True))


def root_of(error: Callable[[float, float], float]) -> Callable[[Rows, Rows], float]:
    return lambda target, prediction: math.sqrt(mean_of(error)(target, prediction))


def pinball(alpha: float) -> Callable[[float, float], float]:
    return lambda y, p: alpha * (y - p) if y > p else (1 - alpha) * (p - y)


def poisson(y: float, p: float) -> float:
    return 2 * ((y * math.log(y / p) if y else 0.0) - y + p)


def explained(target: Rows, prediction: Rows) -> float:
    mean = fmean(map(float, target))
    return 1 - mean_of(lambda y, p: (y - p) ** 2)(target, prediction) / fmean((float(y) - mean) ** 2 for y in target)


def lorenz(ordered: Sequence[float]) -> float:
    so_far, total = 0.0, 0.0
    for place, value in enumerate(ordered, start=1):
        so_far += value
        total += so_far / sum(ordered) - place / len(ordered)
    return total


def gini(target: Rows, prediction: Rows) -> float:
    """Predictions here differ, so there is one order."""
    order = sorted(range(len(target)), key=lambda row: -prediction[row])
    return lorenz([target[row] for row in order]) / lorenz(sorted(target, reverse=True))


def columns_of(score: Callable[[Rows, Rows], float]) -> Callable[[Rows, Rows], float]:
    return lambda target, prediction: fmean(
        score(*pair) for pair in zip(np.asarray(target).T, np.asarray(prediction).T, strict=True)
    )


BINARY, MULTI, SEVENS = (TWO, TWO_PROBABILITIES), (THREE, THREE_PROBABILITIES), (SEVEN, SEVEN_PROBABILITIES)
TAGGED, NUMBERS = (TAGS, TAG_PROBABILITIES), (PRICES, GUESSES)
COUNTED, GRADED = (COUNTS, COUNT_GUESSES), (GRADES, GRADE_GUESSES)
SEVERAL = (np.stack([PRICES, COUNTS + 1], 1), np.stack([GUESSES, COUNT_GUESSES], 1))
log_error = lambda y, p: (math.log(y) - math.log(p)) ** 2  # noqa: E731
log1p_error = lambda y, p: (math.log1p(y) - math.log1p(p)) ** 2  # noqa: E731
square = lambda y, p: (y - p) ** 2  # noqa: E731
gamma = lambda y, p: 2 * (math.log(p / y) + y / p - 1)  # noqa: E731

DEFINITIONS = [
    ("accuracy", MULTI, of_classes(same)),
    ("balanced_accuracy", MULTI, of_classes(recalls)),
    ("f1", BINARY, of_classes(f_of(1))),
    ("f2", BINARY, of_classes(f_of(1, 2))),
    ("f0.5", BINARY, of_classes(f_of(1, 0.5))),
    ("f1", TAGGED, tags_above(tag_means(1))),
    ("f2", TAGGED, tags_above(tag_means(2))),
    ("f0.5", TAGGED, tags_above(tag_means(0.5))),
    ("f1_micro", MULTI, of_classes(same)),
    ("f2_micro", MULTI, of_classes(same)),
    ("f1_micro", TAGGED, tags_above(pooled(1))),
    ("f2_micro", TAGGED, tags_above(pooled(2))),
    ("f1_macro", SEVENS, of_classes(macro(1))),
    ("f2_macro", SEVENS, of_classes(macro(2))),
    ("f0.5_macro", SEVENS, of_classes(macro(0.5))),
    ("f1_macro", TAGGED, tags_above(tag_means(1))),
    ("f2_macro", TAGGED, tags_above(tag_means(2))),
    ("f0.5_macro", TAGGED, tags_above(tag_means(0.5))),
    ("f1_weighted", SEVENS, of_classes(weighted)),
    ("f1_weighted", TAGGED, tags_above(tags_weighted)),
    ("f1_samples", TAGGED, tags_above(by_rows(1))),
    ("f2_samples", TAGGED, tags_above(by_rows(2))),
    ("mcc", BINARY, of_classes(correlation)),
    ("mcc", MULTI, of_classes(correlation)),
    ("mcc", TAGGED, tags_above(tag_correlations)),
    ("kappa", MULTI, of_classes(kappa_of(0))),
    ("kappa_linear", SEVENS, of_classes(kappa_of(1))),
    ("kappa_linear", GRADED, rounded(kappa_of(1))),
    ("kappa_quadratic", SEVENS, of_classes(kappa_of(2))),
    ("kappa_quadratic", GRADED, rounded(kappa_of(2))),
    ("auc", BINARY, second(pairs)),
    ("auc", MULTI, each_class(pairs)),
    ("auc", TAGGED, each_tag(pairs)),
    ("average_precision", BINARY, second(precision_at_hits)),
    ("average_precision", MULTI, each_class(precision_at_hits)),
    ("average_precision", TAGGED, each_tag(precision_at_hits)),
    ("log_loss", BINARY, surprise),
    ("log_loss", SEVENS, surprise),
    ("log_loss", TAGGED, tag_surprise),
    ("brier", BINARY, lambda target, prediction: squares(target, prediction) / 2),
    ("brier", MULTI, squares),
    ("brier", TAGGED, lambda target, prediction: mean_of(square)(np.ravel(target), np.ravel(prediction))),
    ("gini", BINARY, lambda target, prediction: 2 * second(pairs)(target, prediction) - 1),
    ("gini", NUMBERS, gini),
    ("top3_accuracy", SEVENS, top(3)),
    ("top5_accuracy", SEVENS, top(5)),
    ("map@3", SEVENS, reciprocal(3)),
    ("map@5", SEVENS, reciprocal(5)),
    ("map@7", SEVENS, reciprocal(7)),
    ("rmse", NUMBERS, root_of(square)),
    ("rmse", SEVERAL, columns_of(root_of(square))),
    ("mcrmse", SEVERAL, columns_of(root_of(square))),
    ("rmse_log", NUMBERS, root_of(log_error)),
    ("rmse_log", SEVERAL, columns_of(root_of(log_error))),
    ("rmsle", COUNTED, root_of(log1p_error)),
    ("rmsle", SEVERAL, columns_of(root_of(log1p_error))),
    ("mse", NUMBERS, mean_of(square)),
    ("mae", NUMBERS, mean_of(lambda y, p: abs(y - p))),
    ("mae", SEVERAL, columns_of(mean_of(lambda y, p: abs(y - p)))),
    ("median_ae", NUMBERS, lambda y, p: median(abs(a - float(b)) for a, b in zip(y, p, strict=True))),
    ("mape", NUMBERS, mean_of(lambda y, p: abs(y - p) / y)),
    ("smape", COUNTED, mean_of(lambda y, p: 200 * abs(y - p) / (abs(y) + abs(p)))),
    ("r2", NUMBERS, explained),
    ("r2", SEVERAL, columns_of(explained)),
    ("poisson_deviance", COUNTED, mean_of(poisson)),
    ("poisson_deviance", SEVERAL, columns_of(mean_of(poisson))),
    ("gamma_deviance", NUMBERS, mean_of(gamma)),
    *((f"quantile_{alpha}", NUMBERS, mean_of(pinball(alpha))) for alpha in (0.1, 0.25, 0.5, 0.75, 0.9)),
]


def example(part: Any) -> str:
    return part if isinstance(part, str) else ""


@pytest.mark.parametrize(("name", "rows", "definition"), DEFINITIONS, ids=example)
def test_a_metric_follows_its_definition(name: str, rows: Any, definition: Callable[[Rows, Rows], float]) -> None:
    metric, (target, prediction) = METRICS[name], rows
    expected = definition(target, prediction)
    assert metric.name == name
    assert metric.score(target, prediction) == pytest.approx(expected, rel=1e-5)
    if metric.on_device is not None:
        on_device = metric.on_device(torch.from_numpy(target), torch.from_numpy(prediction))
        assert on_device.ndim == 0
        assert on_device.item() == pytest.approx(expected, rel=1e-4)
    # A perfect prediction is better, and no other direction is.
    perfect = np.eye(prediction.shape[1])[target] if target.ndim < prediction.ndim else target.astype(float)
    if not (metric.positive and (perfect <= 0).any()):
        reached = metric.score(target, perfect)
        assert reached > expected if metric.higher_is_better else reached < expected


# Those in `test_metrics.py`: of rankings, and of lists.
RANKINGS = {"ndcg@10", "mrr", "recall@3", "map@12", "recall@12"}


def test_every_metric_is_compared_with_its_definition_for_all_that_it_judges() -> None:
    forms = {1: {1: "numbers", 2: "classes"}, 2: {2: "tags"}}
    seen = {(name, forms[target.ndim][prediction.ndim]) for name, (target, prediction), _ in DEFINITIONS}
    expected = {(name, form) for name, metric in METRICS.items() for form in metric.judges if name not in RANKINGS}
    # MAP of lists is tested for any length in test_metrics.py; mcrmse is for several targets.
    assert expected - {(f"map@{k}", "lists") for k in (3, 5, 7)} - {("mcrmse", "numbers")} <= seen


def test_every_metric_suits_a_kind_and_says_what_it_needs() -> None:
    for metric in METRICS.values():
        assert any(metric.suits(kind.judged_as) for kind in KINDS.values())
        assert (metric.of_labels is not None) == (metric.needs == "labels")
        assert set(metric.decides) <= set(metric.judges)


@pytest.mark.parametrize(
    ("name", "average", "target", "answers"),
    [
        ("f1_macro", {"average": "macro"}, SEVEN, SEVEN_PROBABILITIES.argmax(1)),
        ("f1_weighted", {"average": "weighted"}, SEVEN, SEVEN_PROBABILITIES.argmax(1)),
        ("f1_micro", {"average": "micro"}, TAGS, TAG_PROBABILITIES > 0.5),
        ("f1_samples", {"average": "samples", "zero_division": 0}, TAGS, TAG_PROBABILITIES > 0.5),
        ("f1_macro", {"average": "macro"}, SEVEN % 3, SEVEN),  # classes that are answers only
    ],
)
def test_f1_is_that_of_scikit_learn(
    name: str, average: dict[str, Any], target: np.ndarray, answers: np.ndarray
) -> None:
    of_labels = METRICS[name].of_labels
    assert of_labels is not None
    assert of_labels(target, answers) == pytest.approx(sklearn_metrics.f1_score(target, answers, **average))


def test_gini_of_ties_is_the_mean_over_their_orders() -> None:
    target, prediction = np.array([3.0, 1.0, 2.0, 5.0]), np.array([1.0, 1.0, 1.0, 0.5])
    orders = [lorenz([*order, 5.0]) for order in permutations([3.0, 1.0, 2.0])]
    expected = fmean(orders) / lorenz([5.0, 3.0, 2.0, 1.0])
    assert METRICS["gini"].score(target, prediction) == pytest.approx(expected)


FEW = np.array([0.3, 0.7, 0.5])
HALVES = np.full((3, 2), 0.5)
ONE_CLASS = [
    *("balanced_accuracy", "f1", "f2", "f0.5", "mcc", "kappa", "kappa_linear", "kappa_quadratic"),
    *("auc", "average_precision", "gini"),
]


@pytest.mark.parametrize(
    ("name", "target", "prediction"),
    [
        *((name, np.zeros(3, dtype=int), HALVES) for name in ONE_CLASS),
        *((name, np.zeros((3, 2)), HALVES) for name in ("f1", "f1_micro", "f1_macro", "f1_weighted", "f1_samples")),
        *((name, np.zeros((3, 2)), HALVES) for name in ("mcc", "auc", "average_precision")),
        ("kappa_quadratic", np.array([0.5, 1.0, 2.0]), FEW),
        ("kappa_linear", np.array([2.0, 2.0, 2.0]), FEW),
        ("rmse_log", np.array([-3.0, 1.0, 2.0]), FEW),
        ("rmse_log", FEW, np.array([-3.0, 1.0, 2.0])),
        ("rmsle", np.array([-3.0, 1.0, 2.0]), FEW),
        ("rmsle", FEW, np.array([-1.0, 1.0, 2.0])),
        ("mape", np.array([0.0, 1.0, 2.0]), FEW),
        ("r2", np.ones(3), FEW),
        ("r2", np.stack([FEW, np.ones(3)], 1), np.stack([FEW, FEW], 1)),
        ("gini", np.ones(3), FEW),
        ("gini", np.array([-1.0, 0.0, 1.0]), FEW),
        ("poisson_deviance", np.array([-1.0, 0.0, 1.0]), FEW),
        ("poisson_deviance", FEW, np.array([0.0, 1.0, 1.0])),
        ("gamma_deviance", np.array([0.0, 1.0, 1.0]), FEW),
        ("gamma_deviance", FEW, np.array([0.0, 1.0, 1.0])),
    ],
)
def test_what_cannot_be_scored_is_nan_and_one_message(name: str, target: np.ndarray, prediction: np.ndarray) -> None:
    assert math.isnan(METRICS[name].score(target, prediction))
    oof = frame(target, prediction)
    with pytest.raises(UserError, match=rf"fold 0: {name} cannot be computed on its 3 rows: (found|expected) "):
        cross_validate(oof, name)
    assert cross_validate(oof.assign(t0=1, target=1, prediction=1.0), "mae", [])["folds"]


def frame(target: np.ndarray, prediction: np.ndarray) -> Any:
    import pandas as pd

    from groundwork.objectives.oof import columns

    return pd.DataFrame({"fold": 0, **columns("t", "target", target), **columns("p", "prediction", prediction)})


@pytest.mark.parametrize(
    ("name", "target", "prediction", "expected"),
    [
        ("f1", np.array([0, 1, 1]), np.array([[0.9, 0.1]] * 3), 0.0),  # nothing is called positive
        ("mcc", np.array([0, 1, 1]), np.array([[0.1, 0.9]] * 3), 0.0),
        ("kappa_quadratic", np.array([0.0, 1.0, 1.0]), np.zeros(3), 0.0),
        ("auc", np.array([0, 1, 1]), HALVES, 0.5),
        ("gini", np.array([1.0, 2.0, 4.0]), np.zeros(3), 0.0),
        ("smape", np.zeros(3), np.zeros(3), 0.0),
        ("log_loss", np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]), -math.log(np.finfo(float).eps) / 2),
        ("log_loss", np.array([[0.0], [1.0]]), np.array([[1.0], [1.0]]), -math.log(np.finfo(float).eps) / 2),
        ("top5_accuracy", np.array([0, 1, 1]), HALVES, 1.0),
    ],
)
def test_constant_and_extreme_predictions_have_a_score(
    name: str, target: np.ndarray, prediction: np.ndarray, expected: float
) -> None:
    assert METRICS[name].score(target, prediction) == pytest.approx(expected, abs=1e-9)


def test_a_binary_metric_says_that_there_are_more_classes() -> None:
    with pytest.raises(UserError, match=r"found 3\n  -> write f1_macro"):
        METRICS["f1"].score(THREE, THREE_PROBABILITIES)


def test_a_ranking_that_is_refused_is_one_message() -> None:
    oof = frame(np.array([-1.0, 2.0]), np.array([0.1, 0.2])).assign(query="q")
    with pytest.raises(UserError, match="ndcg@10 cannot be computed: NDCG needs relevance of at least 0"):
        cross_validate(oof, "ndcg@10")


def test_a_competition_has_a_metric_of_its_own() -> None:
    def within_two(target: np.ndarray, prediction: np.ndarray) -> float:
        return float((abs(target - prediction) < 2).mean())

    metric = Metric.of(within_two, needs="numbers", higher_is_better=True)
    assert (metric.name, metric.judges) == ("within_two", ("numbers",))
    scores = cross_validate(frame(np.array([1.0, 5.0]), np.array([2.0, 9.0])), metric, [metric])
    assert (scores["metric"], scores["oof"], scores["further"]) == ("within_two", 0.5, {"within_two": 0.5})


def test_an_own_metric_of_labels_gets_labels() -> None:
    metric = Metric.of(
        lambda target, answers: sum(target == answers) / 7, needs="labels", higher_is_better=True, name="x"
    )
    assert metric.score(np.array([0, 2, 1]), np.eye(3)[[0, 2, 2]]) == pytest.approx(2 / 7)
    assert metric.of_labels is not None


def test_an_own_metric_of_queries_gets_them() -> None:
    metric = Metric.of(
        lambda target, prediction, queries: len(set(queries)), needs="numbers", higher_is_better=True, name="queries",
        judges=("queries",),
    )  # fmt: skip
    assert metric.score(np.zeros(3), np.zeros(3), np.array(["a", "b", "a"])) == 2


@pytest.mark.parametrize("broken", [lambda target, prediction: 1 / 0, lambda target, prediction: "high"])
def test_mistakes_of_an_own_metric_are_named(broken: Callable[..., Any]) -> None:
    metric = Metric.of(broken, needs="numbers", higher_is_better=True, name="mine")
    with pytest.raises(UserError, match=r"the competition's own metric mine: .*Error: "):
        metric.score(np.zeros(3), np.zeros(3))
