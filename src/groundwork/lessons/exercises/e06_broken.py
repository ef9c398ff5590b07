"""An exercise on gradient checks: ten operations, five of which have a wrong backward that the check must detect."""

from collections.abc import Callable
from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch import Tensor, operation
from groundwork.scratch.arrays import Array


def is_broken_blank(function, inputs):
    raise NotAttempted  # True if a gradient of function(*inputs) is wrong


def is_broken_solution(function, inputs):
    leaves = [Tensor(array.copy(), requires_grad=True) for array in inputs]
    output = function(*leaves)
    direction = np.random.default_rng(0).normal(size=output.shape)
    output.backward(direction)
    for leaf in leaves:
        for place in np.ndindex(*leaf.shape):
            middle, sums = leaf.data[place], []
            for step in (1e-5, -1e-5):
                leaf.data[place] = middle + step
                sums.append((function(*leaves).data * direction).sum())
            leaf.data[place] = middle
            if not np.isclose(leaf.grad[place], (sums[0] - sums[1]) / 2e-5, rtol=1e-5, atol=1e-7):
                return True
    return False


def is_broken_by_shape(function, inputs):
    leaves = [Tensor(array, requires_grad=True) for array in inputs]
    output = function(*leaves)
    output.backward(np.ones(output.shape))
    return any(leaf.grad is None or leaf.grad.shape != leaf.shape for leaf in leaves)


def is_broken_in_one_entry(function, inputs):
    leaves = [Tensor(array, requires_grad=True) for array in inputs]
    output = function(*leaves)
    direction = np.random.default_rng(0).normal(size=output.shape)
    output.backward(direction)
    for leaf in leaves:
        step = np.zeros(leaf.shape)
        step.flat[0] = 1e-5
        others = [tensor.data for tensor in leaves]
        above = [data + step if tensor is leaf else data for tensor, data in zip(leaves, others, strict=True)]
        below = [data - step if tensor is leaf else data for tensor, data in zip(leaves, others, strict=True)]
        rise = function(*map(Tensor, above)).data - function(*map(Tensor, below)).data
        if not np.isclose(leaf.grad.flat[0], (rise * direction).sum() / 2e-5, rtol=1e-5, atol=1e-7):
            return True
    return False


def is_broken_along_ones(function, inputs):
    leaves = [Tensor(array.copy(), requires_grad=True) for array in inputs]
    function(*leaves).sum().backward()
    for leaf in leaves:
        for place in np.ndindex(*leaf.shape):
            middle, sums = leaf.data[place], []
            for step in (1e-5, -1e-5):
                leaf.data[place] = middle + step
                sums.append(function(*leaves).data.sum())
            leaf.data[place] = middle
            if not np.isclose(leaf.grad[place], (sums[0] - sums[1]) / 2e-5, rtol=1e-5, atol=1e-7):
                return True
    return False


def is_broken_in_float32(function, inputs):
    leaves = [Tensor(array.astype(np.float32), requires_grad=True) for array in inputs]
    output = function(*leaves)
    direction = np.random.default_rng(0).normal(size=output.shape)
    output.backward(direction)
    for leaf in leaves:
        for place in np.ndindex(*leaf.shape):
            middle, sums = leaf.data[place], []
            for step in (1e-2, -1e-2):
                leaf.data[place] = middle + step
                sums.append((function(*leaves).data * direction).sum())
            leaf.data[place] = middle
            if not np.isclose(leaf.grad[place], (sums[0] - sums[1]) / 2e-2, rtol=0.05, atol=0.01):
                return True
    return False


def matmul(a: Tensor, b: Tensor) -> Tensor:
    return operation(a.data @ b.data, (a, b), lambda dy: (dy @ b.data, a.data @ dy))


def scale(x: Tensor, factors: Tensor) -> Tensor:
    # Right: `backward` itself adds up over the rows that the factors were broadcast to.
    return operation(x.data * factors.data, (x, factors), lambda dy: (dy * factors.data, dy * x.data))


def pick(table: Tensor) -> Tensor:
    rows = np.array([0, 2, 2])

    def vjp(dy: Array) -> tuple[Array]:
        whole = np.zeros_like(table.data)
        whole[rows] = dy
        return (whole,)

    return operation(table.data[rows], (table,), vjp)


def divide(a: Tensor, b: Tensor) -> Tensor:
    return operation(a.data / b.data, (a, b), lambda dy: (dy / b.data, dy * a.data / b.data**2))


def softmax(x: Tensor) -> Tensor:
    small = np.exp(x.data - x.data.max(1, keepdims=True))
    value = small / small.sum(1, keepdims=True)
    return operation(value, (x,), lambda dy: (value * (dy - dy.mean(1, keepdims=True)),))


def log(x: Tensor) -> Tensor:
    return operation(np.log(x.data + 1e-3), (x,), lambda dy: (dy / x.data,))


def sigmoid(x: Tensor) -> Tensor:
    value = 1 / (1 + np.exp(-x.data))
    return operation(value, (x,), lambda dy: (dy * value * (1 - value),))


def maximum(a: Tensor, b: Tensor) -> Tensor:
    larger = a.data > b.data
    return operation(np.maximum(a.data, b.data), (a, b), lambda dy: (dy * larger, dy * ~larger))


def centre(x: Tensor) -> Tensor:
    return operation(x.data - x.data.mean(1, keepdims=True), (x,), lambda dy: (dy - dy.mean(1, keepdims=True),))


def cube(x: Tensor) -> Tensor:
    return operation(x.data**3, (x,), lambda dy: (dy * 3 * x.data**2,))


_chance = np.random.default_rng(6)
_grid = _chance.normal(size=(2, 3))
# Name -> the function of tensors, and arrays to try it on: float64, away from kinks.
OPERATIONS: dict[str, tuple[Callable[..., Tensor], tuple[Array, ...]]] = {
    "matmul": (matmul, (_chance.normal(size=(3, 3)), _chance.normal(size=(3, 3)))),
    "scale": (scale, (_grid, np.array([0.5, -1.0, 2.0]))),
    "pick": (pick, (_chance.normal(size=(4, 2)),)),
    "divide": (divide, (_grid, _chance.uniform(1, 2, (2, 3)))),
    "softmax": (softmax, (_chance.normal(size=(2, 4)),)),
    "log": (log, (_chance.uniform(1, 2, 5),)),
    "sigmoid": (sigmoid, (_chance.normal(size=4),)),
    "maximum": (maximum, (_grid, np.where(_chance.random((2, 3)) < 0.5, _grid - 1, _grid + 1))),
    "centre": (centre, (_chance.normal(size=(2, 3)),)),
    "cube": (cube, (np.array([100.0, -80.0, 60.0]),)),
}
MISSED = {
    "matmul": "a gradient of the right shape with wrong numbers passed: checking the shape is not enough",
    "pick": "not all entries are checked: here the first ones are right, and one that is picked twice is wrong",
    "divide": "only the first input is checked: the gradient of the second is wrong",
    "softmax": "a direction of ones is blind here: a softmax's outputs add up to 1 whatever goes in, so along ones "
    "wrong and right gradients are 0 alike. Draw the direction at random",
    "log": "the tolerance is too loose: this gradient is wrong by a thousandth. Compute in float64, with central "
    "differences, and allow a hundred-thousandth",
}
BLAMED = {
    "scale": "a right backward was called broken. Is the output multiplied by the same direction in both, the "
    "backward and the difference, and the input put back after each step?",
    "cube": "the tolerance is absolute: gradients near 30000 have larger rounding errors. Compare "
    "relative to their size",
}


def examine(answer: Any) -> Finding | None:
    """Call the answer on each operation; those of `MISSED` are broken."""
    for name, (function, inputs) in OPERATIONS.items():
        found = answer(function, tuple(array.copy() for array in inputs))
        case = f'is_broken(*OPERATIONS["{name}"]), with OPERATIONS of groundwork.lessons.exercises.e06_broken'
        if not isinstance(found, bool | np.bool_):
            return Finding(
                case, repr(found), "True or False", "every way through the function must return True or False"
            )
        if found != (name in MISSED):
            expected = f"{name in MISSED}: its backward is {'wrong' if name in MISSED else 'right'}"
            return Finding(case, bool(found), expected, (MISSED | BLAMED).get(name, BLAMED["scale"]))
    return None


EXERCISE = Exercise(
    name="06.broken",
    task="Say for an operation and some float64 arrays whether any gradient is wrong. Five of ten operations are.",
    answer="is_broken",
    blank=is_broken_blank,
    solution=is_broken_solution,
    wrong={
        is_broken_by_shape: "the shape is not enough",
        is_broken_in_one_entry: "not all entries",
        is_broken_along_ones: "direction of ones is blind",
        is_broken_in_float32: "tolerance is too loose",
    },
    hints=(
        "Make a Tensor with requires_grad=True of each array, call the function, and call backward on the result.",
        "backward needs a gradient of the output's shape, a direction: draw it at random. What you differentiate is "
        "then (output * direction).sum().",
        "For every entry of every input: add 1e-5 and compute that sum, subtract 1e-5 and compute it again, divide the "
        "difference by 2e-5, put the entry back, and compare with .grad there by np.isclose(..., rtol=1e-5).",
    ),
    examine=examine,
)
