import math

import numpy as np
import pytest
import torch

from groundwork.objectives.metrics import METRICS

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 60)
PROBABILITIES = RNG.dirichlet(np.ones(3), 60).astype(np.float32)
PROBABILITIES[:5] = 1 / 3  # ties: the first class counts
PRICES = RNG.lognormal(12, 0.4, 60)
GUESSES = (PRICES * RNG.lognormal(0, 0.1, 60)).astype(np.float32)


def accuracy() -> float:
    hits = 0
    for label, row in zip(LABELS, PROBABILITIES, strict=True):
        best = 0
        for index, probability in enumerate(row):
            if probability > row[best]:
                best = index
        hits += best == label
    return hits / len(LABELS)


def rmse_log() -> float:
    squares = [(math.log(price) - math.log(guess)) ** 2 for price, guess in zip(PRICES, GUESSES, strict=True)]
    return math.sqrt(sum(squares) / len(squares))


@pytest.mark.parametrize(
    ("name", "target", "prediction", "expected"),
    [("accuracy", LABELS, PROBABILITIES, accuracy()), ("rmse_log", PRICES, GUESSES, rmse_log())],
)
def test_a_metric_follows_its_definition_on_arrays_and_on_the_device(
    name: str, target: np.ndarray, prediction: np.ndarray, expected: float
) -> None:
    metric = METRICS[name]
    assert metric.score(target, prediction) == pytest.approx(expected, rel=1e-6)
    on_device = metric.on_device(torch.from_numpy(target), torch.from_numpy(prediction))
    assert on_device.ndim == 0
    assert on_device.item() == pytest.approx(expected, rel=1e-5)


def test_each_metric_knows_its_direction() -> None:
    assert {name: metric.higher_is_better for name, metric in METRICS.items()} == {"accuracy": True, "rmse_log": False}
    worse = np.roll(PROBABILITIES, 1, axis=1)
    truth = np.eye(3)[LABELS]
    assert METRICS["accuracy"].score(LABELS, truth) == 1.0 > METRICS["accuracy"].score(LABELS, worse)
    assert METRICS["rmse_log"].score(PRICES, PRICES) == 0.0 < METRICS["rmse_log"].score(PRICES, PRICES * 2)


def test_the_constant_is_the_best_prediction_that_looks_at_nothing() -> None:
    shares = METRICS["accuracy"].constant(LABELS, PROBABILITIES[:1])
    assert shares.shape == (1, 3)
    assert METRICS["accuracy"].score(LABELS, np.repeat(shares, 60, 0)) == pytest.approx(np.bincount(LABELS).max() / 60)

    price = METRICS["rmse_log"].constant(PRICES, GUESSES[:1])
    assert price.shape == (1,)
    reached = METRICS["rmse_log"].score(PRICES, np.repeat(price, 60))
    assert reached == pytest.approx(np.log(PRICES).std(), rel=1e-5)
    for factor in (0.9, 1.1):
        assert METRICS["rmse_log"].score(PRICES, np.repeat(price * factor, 60)) > reached


def test_a_class_that_some_rows_lack_keeps_its_place_in_the_constant() -> None:
    assert METRICS["accuracy"].constant(np.array([0, 0, 1]), PROBABILITIES[:1]).shape == (1, 3)
