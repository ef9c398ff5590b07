"""How much of the best score is the luck of choosing."""

import numpy as np
import pytest

from groundwork.sweeping.outcome import optimism


def test_the_winner_is_chosen_on_the_other_folds() -> None:
    # On folds 1 and 2 the first trial is best, on folds 0 and 2 the second, on folds 0 and 1 the second.
    scores = [[0.5, 0.9, 0.8], [0.9, 0.8, 0.7]]
    found = optimism(scores, higher_is_better=True)
    assert found is not None
    assert found.naive == pytest.approx(0.8)
    assert found.honest == pytest.approx((0.5 + 0.8 + 0.7) / 3)
    assert found.value == pytest.approx(0.4 / 3)
    errors = optimism([[1 - score for score in one] for one in scores], higher_is_better=False)
    assert errors is not None
    assert errors.value == pytest.approx(found.value)


def test_mere_noise_is_all_optimism_and_a_clear_winner_has_none() -> None:
    noise = np.random.default_rng(0).normal(0.8, 0.01, (200, 60, 5))
    found = [optimism(scores, higher_is_better=True) for scores in noise.tolist()]
    honest = [one.honest for one in found if one]
    # The mean of 200 honest scores is what every trial is worth; the naive one is far above it.
    assert abs(np.mean(honest) - 0.8) < 4 * 0.01 / np.sqrt(200 * 5)
    assert np.mean([one.value for one in found if one]) > 0.008
    clear = optimism([[0.8, 0.81], [0.9, 0.91], [0.7, 0.7]], higher_is_better=True)
    assert clear is not None
    assert clear.value == 0


def test_one_trial_or_one_fold_says_nothing() -> None:
    assert optimism([[0.8, 0.9]], higher_is_better=True) is None
    assert optimism([[0.8], [0.9]], higher_is_better=True) is None
    assert optimism([], higher_is_better=True) is None
