from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from groundwork.scratch import Tensor, models, nn
from groundwork.scratch.hardware import FastMemory, SystolicArray, flops, matmul_blocked


def normal(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def torchs(module: torch.nn.Module, *inputs: torch.Tensor) -> int:
    """Count by PyTorch; its modules run in evaluation, where fused kernels would hide what they do."""
    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [
        (nn.Linear(5, 3), torch.nn.Linear(5, 3), (7, 5)),
        (nn.Linear(5, 3, bias=False), torch.nn.Linear(5, 3, bias=False), (2, 4, 5)),
        (nn.Conv2d(3, 4, 3, padding=1), torch.nn.Conv2d(3, 4, 3, padding=1), (2, 3, 8, 6)),
        (nn.Conv2d(3, 4, (2, 5), stride=2), torch.nn.Conv2d(3, 4, (2, 5), stride=2), (2, 3, 8, 9)),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 4)),
            torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(72, 4)),
            (5, 1, 8, 8),
        ),
    ],
)
def test_operations_are_those_that_torch_counts(ours: nn.Module, theirs: torch.nn.Module, shape: tuple[int]) -> None:
    values = normal(*shape)
    assert sum(flops(ours, Tensor(values)).values()) == torchs(theirs, torch.from_numpy(values))


@pytest.mark.parametrize("batch_first", [False, True])
def test_operations_of_attention_are_those_of_its_products(batch_first: bool) -> None:
    query, key = (5, 2, 8), (3, 2, 8)
    shapes = [(shape[1], shape[0], shape[2]) for shape in (query, key)] if batch_first else [query, key]
    first, second = (normal(*shape) for shape in shapes)
    ours = nn.MultiheadAttention(8, 2, batch_first=batch_first)
    counts = flops(ours, Tensor(first), Tensor(second), Tensor(second))
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=batch_first)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        expected = torchs(theirs, *(torch.from_numpy(one) for one in (first, second, second)))
    assert sum(counts.values()) == expected
    assert counts.keys() == {"", "out_proj"}


def test_a_recurrent_layer_uses_each_weight_at_every_time() -> None:
    assert flops(nn.LSTM(3, 4), Tensor(normal(6, 5, 3))) == {"": 2 * 6 * 5 * 4 * (3 * 4 + 4 * 4)}


def test_a_layer_that_runs_twice_counts_twice_and_is_left_as_it_was() -> None:
    layer = nn.Linear(4, 4)
    assert flops(nn.Sequential(layer, layer), Tensor(normal(3, 4))) == {"0": 2 * 96}
    before = dict(vars(layer))
    assert flops(layer, Tensor(normal(3, 4))) == {"": 96}
    assert vars(layer) == before
    with pytest.raises(ValueError, match="expected"):
        flops(layer, Tensor(normal(3, 5)))
    assert vars(layer) == before


def test_layers_go_by_their_names() -> None:
    counts = flops(models.CNN(1, [2, 4], outputs=3).eval(), Tensor(normal(1, 1, 8, 8)))
    assert list(counts)[-1] == "head.1"
    assert counts["head.1"] == 2 * 8 * 3


@settings(deadline=None)
@given(st.integers(0, 6), st.integers(1, 5), st.integers(1, 5))
def test_a_systolic_array_multiplies(count: int, rows: int, columns: int) -> None:
    chance = np.random.default_rng(count)
    inputs, weights = chance.normal(size=(count, rows)), chance.normal(size=(rows, columns))
    array = SystolicArray(weights)
    np.testing.assert_allclose(array.multiply(inputs), inputs @ weights, atol=1e-12)
    # Every cell multiplies every row of the inputs once, and nothing else.
    assert (array.busy.sum(0) == count).all()
    assert array.cycles == (count + rows + columns - 2 if count else 0)
    assert array.utilization == pytest.approx(count / array.cycles if count else 0)


def test_a_cell_works_when_the_wave_has_reached_it() -> None:
    array = SystolicArray(np.ones((3, 4)))
    array.multiply(np.ones((2, 3)))
    cycle, row, column = np.nonzero(array.busy)
    assert set((cycle - row - column).tolist()) == {0, 1}


def test_a_grid_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"\[n, 3\]; found \(2, 4\)"):
        SystolicArray(np.ones((3, 4))).multiply(np.ones((2, 4)))
    with pytest.raises(ValueError, match="expected a matrix"):
        SystolicArray(np.ones(3))


def test_a_memory_counts_and_refuses() -> None:
    memory, large = FastMemory(6), np.arange(12.0).reshape(3, 4)
    block = memory.load(large[:2, :2])
    block += 1
    assert large[0, 0] == 0  # a copy
    with pytest.raises(MemoryError, match="3 words does not fit: 4 of 6"):
        memory.zeros(3)
    memory.store(block, large[1:, 2:])
    assert large[1:, 2:].tolist() == [[1, 2], [5, 6]]
    memory.free(block)
    assert (memory.loaded, memory.stored, memory.used, memory.peak) == (4, 4, 0, 4)
    with pytest.raises(ValueError, match=r"\(1, 2\); found \(2, 2\)"):
        memory.store(block, large[:1, :2])
    with pytest.raises(ValueError, match="words: found 0"):
        FastMemory(0)


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(0, 9), st.integers(1, 9), st.integers(1, 5))
def test_blocks_multiply_within_their_budget(rows: int, inner: int, columns: int, block: int) -> None:
    chance = np.random.default_rng(rows)
    a, b = chance.normal(size=(rows, inner)), chance.normal(size=(inner, columns))
    memory = FastMemory(3 * block**2)
    np.testing.assert_allclose(matmul_blocked(a, b, memory, block), a @ b, atol=1e-12)
    down, across = -(-rows // block), -(-columns // block)
    assert memory.loaded == across * a.size + down * b.size
    assert memory.stored == rows * columns
    assert memory.used == 0


def test_products_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="found"):
        matmul_blocked(np.ones((2, 3)), np.ones((2, 3)), FastMemory(99), 2)
    with pytest.raises(ValueError, match="block: found 0"):
        matmul_blocked(np.ones((2, 2)), np.ones((2, 2)), FastMemory(99), 0)
    with pytest.raises(MemoryError, match="does not fit"):
        matmul_blocked(np.ones((4, 4)), np.ones((4, 4)), FastMemory(11), 2)
