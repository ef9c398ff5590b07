"""An exercise on a matrix product in blocks, checked by its result, its memory, and the words that it moves."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch.hardware import FastMemory, matmul_blocked


def blocked_matmul_blank(a, b, memory, block):
    # part = memory.load(a[..., ...])       copies a part of a or b in
    # total = memory.zeros(rows, columns)   makes room for a sum
    # memory.store(total, c[..., ...])      writes a sum to its place in c
    # memory.free(part, ...)                gives room back
    raise NotAttempted


def blocked_matmul_solution(a, b, memory, block):
    c = np.zeros((a.shape[0], b.shape[1]))
    for i in range(0, a.shape[0], block):
        for j in range(0, b.shape[1], block):
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


def blocked_matmul_whole_strips(a, b, memory, block):
    c = np.zeros((a.shape[0], b.shape[1]))
    for i in range(0, a.shape[0], block):
        left = memory.load(a[i : i + block])
        for j in range(0, b.shape[1], block):
            right = memory.load(b[:, j : j + block])
            memory.store(left @ right, c[i : i + block, j : j + block])
            memory.free(right)
        memory.free(left)
    return c


def blocked_matmul_row_by_row(a, b, memory, block):
    c = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            row, column = memory.load(a[i : i + 1]), memory.load(b[:, j : j + 1])
            memory.store(row @ column, c[i : i + 1, j : j + 1])
            memory.free(row, column)
    return c


def blocked_matmul_whole_blocks_only(a, b, memory, block):
    c = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0] // block):
        for j in range(b.shape[1] // block):
            rows, columns = slice(i * block, (i + 1) * block), slice(j * block, (j + 1) * block)
            total = memory.zeros(block, block)
            for k in range(a.shape[1] // block):
                inner = slice(k * block, (k + 1) * block)
                left, right = memory.load(a[rows, inner]), memory.load(b[inner, columns])
                total += left @ right
                memory.free(left, right)
            memory.store(total, c[rows, columns])
            memory.free(total)
    return c


def blocked_matmul_overwrites(a, b, memory, block):
    c = np.zeros((a.shape[0], b.shape[1]))
    for i in range(0, a.shape[0], block):
        for j in range(0, b.shape[1], block):
            for k in range(0, a.shape[1], block):
                left = memory.load(a[i : i + block, k : k + block])
                right = memory.load(b[k : k + block, j : j + block])
                memory.store(left @ right, c[i : i + block, j : j + block])
                memory.free(left, right)
    return c


class _NotLoadedError(Exception):
    """A computation used numbers that are still in the large memory."""


class _Far(np.ndarray):
    """A matrix in the large memory: slices of it can be loaded, and nothing else can be done with it."""

    def __array_ufunc__(self, *_: Any, **__: Any) -> Any:
        raise _NotLoadedError

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        if function in (np.dot, np.einsum, np.inner, np.outer, np.tensordot, np.vdot):
            raise _NotLoadedError
        return super().__array_function__(function, types, arguments, keywords)

    def dot(self, *_: Any) -> Any:
        raise _NotLoadedError


# Rows, inner size, columns and block: whole blocks first, then blocks that are smaller at every edge.
CASES = ((6, 4, 4, 2), (7, 13, 5, 3), (5, 2, 4, 3))


def examine(answer: Any) -> Finding | None:
    """Multiply small whole numbers, of which sums are exact; the memory counts."""
    for rows, inner, columns, block in CASES:
        a = np.arange(rows * inner, dtype=float).reshape(rows, inner) % 7 + 1
        b = np.arange(inner * columns, dtype=float).reshape(inner, columns) % 5 + 1
        budget = 3 * block * block
        case = (
            f"a = np.arange({a.size}.0).reshape({rows}, {inner}) % 7 + 1, "
            f"b = np.arange({b.size}.0).reshape({inner}, {columns}) % 5 + 1, FastMemory({budget}), block = {block}"
        )
        memory, reference = FastMemory(budget), FastMemory(budget)
        expected = matmul_blocked(a, b, reference, block)
        try:
            found = answer(a.copy().view(_Far), b.copy().view(_Far), memory, block)
        except _NotLoadedError:
            cause = "every factor has to be loaded first: compute with the result of `memory.load`"
            return Finding(case, "a product of parts that were not loaded", "a product of loaded parts", cause)
        except ValueError as error:
            if "shape" not in str(error) or not (rows % block or inner % block or columns % block):
                raise
            cause = "at the edges a block is smaller than block x block: the sum has the shape of its part of c"
            return Finding(case, f"ValueError: {error}", "no error", cause)
        except MemoryError as error:
            cause = (
                "the word budget is exceeded: three blocks of block x block fit, but not whole rows or columns; "
                "and each part stays in until it is freed"
            )
            return Finding(case, f"MemoryError: {error}", f"at most {budget} words at once", cause)
        if not isinstance(found, np.ndarray) or found.shape != expected.shape:
            yours = f"shape {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
            cause = "return the whole product c, an array [rows of a, columns of b]"
            return Finding(case, yours, f"an array of shape {expected.shape}", cause)
        found = np.asarray(found)
        if not np.allclose(found, expected):
            place = tuple(int(index) for index in np.argwhere(~np.isclose(found, expected))[0])
            yours = f"c{list(place)} = {float(found[place]):g}"
            return Finding(case, yours, f"{expected[place]:g}", _cause(a, b, found, place, block))
        if memory.used < 0:
            cause = "a block is freed twice, or too early: free each once, the sum after `store`"
            return Finding(case, f"{-memory.used} words too many were freed", "each word freed once", cause)
        waste = _cause_of_counts(memory, reference, a.size + b.size)
        if waste:
            yours = f"{memory.loaded} words loaded, {memory.stored} stored"
            return Finding(case, yours, f"{reference.loaded} loaded, {reference.stored} stored", waste)
    return None


def _cause_of_counts(memory: FastMemory, reference: FastMemory, least: int) -> str | None:
    if memory.loaded < least:
        return "every factor has to be loaded first"
    if memory.stored < reference.stored:
        return "every result has to be stored, with `memory.store`"
    if memory.stored > reference.stored:
        return "results are stored more than once: a sum stays in memory until it is complete, and is stored then"
    if memory.loaded > reference.loaded:
        return "the same numbers are loaded again for every single result: use a loaded block for block x block results"
    return None


def _cause(a: Any, b: Any, found: Any, place: tuple[int, ...], block: int) -> str:
    i, j = place
    inner = a.shape[1]
    last = (inner - 1) // block * block
    parts = [a[i, k : k + block] @ b[k : k + block, j] for k in range(0, inner, block)]
    whole = inner // block * block
    if len(parts) > 1 and np.isclose(found[place], parts[-1]):
        return f"only the last block, from k = {last} on, is in the sum: add the products of all k before you store"
    if np.isclose(found[place], a[i, :whole] @ b[:whole, j]) or found[place] == 0:
        return "the last partial block is left out: sizes need not be multiples of block, so continue to the end"
    return "c[i, j] is the sum over all k of a[i, k] * b[k, j], block by block"


EXERCISE = Exercise(
    name="15.blocked_matmul",
    task="Write C = A B for a fast memory of 3 * block**2 words: every factor is loaded into `memory` first, "
    "a block at a time, and each block of the product is stored once.",
    answer="blocked_matmul",
    blank=blocked_matmul_blank,
    solution=blocked_matmul_solution,
    wrong={
        blocked_matmul_whole_strips: "budget is exceeded",
        blocked_matmul_row_by_row: "loaded again",
        blocked_matmul_whole_blocks_only: "last partial block",
        blocked_matmul_overwrites: "only the last block",
    },
    hints=(
        "The three loops of a matrix product, with steps of `block`: range(0, size, block).",
        "Three blocks are in memory at a time: one of a, one of b, the sum of products. Free the first two after each.",
        "A slice beyond the end of an array is shorter: a[i : i + block] needs no special case.",
    ),
    examine=examine,
)
