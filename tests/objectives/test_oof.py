"""Out-of-fold rows of a network and of a baseline are the same rows, whatever type their numbers have."""

import numpy as np
import pytest

from groundwork.objectives.oof import same_values

RATINGS = np.array([2.33, 2.67, 3.0, np.nan])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (RATINGS.astype(np.float32), RATINGS, True),
        (RATINGS, RATINGS[::-1], False),
        (RATINGS, RATINGS[:3], False),
        (RATINGS, RATINGS + 0.01, False),
        (np.array([1, 2]), np.array([1.0, 2.0]), True),
        (np.array(["a", "b"], dtype=object), np.array(["a", "b"]), True),
        (np.array([[1, 0]]), np.array([1, 0]), False),
        (np.array([2**60 + 1]), np.array([2**60 + 2]), False),
    ],
)
def test_values_are_equal_as_a_network_reads_them(one: np.ndarray, other: np.ndarray, same: bool) -> None:
    assert same_values(one, other) is same
