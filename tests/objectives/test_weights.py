"""Weights of a blend: the best ones are found, and rows that are scored had no part in choosing their weights."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from groundwork.objectives.metrics import METRICS
from groundwork.objectives.weights import METHODS, Rows, average, scale_of, weigh

N = 600
NOISE = (0.3, 0.6, 2.0)


def numbers(seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=N)
    predicted = [target + rng.normal(scale=noise, size=N) for noise in NOISE]
    return Rows(METRICS["rmse"], ("numbers",), target, predicted, scale_of(METRICS["rmse"]))


def classes(metric: str, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, N)
    predicted = []
    for noise in (1.0, 1.5, 4.0):
        logits = 2.0 * np.eye(3)[target] + rng.normal(scale=noise, size=(N, 3))
        predicted.append(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
    return Rows(METRICS[metric], ("classes",), target, predicted, scale_of(METRICS[metric]))


@pytest.mark.parametrize("rows", [numbers(), classes("log_loss")], ids=["numbers", "classes"])
def test_least_squares_are_those_of_a_general_solver(rows: Rows) -> None:
    found, products = METHODS["nnls"](rows), rows.products()
    sum_1 = {"type": "eq", "fun": lambda weights: weights.sum() - 1}
    expected = minimize(
        lambda weights: weights @ products @ weights, np.full(3, 1 / 3), bounds=[(0, 1)] * 3, constraints=sum_1
    )
    np.testing.assert_allclose(found, expected.x, atol=2e-3)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1.0)


def test_independent_errors_are_weighed_by_their_precision() -> None:
    precision = np.array(NOISE) ** -2.0
    np.testing.assert_allclose(METHODS["nnls"](numbers()), precision / precision.sum(), atol=0.05)


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "auc", "f1_macro"])
def test_hill_climbing_is_no_worse_than_any_member_where_it_chooses(metric: str) -> None:
    rows = classes(metric)
    found = METHODS["hill_climbing"](rows)
    assert found.sum() == pytest.approx(1.0)
    assert found[0] > found[2]
    sign = 1 if rows.metric.higher_is_better else -1
    best = max(sign * rows.metric.score(rows.target, member) for member in rows.members)
    score = sign * rows.metric.score(rows.target, average(found, rows.members, rows.scale))
    # Where weights of classes are chosen later, the squared error decides, not the metric.
    assert score >= best - (0.02 if metric == "f1_macro" else 0)


def test_hill_climbing_adds_members_several_times() -> None:
    found = METHODS["hill_climbing"](numbers())
    assert found[0] > 0.6
    np.testing.assert_allclose(found, METHODS["nnls"](numbers()), atol=0.05)


def test_equal_members_and_perfect_ones_have_weights() -> None:
    rows = numbers()
    for members in ([rows.members[0]] * 3, [rows.target] * 2):
        for method in METHODS.values():
            found = method(replace(rows, members=members))
            assert np.isfinite(found).all()
            assert found.sum() == pytest.approx(1.0)


def test_numbers_are_averaged_as_the_metric_sees_them() -> None:
    metric, half = METRICS["rmse_log"], np.array([0.5, 0.5])
    low, high = np.array([1.0, 100.0], dtype=np.float32), np.array([4.0, 400.0], dtype=np.float32)
    mean = average(half, [low, high], scale_of(metric, low, high))
    np.testing.assert_allclose(mean, [2.0, 200.0], rtol=1e-6)
    assert mean.dtype == np.float32
    # Where some prediction has no logarithm, none is taken.
    np.testing.assert_allclose(average(half, [low, high - 4], scale_of(metric, low, high - 4)), [0.5, 248.0])


def test_a_folds_rows_have_no_part_in_its_weights() -> None:
    folds, rows = np.arange(N) % 5, numbers()
    by_fold, final = weigh("nnls", rows, folds)
    broken = np.where(folds == 2, 1e3, rows.members[0])
    after, final_after = weigh("nnls", replace(rows, members=[broken, *rows.members[1:]]), folds)
    np.testing.assert_array_equal(after[2], by_fold[2])
    others = [0, 1, 3, 4]
    assert (after[others, 0] < by_fold[others, 0] - 0.5).all()
    assert final_after[0] < final[0] - 0.5


def test_members_without_any_skill_gain_nothing_out_of_fold() -> None:
    rng, metric = np.random.default_rng(1), METRICS["accuracy"]
    out_of_fold, in_sample = [], []
    for _ in range(8):
        target, folds = rng.integers(0, 2, 300), np.arange(300) % 3
        members = [np.column_stack([1 - p, p]) for p in rng.random((20, 300))]
        rows = Rows(metric, ("classes",), target, members, scale_of(metric))
        by_fold, final = weigh("hill_climbing", rows, folds)
        averaged = np.empty((300, 2))
        for fold in range(3):
            inside = folds == fold
            averaged[inside] = average(by_fold[fold], [member[inside] for member in members], rows.scale)
        out_of_fold.append(metric.score(target, averaged))
        in_sample.append(metric.score(target, average(final, members, rows.scale)))
    assert np.mean(in_sample) > 0.56, "chance looks like skill where the same rows choose and score"
    assert abs(np.mean(out_of_fold) - 0.5) < 0.04
