"""An exercise on softmax and its vector-Jacobian product, checked on scores that reveal wrong axes and Jacobians."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch import Tensor
from groundwork.scratch import functional as F
from groundwork.scratch.arrays import Array


def softmax_blank(x, dim):
    # value: shares of the shape of x, with sums of 1 along dim

    def vjp(dy):
        raise NotAttempted  # from dy, which is dL/d(value), to dL/dx

    raise NotAttempted  # in its place: return value, vjp


def softmax_solution(x, dim):
    small = np.exp(x - x.max(dim, keepdims=True))
    value = small / small.sum(dim, keepdims=True)

    def vjp(dy):
        return value * (dy - (dy * value).sum(dim, keepdims=True))

    return value, vjp


def softmax_overflowing(x, dim):
    large = np.exp(x)
    value = large / large.sum(dim, keepdims=True)

    def vjp(dy):
        return value * (dy - (dy * value).sum(dim, keepdims=True))

    return value, vjp


def softmax_over_all(x, dim):
    small = np.exp(x - x.max())
    value = small / small.sum()

    def vjp(dy):
        return value * (dy - (dy * value).sum())

    return value, vjp


def softmax_diagonal(x, dim):
    value, _ = softmax_solution(x, dim)

    def vjp(dy):
        return dy * value * (1 - value)

    return value, vjp


def softmax_of_cross_entropy(x, dim):
    value, _ = softmax_solution(x, dim)

    def vjp(dy):
        return value - dy

    return value, vjp


ONE_ROW = np.array([[0.0, 1.0, 3.0]])
TWO_ROWS = np.array([[0.0, 1.0, 3.0], [2.0, 0.0, -2.0]])
LARGE = np.array([[1000.0, 999.0, 0.0]])
FAR_APART = np.array([[1000.0, 999.0], [0.0, 1.0]])
SLOPE = np.array([[1.0, 0.0, -2.0], [0.5, 3.0, -1.0]])
FLAT = np.array([0.0, 1.0, 3.0])
CUBE = np.array([[[0.0, 1.0], [2.0, -1.0]], [[1.0, 1.0], [0.0, 3.0]]])


def examine(answer: Any) -> Finding | None:
    """Look at values first, then at how gradients go back."""
    values = (
        (ONE_ROW, 1),
        (TWO_ROWS, 1),
        (TWO_ROWS, 0),
        (LARGE, 1),
        (FAR_APART, 1),
        (-FAR_APART, -1),
        (FLAT, 0),
        (CUBE, 1),
    )
    slopes = ((ONE_ROW, 1, SLOPE[:1]), (TWO_ROWS, 1, SLOPE), (TWO_ROWS, 0, SLOPE), (TWO_ROWS, -1, 10 * SLOPE),
              (FLAT, 0, SLOPE[1]), (CUBE, 1, CUBE[::-1]))  # fmt: skip
    # The finding reports the learner's overflow; a warning is not needed.
    with np.errstate(all="ignore"):
        for x, dim in values:
            if finding := _value(answer, x, dim):
                return finding
        for x, dim, dy in slopes:
            if finding := _slope(answer, x, dim, dy):
                return finding
    return None


def _value(answer: Any, x: Array, dim: int) -> Finding | None:
    case, expected, given = f"softmax({_plain(x)}, dim={dim})", F.softmax(Tensor(x), dim).data, x.copy()
    pair = answer(given, dim)
    if not (isinstance(pair, tuple | list) and len(pair) == 2 and callable(pair[1])):
        wanted = "a pair: the value, and a function from dy to dx"
        return Finding(case, pair, wanted, "return both, as in `return value, vjp`")
    if not np.array_equal(given, x):
        return Finding(case, f"x became {_plain(given)}", "x as it was", "x itself was changed: make a new array")
    value = np.asarray(pair[0])
    if value.shape == x.shape and np.allclose(value, expected, rtol=1e-5, atol=1e-8):
        return None
    return Finding(case, pair[0], expected, _cause_of_value(value, x, dim))


def _cause_of_value(value: Array, x: Array, dim: int) -> str:
    if value.shape != x.shape:
        return "the shape changed: shares have the shape of x. Keep dimensions in sums: keepdims=True"
    if not np.isfinite(value).all():
        if np.array_equal(np.isfinite(value).all(1), [True, False]):
            return "the maximum of the whole array was subtracted: in rows far below it all exponentials become 0"
        return "exponentials overflow: e^1000 is infinite. Subtract the maximum along dim first; no share changes"
    if np.allclose(value, F.softmax(Tensor(x.ravel()), 0).data.reshape(x.shape)):
        return "the sum runs over the whole array, not along the axis dim: every row has its own sum"
    others = [axis for axis in range(x.ndim) if axis != dim % x.ndim]
    if any(np.allclose(value, F.softmax(Tensor(x), axis).data) for axis in others):
        return "the sum runs along another axis: use dim, and keepdims=True"
    if not np.allclose(value.sum(dim), 1):
        return "these are not shares: along the axis dim their sum must be 1"
    return "shares are e^x divided by their sum along dim"


def _slope(answer: Any, x: Array, dim: int, dy: Array) -> Finding | None:
    case = f"value, vjp = softmax({_plain(x)}, dim={dim}); vjp({_plain(dy)})"
    input = Tensor(x, requires_grad=True)
    F.softmax(input, dim).backward(dy)
    expected = np.asarray(input.grad)
    value, vjp = answer(x.copy(), dim)
    given = dy.copy()
    found = vjp(given)
    if not np.array_equal(given, dy):
        return Finding(case, f"dy became {_plain(given)}", "dy as it was", "dy itself was changed: make a new array")
    if found is None:
        return Finding(case, "None", expected, "vjp returned nothing")
    dx = np.asarray(found[0] if isinstance(found, tuple) and len(found) == 1 else found)
    if dx.shape == x.shape and np.allclose(dx, expected, rtol=1e-5, atol=1e-8):
        return None
    return Finding(case, dx, expected, _cause_of_slope(dx, np.asarray(value), dim, dy))


def _cause_of_slope(dx: Array, value: Array, dim: int, dy: Array) -> str:
    if dx.shape != dy.shape:
        return "the shape is wrong: dL/dx has the shape of x. The Jacobian itself is never needed"
    if np.allclose(dx, dy * value * (1 - value)):
        return "only the diagonal of the Jacobian was used: every score also lowers the other shares"
    if np.allclose(dx, value - dy) or np.allclose(dx, dy - value):
        return "this is the gradient of cross-entropy after softmax, a special case: here dy may be anything"
    if np.allclose(dx, dy * value):
        return "the sum is missing: dx_j = y_j (dy_j - the sum of all dy_i y_i along dim)"
    if np.allclose(dx, value * (dy - (dy * value).sum())):
        return "the sum of dy·y runs over the whole array, not along the axis dim"
    others = [axis for axis in range(dy.ndim) if axis != dim % dy.ndim]
    if any(np.allclose(dx, value * (dy - (dy * value).sum(axis, keepdims=True))) for axis in others):
        return "the sum of dy·y runs along another axis: use dim here as well"
    return "dx_j is the sum over i of dy_i times the slope of y_i along x_j, which is y_i (1 if i = j else 0) - y_i y_j"


def _plain(values: Array) -> list[Any]:
    listed: list[Any] = values.tolist()
    return listed


EXERCISE = Exercise(
    name="04.softmax",
    task="Write softmax along `dim` of an array, safe for large scores. Return its value, and a function `vjp` that "
    "takes dL/d(value) and gives dL/dx.",
    answer="softmax",
    blank=softmax_blank,
    solution=softmax_solution,
    wrong={
        softmax_overflowing: "overflow",
        softmax_over_all: "axis dim",
        softmax_diagonal: "diagonal",
        softmax_of_cross_entropy: "cross-entropy",
    },
    hints=(
        "Softmax does not change if the same number is subtracted from all scores of a row. Which one makes e^x safe?",
        "x.max(dim, keepdims=True) keeps the dimension, so that it can be subtracted from x. The sum needs it as well.",
        "Write dx_j as a sum over i of dy_i · y_i · ((1 if i = j else 0) - y_j), and take y_j out of the sum.",
        "dx = value * (dy - s), where s is the sum of dy * value along dim.",
    ),
    examine=examine,
)
