"""Resampled metrics equal the metrics themselves, called on the rows of each resample."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from groundwork.naming import ByName
from groundwork.objectives import KINDS
from groundwork.objectives.metrics import METRICS, Metric
from groundwork.verdict.draws import MOST_DRAWN, Draws
from groundwork.verdict.ranked import RANKED
from groundwork.verdict.resampled import called, mean_over, resampled
from groundwork.verdict.rows import Rows
from groundwork.verdict.sums import SUMS

KIND_OF: ByName[str] = {
    "classes": "classification",
    "tags": "tagging",
    "numbers": "regression",
    "queries": "search",
    "lists": "recommendation",
}
CASES = [(name, form) for name, metric in METRICS.items() for form in metric.judges]


def a_task(form: str, metric: Metric, rows: int, seed: int = 0, unit: int = 1) -> tuple[Rows, Any]:
    """Make rows of a kind whose predictions are better than chance and tie, in units of `unit` rows."""
    rng = np.random.default_rng(seed)
    queries = None
    if form == "classes":
        classes = 2 if metric.name in ("f1", "f2", "f0.5") else 4
        target = rng.integers(0, classes, rows)
        raw = rng.random((rows, classes)).round(1) + 0.5 * np.eye(classes)[target] + 0.05
        predicted = (raw / raw.sum(1, keepdims=True)).astype(np.float32)
    elif form == "tags":
        target = rng.integers(0, 2, (rows, 3))
        predicted = np.clip(0.3 * target + rng.random((rows, 3)).round(1) * 0.7, 0, 1).astype(np.float32)
    elif form in ("numbers", "queries"):
        grades = metric.graded or form == "queries"
        target = rng.integers(1, 4, rows).astype(float) if grades else rng.gamma(2.0, 1.0, rows).round(1) + 0.1
        predicted = (target + rng.normal(0, 0.6, rows)).round(1).clip(0.1)
        queries = rng.integers(0, rows // 5, rows).astype(object) if form == "queries" else None
    else:
        target = np.where(rng.random((rows, 4)) < 0.6, rng.integers(0, 20, (rows, 4)), -1)
        predicted = rng.permuted(np.tile(np.arange(20), (rows, 1)), axis=1)[:, :12]
    kind = KINDS[KIND_OF[form]]
    units = np.arange(rows) // unit if queries is None else np.unique(queries.astype(int), return_inverse=True)[1]
    folds = np.arange(rows) % 3
    return Rows(metric, kind.judged_as, kind.combine, np.arange(rows), folds, target, units, queries=queries), predicted


@pytest.mark.parametrize("unit", [1, 3])
@pytest.mark.parametrize(("name", "form"), CASES)
def test_each_metric_is_that_of_the_rows_of_the_resample(name: str, form: str, unit: int) -> None:
    rows, predicted = a_task(form, METRICS[name], 90, unit=unit)
    answers = rows.answers(predicted)
    score = resampled(rows, answers)
    for counts in Draws(rows.count, 12):
        expected = []
        for drawn in counts:
            chosen = np.repeat(np.arange(90), drawn[rows.units].astype(int))
            queries = None
            if rows.queries is not None:
                copy = np.concatenate([np.arange(times) for times in drawn[rows.units].astype(int)])
                queries = np.array(
                    [f"{query} {number}" for query, number in zip(rows.queries[chosen], copy, strict=True)]
                )
            expected.append(rows.score(rows.target[chosen], answers[chosen], queries))
        np.testing.assert_allclose(score(counts), expected, rtol=1e-9)
    once = np.ones((1, rows.count))
    np.testing.assert_allclose(score(once)[0], rows.score(rows.target, answers, rows.queries), rtol=1e-9)


def test_several_numbers_are_averaged_as_the_metric_does() -> None:
    rng = np.random.default_rng(1)
    target = rng.integers(1, 6, (60, 2)).astype(float)
    predicted = target + rng.normal(0, 0.5, (60, 2)).clip(-0.9)
    for name, metric in METRICS.items():
        if "numbers" not in metric.judges:
            continue
        kind = KINDS["regression"]
        rows = Rows(metric, kind.judged_as, kind.combine, np.arange(60), np.arange(60) % 2, target, np.arange(60))
        answers = rows.answers(predicted)
        counts = next(iter(Draws(60, 5)))
        chosen = [np.repeat(np.arange(60), drawn.astype(int)) for drawn in counts]
        expected = [metric.score(target[some], predicted[some]) for some in chosen]
        np.testing.assert_allclose(resampled(rows, answers)(counts), expected, rtol=1e-9, err_msg=name)


def test_a_resample_without_a_class_has_no_area() -> None:
    for name in ("auc", "average_precision", "gini"):
        rows, predicted = a_task("classes", METRICS[name], 40)
        score = resampled(replace(rows, target=np.zeros(40, int)), predicted[:, :2])
        assert np.isnan(score(np.ones((2, 40)))).all(), name


def test_a_competitions_own_metric_is_called_whatever_its_name() -> None:
    def accuracy(target: Any, labels: Any) -> float:
        return float((target != labels).mean())

    metric = Metric.of(accuracy, needs="labels", higher_is_better=False)
    rows, predicted = a_task("classes", metric, 30)
    answers = rows.answers(predicted)
    counts = next(iter(Draws(30, 4)))
    np.testing.assert_allclose(resampled(rows, answers)(counts), called(rows, answers, counts))


@pytest.mark.parametrize("name", list(METRICS))
def test_two_thousand_resamples_of_ten_thousand_rows_take_two_seconds(name: str) -> None:
    metric = METRICS[name]
    form = metric.judges[0]
    rows, predicted = a_task(form, metric, 10_000)
    columns = predicted.shape[1] if name in RANKED and predicted.ndim == 2 else 1
    score = resampled(rows, rows.answers(predicted))
    begun = time.process_time()
    for counts in Draws(rows.count, 200):
        score(counts)
    assert time.process_time() - begun < 0.2 * columns * 2, "a tenth of them, on a busy machine in twice a tenth of it"


def test_draws_are_of_all_units_and_equal_for_both_sides() -> None:
    draws = Draws(7, 1000, seed=3)
    counts, again = (np.concatenate(list(draws)) for _ in range(2))
    assert (counts.sum(1) == 7).all()
    assert (counts == again).all()
    assert abs(counts.var() - (1 - 1 / 7)) < 0.05
    assert (np.concatenate(list(Draws(7, 1000, seed=4))) != counts).any()


def test_beyond_fifty_million_units_fewer_are_drawn() -> None:
    assert Draws.limited(25_000, 2000).resamples == 2000
    assert Draws.limited(100_000, 2000).resamples == MOST_DRAWN // 100_000
    assert Draws.limited(31_000_000, 2000).resamples == 50


def test_the_fast_ways_cover_all_but_counts_of_labels() -> None:
    slow = {
        name
        for name, form in CASES
        if name not in {*SUMS, *RANKED} and mean_over(a_task(form, METRICS[name], 60)[0]) is None
    }
    assert all(METRICS[name].of_labels for name in slow)
