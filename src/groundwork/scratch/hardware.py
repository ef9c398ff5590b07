"""What arithmetic costs, and what the machine behind it does: operations counted, words moved, cells at work.

Nothing here measures time. Counts are the same on every machine, and explain the times on each of them.
"""

import math
from typing import Any

import numpy as np

from groundwork.scratch import nn
from groundwork.scratch.arrays import Array
from groundwork.scratch.grad_mode import no_grad
from groundwork.scratch.nn.recurrent import Recurrent


@no_grad()
def flops(module: nn.Module, *inputs: Any) -> dict[str, int]:
    """Count the floating-point operations of a forward pass, by layer: a product and a sum are two.

    It counts the matrix products of `Linear`, `Conv2d`, recurrent layers and attention, as `torch.utils.flop_counter`
    does. Operations on single numbers (biases, activations, normalization) are few in comparison.

    Parameters
    ----------
    module
        It runs once, in the mode it is in.
    *inputs
        What it is called with.

    Returns
    -------
    dict
        Operations by the layer's name; the empty name is the module itself.
    """
    counts: dict[str, int] = {}
    # A layer with several names counts under the first.
    layers = {id(layer): (name, layer) for name, layer in reversed(list(module.named_modules()))}.values()
    for name, layer in layers:
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.MultiheadAttention | Recurrent):
            # An attribute of the object is found before the method of its class.
            vars(layer)["forward"] = _counted(layer, name, counts)
    try:
        module(*inputs)
    finally:
        for _, layer in layers:
            vars(layer).pop("forward", None)
    return counts


def _counted(layer: nn.Module, name: str, counts: dict[str, int]) -> Any:
    forward = layer.forward

    def run(*inputs: Any, **arguments: Any) -> Any:
        output = forward(*inputs, **arguments)
        counts[name] = counts.get(name, 0) + 2 * _products(layer, inputs, output)
        return output

    return run


def _products(layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> int:
    """Count multiplications: how often each weight is used, and for attention those of tokens with tokens."""
    if isinstance(layer, nn.Linear):
        return layer.weight.data.size * math.prod(output.shape[:-1])
    if isinstance(layer, nn.Conv2d):
        # The kernels are applied at each place of each image.
        return layer.weight.data.size * output.shape[0] * math.prod(output.shape[2:])
    if isinstance(layer, Recurrent):
        weights = sum(parameter.data.size for parameter in layer.parameters() if parameter.ndim == 2)
        return weights * math.prod(inputs[0].shape[:2])
    assert isinstance(layer, nn.MultiheadAttention)
    rows_first = layer.batch_first
    rows, queries, width = (output[0] if rows_first else output[0].transpose(0, 1)).shape
    keys = inputs[1].shape[1 if rows_first else 0]
    # Projections of queries, keys and values (that of the output is a Linear of its own), scores, and mixing.
    return rows * ((queries + 2 * keys) * width * width + 2 * queries * keys * width)


class SystolicArray:
    """A grid of cells that multiply and add in step, as in a TPU (Jouppi et al., https://arxiv.org/abs/1704.04760).

    Each cell keeps one weight. In every cycle it takes a number from its left neighbour and a sum from the one above,
    adds number times weight to the sum, and passes the number to the right and the sum down. A number that was
    fetched once is so used by a whole row of cells, and no sum goes back to memory before it is complete.

    Parameters
    ----------
    weights
        What the cells keep, ``[rows, columns]``.

    Attributes
    ----------
    cycles : int
        Cycles of the last product.
    busy : ndarray
        In each of its cycles, which cells had a number to multiply: boolean ``[cycles, rows, columns]``.
    """

    def __init__(self, weights: Array) -> None:
        if weights.ndim != 2 or weights.size == 0:
            raise ValueError(f"expected a matrix [rows, columns]; found shape {weights.shape}")
        self.weights = weights
        self.cycles = 0
        self.busy: Array = np.zeros((0, *weights.shape), bool)

    @property
    def utilization(self) -> float:
        """Share of busy cells over all cycles."""
        return float(self.busy.mean()) if self.cycles else 0.0

    def multiply(self, inputs: Array) -> Array:
        """Stream ``[n, rows]`` through the grid; return the product with the weights, ``[n, columns]``."""
        rows, columns = self.weights.shape
        if inputs.ndim != 2 or inputs.shape[1] != rows:
            raise ValueError(f"expected shape [n, {rows}]; found {inputs.shape}")
        count = len(inputs)
        # The last number enters in cycle count + rows - 2, and has the columns to cross.
        self.cycles = count + rows + columns - 2 if count else 0
        self.busy = np.zeros((self.cycles, rows, columns), bool)
        product = np.zeros((count, columns), np.result_type(inputs, self.weights))
        numbers = np.zeros((rows, columns), inputs.dtype)
        there = np.zeros((rows, columns), bool)
        sums = np.zeros((rows, columns), product.dtype)
        lines = np.arange(rows)
        for cycle in range(self.cycles):
            # Everything moves one cell: numbers to the right, sums down.
            numbers[:, 1:] = numbers[:, :-1].copy()
            there[:, 1:] = there[:, :-1].copy()
            sums[1:] = sums[:-1].copy()
            # Row r of the grid starts r cycles late, so that its numbers meet the sums that they belong to.
            entering = cycle - lines
            there[:, 0] = (entering >= 0) & (entering < count)
            entered = inputs[entering.clip(0, count - 1), lines]
            numbers[:, 0] = np.where(there[:, 0], entered, 0)
            sums[0] = 0
            sums += numbers * self.weights
            self.busy[cycle] = there
            # Below the last row the sums are complete.
            for column in np.flatnonzero(there[-1]):
                product[cycle - (rows - 1) - column, column] = sums[-1, column]
        return product


class FastMemory:
    """A small fast memory of few words: every factor of a product must be loaded into it.

    Parameters
    ----------
    words
        How many numbers fit in at once.

    Attributes
    ----------
    loaded, stored : int
        Words that were moved in from the large memory, and out to it.
    used, peak : int
        Words in use now, and at most so far.
    """

    def __init__(self, words: int) -> None:
        if words < 1:
            raise ValueError(f"words: found {words}; expected 1 or more")
        self.words = words
        self.loaded = self.stored = self.used = self.peak = 0

    def load(self, block: Array) -> Array:
        """Copy a block of a large array in; MemoryError if there is no room for it."""
        self._take(block.size)
        self.loaded += block.size
        return np.array(block)

    def zeros(self, *shape: int) -> Array:
        """Reserve a block of zeros to add to; no words are moved."""
        self._take(math.prod(shape))
        return np.zeros(shape)

    def store(self, block: Array, target: Array) -> None:
        """Write a block over `target`, a view of a large array of its shape; it stays in memory until `free`."""
        if block.shape != target.shape:
            raise ValueError(f"expected a block of shape {target.shape}; found {block.shape}")
        target[...] = block
        self.stored += block.size

    def free(self, *blocks: Array) -> None:
        """Free the memory of blocks."""
        self.used -= sum(block.size for block in blocks)

    def _take(self, size: int) -> None:
        if self.used + size > self.words:
            raise MemoryError(
                f"a block of {size} words does not fit: {self.used} of {self.words} are in use; free other blocks"
            )
        self.used += size
        self.peak = max(self.peak, self.used)


def matmul_blocked(a: Array, b: Array, memory: FastMemory, block: int) -> Array:
    """Multiply ``[rows, k]`` by ``[k, columns]`` with blocks of `block` x `block` numbers, three at a time in `memory`.

    A block that was loaded is used `block` times, so that words are moved `block` times less often than in three loops
    over single numbers. A block of the product stays in memory until it is complete.

    Lam, Rothberg and Wolf, https://doi.org/10.1145/106972.106981
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"expected shapes [rows, k] and [k, columns]; found {a.shape} and {b.shape}")
    if block < 1:
        raise ValueError(f"block: found {block}; expected 1 or more")
    c = np.zeros((a.shape[0], b.shape[1]), np.result_type(a, b))
    for i in range(0, a.shape[0], block):
        for j in range(0, b.shape[1], block):
            # At the edges a block is smaller.
            target = c[i : i + block, j : j + block]
            total = memory.zeros(*target.shape)
            for k in range(0, a.shape[1], block):
                left = memory.load(a[i : i + block, k : k + block])
                right = memory.load(b[k : k + block, j : j + block])
                total += left @ right
                memory.free(left, right)
            memory.store(total, target)
            memory.free(total)
    return c
