"""Thresholds, weights and cut points raise the metric for which they are chosen, on rows that they have not seen."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from groundwork.objectives import KINDS
from groundwork.objectives.decisions import answers, decide, evaluated, from_json
from groundwork.objectives.metrics import METRICS, Metric
from groundwork.objectives.oof import columns, cross_validate
from groundwork.objectives.thresholds import Cuts, Decision, Threshold, Thresholds, Weights

CLASSES, TAGS, NUMBERS = (KINDS[name].judged_as for name in ("classification", "tagging", "regression"))
Rows = tuple[np.ndarray, np.ndarray]


def two(rows: int = 600, seed: int = 0) -> Rows:
    """One row in ten is positive, and the probabilities are right: above one half there are few."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.5, 4.5, rows)
    return (rng.random(rows) < chance).astype(np.int64), np.stack([1 - chance, chance], 1)


def three(rows: int = 600) -> Rows:
    rng = np.random.default_rng(0)
    chances = rng.dirichlet([6, 1.5, 0.8], rows)
    return np.array([rng.choice(3, p=row) for row in chances]), chances


def tags(rows: int = 600) -> Rows:
    columns_of_tags = [two(rows, seed) for seed in range(3)]
    return np.stack([target for target, _ in columns_of_tags], 1), np.stack([p[:, 1] for _, p in columns_of_tags], 1)


def grades(rows: int = 600) -> Rows:
    """Predictions shrink towards the mean, as those of squared error do."""
    rng = np.random.default_rng(0)
    target = rng.choice([0, 1, 2, 4], rows).astype(float)
    return target, 1.75 + 0.4 * (target - 1.75) + rng.normal(0, 0.3, rows)


def ordered(rows: int = 600) -> Rows:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, rows)
    scores = -((np.arange(4) - target[:, None] + rng.normal(0, 1, (rows, 1))) ** 2)
    chances = (np.exp(scores - scores.max(1, keepdims=True)) + 0.3) * [6, 1, 1, 1]
    return target, chances / chances.sum(1, keepdims=True)


def folds_of(rows: int) -> np.ndarray:
    return np.arange(rows) % 5


CASES: list[tuple[str, tuple[str, ...], Callable[[], Rows], type[Decision]]] = [
    ("f1", CLASSES, two, Threshold),
    ("f2", CLASSES, two, Threshold),
    ("f0.5", CLASSES, two, Threshold),
    ("mcc", CLASSES, two, Threshold),
    ("balanced_accuracy", CLASSES, two, Threshold),
    ("kappa_quadratic", CLASSES, two, Threshold),
    ("f1_macro", CLASSES, two, Threshold),
    ("balanced_accuracy", CLASSES, three, Weights),
    ("f1_macro", CLASSES, three, Weights),
    ("mcc", CLASSES, three, Weights),
    ("f1", TAGS, tags, Thresholds),
    ("f1_micro", TAGS, tags, Thresholds),
    ("f1_macro", TAGS, tags, Thresholds),
    ("f1_samples", TAGS, tags, Thresholds),
    ("f2_samples", TAGS, tags, Thresholds),
    ("mcc", TAGS, tags, Thresholds),
    ("kappa_quadratic", NUMBERS, grades, Cuts),
    ("kappa_linear", NUMBERS, grades, Cuts),
    ("kappa_quadratic", CLASSES, ordered, Cuts),
]


@pytest.mark.parametrize(
    ("name", "judged_as", "make", "kind"), CASES, ids=[f"{case[0]} {case[3].name}" for case in CASES]
)
def test_a_decision_raises_its_metric_on_rows_that_it_has_not_seen(
    name: str, judged_as: tuple[str, ...], make: Callable[[], Rows], kind: type[Decision]
) -> None:
    metric, (target, predicted) = METRICS[name], make()
    folds = folds_of(len(target))
    found = decide(metric, judged_as, target, predicted, folds)
    assert found is not None
    labels, decision = found
    assert type(decision) is kind
    assert labels.dtype == np.int64
    of_labels = metric.of_labels
    assert of_labels is not None
    plain = metric.score(target, predicted)
    assert of_labels(target, labels) > plain
    # On its own rows it is better still, or as good.
    assert of_labels(target, decision.apply(predicted)) >= of_labels(target, labels) - 0.01
    again = from_json(json.loads(json.dumps(decision.to_json())))
    assert again == decision
    assert (answers(metric, judged_as, predicted, again) == decision.apply(predicted)).all()
    assert set(np.unique(answers(metric, judged_as, predicted))) <= set(range(int(target.max()) + 1))


@pytest.mark.parametrize(("name", "judged_as", "make"), [case[:3] for case in CASES])
def test_a_folds_decision_does_not_depend_on_its_targets(
    name: str, judged_as: tuple[str, ...], make: Callable[[], Rows]
) -> None:
    target, predicted = make()
    folds = folds_of(len(target))
    changed = target.copy()
    changed[folds == 2] = target[folds == 2][::-1]
    first, second = (decide(METRICS[name], judged_as, some, predicted, folds) for some in (target, changed))
    assert first is not None
    assert second is not None
    assert (first[0][folds == 2] == second[0][folds == 2]).all()
    assert (first[0] != second[0]).any() or first[1] == second[1]


def test_a_threshold_is_the_best_of_all() -> None:
    target, predicted = two(40)
    metric = METRICS["f1"]
    of_labels = metric.of_labels
    assert of_labels is not None
    best = max(of_labels(target, (predicted[:, 1] > value).astype(int)) for value in [-1.0, *predicted[:, 1]])
    reached = of_labels(target, Threshold.fit(metric, target, predicted).apply(predicted))
    assert reached == pytest.approx(best)


def test_each_tag_has_its_best_threshold() -> None:
    target, predicted = tags(50)
    decision, metric = Thresholds.fit(METRICS["f1_macro"], target, predicted), METRICS["f1"].of_labels
    assert metric is not None
    for tag in range(3):
        own = predicted[:, tag]
        best = max(metric(target[:, tag], (own > value).astype(int)) for value in [-1.0, *own])
        assert metric(target[:, tag], decision.apply(predicted)[:, tag]) == pytest.approx(best)


def test_cuts_of_exact_predictions_are_without_fault() -> None:
    target = np.array([0, 1, 3, 3, 0, 1] * 5, dtype=float)
    decision = Cuts.fit(METRICS["kappa_quadratic"], target, target / 10 + 7)
    assert decision.grades == (0, 1, 3)
    assert decision.apply(target / 10 + 7).tolist() == target.tolist()
    assert decision.apply(np.array([-5.0, 99.0])).tolist() == [0, 3]
    assert list(decision.cuts) == sorted(decision.cuts)


def test_weights_of_many_classes_follow_their_shares() -> None:
    rng = np.random.default_rng(0)
    target = np.minimum(rng.geometric(0.05, 3000) - 1, 49)
    predicted = rng.dirichlet(np.ones(50), 3000) * np.bincount(target, minlength=50) + np.eye(50)[target] * 0.5
    predicted /= predicted.sum(1, keepdims=True)
    weights = np.array(Weights.fit(METRICS["balanced_accuracy"], target, predicted).weights)
    shares = np.bincount(target, minlength=50)
    assert weights.max() == 1.0
    assert np.corrcoef(weights, -shares)[0, 1] > 0.5


@pytest.mark.parametrize(
    ("name", "judged_as", "make"),
    [
        ("accuracy", CLASSES, three),
        ("auc", CLASSES, two),
        ("log_loss", TAGS, tags),
        ("f1_micro", CLASSES, three),
        ("rmse", NUMBERS, grades),
        ("map@3", CLASSES, three),
    ],
)
def test_other_metrics_have_none(name: str, judged_as: tuple[str, ...], make: Callable[[], Rows]) -> None:
    target, predicted = make()
    assert decide(METRICS[name], judged_as, target, predicted, folds_of(len(target))) is None
    oof = frame(target, predicted, folds_of(len(target)))
    assert evaluated(oof, METRICS[name], judged_as) == (cross_validate(oof, name), None)


def test_one_fold_alone_cannot_choose_honestly() -> None:
    target, predicted = two()
    assert decide(METRICS["f1"], CLASSES, target, predicted, np.zeros(len(target))) is None


def frame(target: np.ndarray, predicted: np.ndarray, folds: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"fold": folds, **columns("t", "target", target), **columns("p", "prediction", predicted)})


def test_scores_are_given_with_and_without_the_decision() -> None:
    target, predicted = two()
    folds = folds_of(len(target))
    metrics, decision = evaluated(frame(target, predicted, folds), METRICS["f1"], CLASSES, ["auc"])
    plain = cross_validate(frame(target, predicted, folds), "f1", ["auc"])
    found = decide(METRICS["f1"], CLASSES, target, predicted, folds)
    assert found is not None
    assert decision == found[1]
    record = metrics.pop("decision")
    assert record["used"]
    assert record["without"] == {name: plain[name] for name in ("oof", "mean", "sd", "folds")}
    assert record["with"] == {name: metrics[name] for name in ("oof", "mean", "sd", "folds")}
    hits = (target == 1) & (found[0] == 1)
    assert metrics["oof"] == pytest.approx(2 * hits.sum() / (target.sum() + found[0].sum()))
    assert metrics["mean"] == pytest.approx(np.mean(metrics["folds"]))
    assert {**metrics, **record["without"]} == plain


def test_a_decision_that_does_not_help_is_not_used() -> None:
    target = np.arange(40) % 2
    predicted = np.eye(2)[target] * 0.2 + 0.4
    metrics, decision = evaluated(frame(target, predicted, np.arange(40) % 5), METRICS["f1"], CLASSES)
    assert decision is None
    assert not metrics["decision"]["used"]
    assert metrics["oof"] == metrics["decision"]["without"]["oof"] == 1.0


def test_what_is_handed_in_is_what_the_metric_needs() -> None:
    chances = np.array([[0.6, 0.4], [0.2, 0.8]])
    assert answers(METRICS["auc"], CLASSES, chances) is chances
    assert answers(METRICS["accuracy"], CLASSES, chances).tolist() == [0, 1]
    assert answers(METRICS["f1"], TAGS, chances).tolist() == [[1, 0], [0, 1]]
    assert answers(METRICS["kappa_quadratic"], NUMBERS, np.array([1.4, 2.6])).tolist() == [1, 3]
    assert answers(METRICS["f1"], CLASSES, chances, Threshold((0.3,))).tolist() == [1, 1]


def test_an_own_metric_of_labels_has_a_decision() -> None:
    def costs(target: Any, labels: Any) -> float:
        return float(np.where(target == 1, 10 * (labels == 0), labels == 1).mean())

    metric = Metric.of(costs, needs="labels", higher_is_better=False)
    target, predicted = two()
    metrics, decision = evaluated(frame(target, predicted, folds_of(600)), metric, CLASSES)
    assert isinstance(decision, Threshold)
    assert 0.03 < decision.above[0] < 0.2, "a missed row costs as much as ten false alarms: one in eleven"
    assert metrics["oof"] < metrics["decision"]["without"]["oof"]
