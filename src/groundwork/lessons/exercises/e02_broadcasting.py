"""An exercise on broadcasting, checked against a specification in loops on square and other inputs."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch.arrays import Array


def specification(a, b):
    """Compute the three results in loops, from `a` [n, d] and `b` [m, d]."""
    n, m, d = len(a), len(b), a.shape[1]
    shares, gaps, distances = np.zeros((n, d)), np.zeros((n, m)), np.zeros((n, m))
    for i in range(n):
        total = sum(a[i, k] for k in range(d))
        for k in range(d):
            shares[i, k] = a[i, k] / total
        for j in range(m):
            gaps[i, j] = a[i, 0] - b[j, 0]
            distances[i, j] = sum((a[i, k] - b[j, k]) ** 2 for k in range(d))
    return shares, gaps, distances


def broadcast_blank(a, b):
    # Three lines without a loop: shares [n, d], gaps [n, m] and distances [n, m], in this order.
    raise NotAttempted


def broadcast_solution(a, b):
    shares = a / a.sum(1, keepdims=True)
    gaps = a[:, None, 0] - b[None, :, 0]
    distances = ((a[:, None] - b[None, :]) ** 2).sum(2)
    return shares, gaps, distances


def broadcast_wrong_axis(a, b):
    shares = a / a.sum(0)
    return shares, a[:, :1] - b[:, 0], ((a[:, None] - b) ** 2).sum(2)


def broadcast_without_keepdims(a, b):
    shares = a / a.sum(1)
    return shares, a[:, :1] - b[:, 0], ((a[:, None] - b) ** 2).sum(2)


def broadcast_transposed(a, b):
    shares = a / a.sum(1, keepdims=True)
    gaps = a[:, 0] - b[:, :1]
    return shares, gaps, ((a - b[:, None]) ** 2).sum(2)


def broadcast_with_itself(a, b):
    shares = a / a.sum(1, keepdims=True)
    return shares, a[:, :1] - b[:, 0], ((a[:, None] - a) ** 2).sum(2)


# Where n, m and d are all 3, nothing is out of shape: only the numbers tell. Then each has a size of its own.
SQUARE = np.array([[1.0, 2, 5], [3, 3, 4], [0, 7, 1]]), np.array([[2.0, 1, 1], [4, 0, 2], [5, 3, 8]])
OBLONG = np.array([[1.0, 2, 5], [3, 3, 4]]), np.array([[2.0, 1, 1], [4, 0, 2], [5, 3, 8], [0, 6, 1]])


def examine(answer: Any) -> Finding | None:
    """Compare the three arrays with those of the loops."""
    for a, b in (SQUARE, OBLONG):
        case = f"a = np.array({a.tolist()})\nb = np.array({b.tolist()})"
        given = a.copy(), b.copy()
        found = answer(*given)
        if not (np.array_equal(given[0], a) and np.array_equal(given[1], b)):
            return Finding(case, "a or b was changed", "both as they were", "`a /= ...` writes into `a`: divide anew")
        if not (isinstance(found, tuple | list) and len(found) == 3):
            return Finding(case, found, "shares, gaps, distances", "return the three arrays, in this order")
        for name, yours, expected in zip(("shares", "gaps", "distances"), found, specification(a, b), strict=True):
            if yours is None:
                return Finding(f"{name} of\n{case}", None, expected, f"{name} is None: give an array in its place")
            yours = np.asarray(yours)
            if yours.shape != expected.shape or not np.allclose(yours, expected):
                cause = CAUSES[name](yours, expected, a, b)
                if yours.shape == expected.shape:
                    return Finding(f"{name} of\n{case}", yours, expected, cause)
                shown = f"shape {yours.shape}", f"shape {expected.shape}"
                return Finding(f"{name} of\n{case}", *shown, cause)
    return None


def _same(found: Array, wrong: Array) -> bool:
    return found.shape == wrong.shape and np.allclose(found, wrong)


def _of_shares(yours: Array, expected: Array, a: Array, b: Array) -> str:
    if _same(yours, a / a.sum(0)):
        return "the wrong axis: sum(0) adds up columns; sum(1) adds along each row"
    if len(a) == a.shape[1] and _same(yours, a / a.sum(1)):
        return "keepdims is missing: sums [n] line up with columns; keepdims=True gives [n, 1], one for each row"
    return "each number is divided by the sum of its own row, which has the shape [n, 1]"


def _of_gaps(yours: Array, expected: Array, a: Array, b: Array) -> str:
    if _same(yours, expected.T):
        return "transposed: rows belong to `a`, so `a`'s numbers form a column [n, 1] and `b`'s a row [m]"
    if _same(yours, -expected):
        return "the sign is wrong: the gap is `a` minus `b`"
    if _same(yours, np.abs(expected)):
        return "the sign is lost: a gap below 0 stays below 0"
    if yours.shape == expected.shape:
        return "other numbers were compared: the first column of `a` is a[:, 0], that of `b` is b[:, 0]"
    if yours.ndim == 1:
        return "row i was combined with row i only: two arrays [n] go pair by pair; [n, 1] and [m] combine all"
    return "a column [n, 1] minus a row [m] has the shape [n, m]"


def _of_distances(yours: Array, expected: Array, a: Array, b: Array) -> str:
    if _same(yours, expected.T):
        return "transposed: rows belong to `a`, so `a` becomes [n, 1, d], and `b` stays [m, d]"
    if _same(yours, ((a[:, None] - a) ** 2).sum(2)):
        return "n * n, not n * m: these are the distances of `a` from itself; measure those to `b`"
    if _same(yours, np.sqrt(expected)):
        return "return the squares, without the root"
    if yours.shape == (len(a),):
        return "row i was combined with row i only: `a` must become [n, 1, d] to be combined with every row of `b`"
    return "the differences have the shape [n, m, d]: square them, and sum over the last axis"


CAUSES = {"shares": _of_shares, "gaps": _of_gaps, "distances": _of_distances}

EXERCISE = Exercise(
    name="02.broadcasting",
    task="Write `specification` without a loop: from `a` [n, d], `b` [m, d], shares [n, d], gaps and distances [n, m].",
    answer="broadcast",
    blank=broadcast_blank,
    solution=broadcast_solution,
    wrong={
        broadcast_wrong_axis: "wrong axis",
        broadcast_without_keepdims: "keepdims is missing",
        broadcast_transposed: "transposed",
        broadcast_with_itself: r"n * n, not n * m",
    },
    hints=(
        "Write the shapes below each other, aligned at the right: in each place they must be equal, or one must be 1.",
        "An axis of length 1 comes from keepdims=True, or from indexing with None: a[:, None] is [n, 1, d].",
        "gaps is a column minus a row: a[:, :1] - b[:, 0].",
        "distances: subtract b from a[:, None], which gives [n, m, d]; square; sum over axis 2.",
    ),
    examine=examine,
)
