"""An exercise on the vector-Jacobian product of a new operation: rows divided by their lengths."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch import Tensor, operation
from groundwork.scratch.arrays import Array


def unit_blank(x):
    length = np.sqrt((x.data**2).sum(1, keepdims=True))
    value = x.data / length

    def vjp(dy):
        raise NotAttempted  # from dL/d(value) to a tuple of one: dL/dx

    return operation(value, (x,), vjp)


def unit_solution(x):
    length = np.sqrt((x.data**2).sum(1, keepdims=True))
    value = x.data / length

    def vjp(dy):
        return ((dy - value * (dy * value).sum(1, keepdims=True)) / length,)

    return operation(value, (x,), vjp)


def unit_forgets(x):
    length = np.sqrt((x.data**2).sum(1, keepdims=True))
    value = x.data / length

    def vjp(dy):
        return ((1 - value * value.sum(1, keepdims=True)) / length,)

    return operation(value, (x,), vjp)


def unit_constant_length(x):
    length = np.sqrt((x.data**2).sum(1, keepdims=True))
    return operation(x.data / length, (x,), lambda dy: (dy / length,))


def unit_diagonal(x):
    length = np.sqrt((x.data**2).sum(1, keepdims=True))
    value = x.data / length
    return operation(value, (x,), lambda dy: (dy * (1 - value**2) / length,))


def unit_mixes_rows(x):
    length = np.sqrt((x.data**2).sum(1, keepdims=True))
    value = x.data / length
    return operation(value, (x,), lambda dy: ((dy - value * (dy * value).sum()) / length,))


# Lengths 5 and 10, and a loss that looks at a single number: whatever else arrives in the second row is wrong.
SIMPLE = np.array([[3.0, 4.0], [6.0, 8.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
# More columns than rows, signs, and a gradient of no pattern.
GENERAL = np.array([[1.0, -2.0, 2.0], [0.5, 0.25, -1.0]]), np.array([[0.3, -1.0, 2.0], [1.5, 0.7, -0.2]])


def examine(answer: Any) -> Finding | None:
    """Compare value and gradient with those of the engine's own division, product, sum and power."""
    for x, dy in (SIMPLE, GENERAL):
        leaf = Tensor(x, requires_grad=True)
        expected = leaf / (leaf * leaf).sum(1, keepdim=True) ** 0.5
        expected.backward(dy)
        assert leaf.grad is not None
        own = Tensor(x.copy(), requires_grad=True)
        value = answer(own)
        case = f"x = {x.tolist()}"
        if not isinstance(value, Tensor) or not value.requires_grad:
            return Finding(case, _kind(value), "a Tensor with a gradient", "return `operation(value, (x,), vjp)`")
        if value.shape != x.shape or not np.allclose(value.data, expected.data):
            return Finding(case, value.data, expected.data, "the value changed: only the backward is missing")
        case = f"{case}; dy = {dy.tolist()}"
        assert value._vjp is not None
        given = dy.copy()
        parts = value._vjp(given)
        if not isinstance(parts, tuple | list):
            cause = "a VJP returns a tuple, one gradient for each input: `return (gradient,)`"
            return Finding(case, type(parts).__name__, "a tuple", cause)
        if not np.array_equal(given, dy):
            return Finding(case, f"dy is {given.tolist()} afterwards", "dy as before", "the VJP changes dy in place")
        gradient = _gradient(answer, x, dy)
        if not np.allclose(gradient, leaf.grad, rtol=1e-6, atol=1e-9):
            twice = _gradient(answer, x, 2 * dy)
            return Finding(case, gradient, leaf.grad, _cause(x, dy, gradient, twice, leaf.grad))
        value.backward(dy)
        assert own.grad is not None
        if not np.allclose(own.grad, gradient):
            cause = "the VJP changes the computed value in place: its second call gives another result"
            return Finding(case, own.grad, gradient, cause)
    return None


def _gradient(answer: Any, x: Array, dy: Array) -> Array:
    leaf = Tensor(x.copy(), requires_grad=True)
    answer(leaf).backward(dy.copy())
    return np.zeros_like(x) if leaf.grad is None else leaf.grad


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return "a Tensor that is not part of a graph"
    return type(value).__name__


def _cause(x: Array, dy: Array, gradient: Array, twice: Array, expected: Array) -> str:
    length = np.sqrt((x**2).sum(1, keepdims=True))
    if not gradient.any():
        return "nothing arrives at x: the VJP gives zeros or None"
    if np.allclose(gradient, twice):
        return "the incoming gradient dy is forgotten: twice the dy must give twice the gradient"
    if np.allclose(gradient, dy / length):
        return "the length counts as a constant, but it depends on x, too: a second path leads through it"
    if np.allclose(gradient, dy * (1 - (x / length) ** 2) / length):
        return "only the diagonal of the Jacobian is there: the length ties each output to all numbers of its row"
    if gradient[~dy.any(1)].any():
        return "rows are mixed: the sum runs over the whole array or over columns, and each row has its own sum"
    if np.allclose(gradient, expected * length) or np.allclose(gradient, expected * length**2):
        return "the backward does not divide by the length, or not often enough"
    if np.allclose(gradient, expected / length):
        return "the backward divides by the length too often: once is enough"
    if np.allclose(gradient + expected, 2 * dy / length):
        return "the sign of the path through the length is wrong: a longer row makes all its outputs smaller"
    if np.allclose(gradient, -expected):
        return "the sign is wrong: the gradient is dy minus its component along the row"
    return "a term is missing or has another weight: `gradcheck(unit, (x,))` compares entry by entry"


EXERCISE = Exercise(
    name="06.vjp",
    task="Write the backward of `unit`, which divides each row of x, [rows, columns], by its length.",
    answer="unit",
    blank=unit_blank,
    solution=unit_solution,
    wrong={
        unit_forgets: "incoming gradient dy is forgotten",
        unit_constant_length: "counts as a constant",
        unit_diagonal: "diagonal of the Jacobian",
        unit_mixes_rows: "rows are mixed",
    },
    hints=(
        "Each x_j reaches an output y_i by two paths: directly, if i = j, and through the length of the row.",
        "The length r changes with x_j at the rate y_j, and y_i = x_i / r changes with r at the rate -y_i / r.",
        "Add up over all outputs of a row: dL/dx_j = (dy_j - y_j * sum_i(dy_i * y_i)) / r. "
        "The sum is over columns, with keepdims=True.",
    ),
    examine=examine,
)
