import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.scratch.test_train import Scale, pairs

from groundwork.scratch import Tensor, manual_seed, nn, random
from groundwork.scratch import functional as F
from groundwork.scratch.data import DataLoader, TensorDataset
from groundwork.scratch.tweak import Tweaker, search

Vector = NDArray[np.float64]


def bowl(*knobs: Tensor) -> float:
    return float(sum((one.data**2).sum() for one in knobs))


def by_the_book(start: Vector, size: float, steps: int) -> tuple[Vector, float]:
    """Write Rechenberg's strategy over one plain array, with the same chance."""
    best, best_loss = start.copy(), float((start**2).sum())
    for _ in range(steps):
        trial = best + size * random.generator().standard_normal(len(start))
        trial_loss = float((trial**2).sum())
        better = trial_loss < best_loss
        if better:
            best, best_loss = trial, trial_loss
        size *= 1.5 if better else 1.5**-0.25
    return best, size


def test_it_is_rechenbergs_strategy() -> None:
    start = np.arange(1.0, 6.0)
    manual_seed(3)
    expected, size = by_the_book(start, 0.5, 400)
    manual_seed(3)
    knobs = nn.Parameter(start.copy())
    tweaker = Tweaker([knobs], 0.5)
    for _ in range(400):
        tweaker.step(lambda: bowl(knobs))
    np.testing.assert_array_equal(knobs.data, expected)
    assert tweaker.size == pytest.approx(size)
    assert tweaker.evaluations == 800
    assert bowl(knobs) < 1e-6


@given(seed=st.integers(0, 2**32), size=st.floats(1e-3, 1e3), dtype=st.sampled_from([np.float32, np.float64]))
def test_a_push_is_kept_where_it_lowers_the_loss_and_else_taken_back_to_the_bit(
    seed: int, size: float, dtype: type
) -> None:
    manual_seed(seed)
    parts = [nn.Parameter(np.array([1.0, -2.0], dtype)), nn.Parameter(np.array([[0.5]], dtype))]
    arrays, before = [part.data for part in parts], [part.data.copy() for part in parts]
    old, tweaker = bowl(*parts), Tweaker(parts, size)
    kept = tweaker.step(lambda: bowl(*parts))
    # In place: others may hold the arrays, as a state dict does.
    assert all(part.data is array and array.dtype == dtype for part, array in zip(parts, arrays, strict=True))
    changed = [not np.array_equal(part.data, was) for part, was in zip(parts, before, strict=True)]
    if kept:
        assert bowl(*parts) < old
        assert all(changed)
    else:
        assert not any(changed)
    assert tweaker.size == pytest.approx(size * 1.5 if kept else size * 1.5**-0.25)


def test_four_failures_undo_one_success() -> None:
    knobs = nn.Parameter(np.ones(1))
    tweaker = Tweaker([knobs], 0.3)
    losses = iter([2.0, 1.0, *[1.0, 1.0] * 4])
    kept = [tweaker.step(lambda: next(losses)) for _ in range(5)]
    assert kept == [True, False, False, False, False]  # as low as before is not lower
    assert tweaker.size == pytest.approx(0.3)


def test_a_push_into_nan_is_taken_back_and_a_start_there_is_an_error() -> None:
    knobs = nn.Parameter(np.ones(2))
    losses = iter([1.0, math.nan, math.nan])
    tweaker = Tweaker([knobs])
    assert not tweaker.step(lambda: next(losses))
    with pytest.raises(ArithmeticError, match="the loss is nan"):
        tweaker.step(lambda: next(losses))
    np.testing.assert_array_equal(knobs.data, [1, 1])


@pytest.mark.parametrize("size", [0.0, -1.0, math.nan, math.inf])
def test_a_size_is_above_0(size: float) -> None:
    with pytest.raises(ValueError, match=r"size: found .*; expected a number above 0"):
        Tweaker([nn.Parameter(np.ones(1))], size)


def test_there_must_be_something_to_change() -> None:
    with pytest.raises(ValueError, match="no parameters"):
        Tweaker([])


def test_a_line_through_points_is_polyfits() -> None:
    chance = np.random.default_rng(0)
    x = chance.uniform(-1, 1, (50, 1))
    y = 0.6 * x + 1.8 + chance.normal(0, 0.1, x.shape)
    manual_seed(0)
    line = nn.Linear(1, 1).double()
    history = search(line, F.mse_loss, DataLoader(TensorDataset(x, y), 50), None, Tweaker(line.parameters()), 400)
    theirs = np.polyfit(x[:, 0], y[:, 0], 1)
    np.testing.assert_allclose([knob.data.item() for knob in line.parameters()], theirs, atol=1e-5)
    assert history[-1]["evaluations"] == 800


def test_each_batch_gets_a_push_that_it_alone_decides_and_the_validation_rows_are_only_looked_at() -> None:
    net = Scale(1.0)
    seen: list[float] = []

    def loss(output: Tensor, target: Tensor) -> Tensor:
        seen.append(float(target.data[0]))
        assert not output.requires_grad
        return F.mse_loss(output, target)

    history = search(net, loss, pairs([1, 1, 1], [1, 2, 3], 1), pairs([1, 1], [7, 7], 1), Tweaker([net.weight], 0.1), 2)
    assert seen == [1, 1, 2, 2, 3, 3, 7, 7] * 2
    assert [list(entry) for entry in history] == [["epoch", "kept", "evaluations", "val_loss"]] * 2
    assert [entry["evaluations"] for entry in history] == [6, 12]
    assert history[-1]["val_loss"] == pytest.approx((net.weight.data[0] - 7) ** 2)
    assert net.calls == 0  # never in training mode


def test_kept_is_a_share_of_the_pushes() -> None:
    net = Scale(1.0)
    manual_seed(1)
    (entry,) = search(net, F.mse_loss, pairs([1] * 8, [1] * 8, 2), None, Tweaker([net.weight], 1.0), 1)
    assert entry == {"epoch": 0, "kept": 0, "evaluations": 8}  # the start is the bottom


def test_dropout_does_not_decide_whether_a_push_is_kept() -> None:
    inner: Any = Scale(1.0)
    net = nn.Sequential(inner, nn.Dropout(0.9))
    (entry,) = search(net, F.mse_loss, pairs([1] * 32, [1] * 32, 1), None, Tweaker(net.parameters()), 1)
    assert entry["kept"] == 0


def test_no_batches_are_an_error() -> None:
    net = Scale(1.0)
    with pytest.raises(ValueError, match="found no batches"):
        search(net, F.mse_loss, iter(()), None, Tweaker([net.weight]), 1)
