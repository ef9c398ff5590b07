"""Cases of `Tensor`'s operations."""

import operator
from collections.abc import Iterator
from operator import itemgetter, methodcaller
from typing import Any

import numpy as np
import torch
from tests.scratch.case import Case, apart, normal, operation, said

EVERY = slice(None)
BINARY = {
    "__add__": operator.add,
    "__sub__": operator.sub,
    "__mul__": operator.mul,
    "__truediv__": operator.truediv,
    "__gt__": lambda a, b: (a > b) * a,
    "__ge__": lambda a, b: (a >= b) * a,
    "__lt__": lambda a, b: (a < b) * b,
    "__le__": lambda a, b: (a <= b) * b,
    "__eq__": lambda a, b: (a == b) * b + a,
    "__ne__": lambda a, b: (a != b) * b + a,
}
# While a graph is made, they make a new tensor of one that was made; torch gets the operation they stand for.
IN_PLACE = {"__iadd__": "__add__", "__isub__": "__sub__", "__imul__": "__mul__", "__itruediv__": "__truediv__"}
FROM_THE_LEFT = {
    "__radd__": operator.add,
    "__rsub__": operator.sub,
    "__rmul__": operator.mul,
    "__rtruediv__": operator.truediv,
}
PRODUCTS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((1, 1), (1, 1)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (4, 3, 2)),
]
INDICES: dict[str, Any] = {
    "integer": 1,
    "negative": (-1, EVERY, -2),
    "slice": (EVERY, slice(1, 3)),
    "step": (..., slice(None, None, 2)),
    "new dimension": (None, 0, EVERY, None),
    "list with repeats": [1, 0, 1, 1],
    "two lists": ([0, 1, 0], [2, 2, 2]),
    "lists around a slice": ([0, 1, 0], EVERY, [3, 3, 3]),
}


NUMBERS = normal(2, 3)


def assigned(name: str) -> Any:
    """Make a tensor, then assign to it in place."""
    in_place = getattr(operator, name)
    return lambda a, b: in_place(a * 1, b)


def torch_product(x: torch.Tensor) -> torch.Tensor:
    """Multiply from the left; torch takes no array there."""
    return torch.from_numpy(NUMBERS) @ x


def cases() -> Iterator[Case]:
    """Give all of them."""
    for name, function in BINARY.items():
        yield operation(name, "one shape", function, normal(2, 3), apart(2, 3))
        yield operation(name, "both broadcast", function, normal(2, 1, 3), apart(4, 1))
        yield operation(name, "no dimensions", function, normal(), apart(2))
        yield operation(name, "a number", function, normal(3), 1.5)
    for name, plain in IN_PLACE.items():
        yield operation(name, "as a new tensor", assigned(name), normal(2, 3), apart(3), theirs=BINARY[plain])
    yield operation("__rmatmul__", "an array", lambda x: NUMBERS @ x, normal(3, 2), theirs=torch_product)
    for name, function in FROM_THE_LEFT.items():
        yield operation(name, "a number from the left", function, 1.5, apart(2, 3))
    for power in (2, 3.5, 0.5, -1, 1):
        yield operation("__pow__", str(power), operator.pow, np.abs(apart(2, 3)), power)
    yield operation("__pow__", "negative numbers", operator.pow, apart(2, 3), 3)
    for left, right in PRODUCTS:
        yield operation("__matmul__", f"{left} @ {right}", operator.matmul, normal(*left), normal(*right))
    yield operation("__neg__", "matrix", operator.neg, normal(2, 3))
    yield operation("exp", "matrix", methodcaller("exp"), normal(2, 3))
    yield operation("log", "matrix", methodcaller("log"), np.abs(apart(2, 3)))
    for bounds in ({"min": -1, "max": 1}, {"min": 0.0}, {"max": 1.0}):
        yield operation("clamp", said(**bounds), methodcaller("clamp", **bounds), apart(3, 4))
    yield from reductions()
    for variant, index in INDICES.items():
        yield operation("__getitem__", variant, itemgetter(index), normal(2, 3, 4))
    repeats = np.array([[2, 0], [2, 2]])
    yield operation("__getitem__", "tensor with repeats", operator.getitem, normal(3, 2), repeats)
    yield operation("__getitem__", "mask", operator.getitem, normal(2, 3), np.array([[True, False, True]] * 2))
    yield from shapes()


def reductions() -> Iterator[Case]:
    """Sum, mean and maximum over every choice of dimensions."""
    for keepdim in (False, True):
        for dim in (None, 0, -1, (0, 2), (-2,)):
            options: dict[str, Any] = {"dim": dim, "keepdim": keepdim}
            for name in ("sum", "mean"):
                yield operation(name, said(**options), methodcaller(name, **options), normal(2, 3, 4))
            # torch's amax knows no None.
            options["dim"] = (0, 1, 2) if dim is None else dim
            yield operation("amax", said(**options), methodcaller("amax", **options), apart(2, 3, 4))


def shapes() -> Iterator[Case]:
    """What moves numbers."""
    block = normal(2, 3, 4)
    yield operation("reshape", "to two", methodcaller("reshape", 4, 6), block)
    yield operation("reshape", "with -1", methodcaller("reshape", 4, -1, 2), block)
    yield operation("flatten", "all", methodcaller("flatten"), block)
    yield operation("flatten", "from 1", methodcaller("flatten", 1), block)
    yield operation("permute", "three", methodcaller("permute", 2, 0, 1), block)
    yield operation("permute", "negative", methodcaller("permute", -1, 0, -2), block)
    yield operation("transpose", "inner", methodcaller("transpose", 1, 2), block)
    yield operation("transpose", "negative", methodcaller("transpose", 0, -1), block)
    for dim in (0, 1, -1):
        parts = [normal(2, 3) for _ in range(3)]
        yield Case("stack", said(dim=dim), lambda lib, dim=dim: lambda *given: lib.stack(given, dim), tuple(parts))
        parts = [normal(*(size if axis == dim % 2 else 2 for axis in range(2))) for size in (1, 3, 2)]
        yield Case("cat", said(dim=dim), lambda lib, dim=dim: lambda *given: lib.cat(given, dim), tuple(parts))
    kept = np.array([[True, False, True], [False, False, True]])
    yield Case("where", "one shape", lambda lib: lib.where, (kept, normal(2, 3), normal(2, 3)))
    yield Case("where", "broadcast", lambda lib: lib.where, (kept[:, :1], normal(3), normal(4, 1, 1)))
    yield Case("where", "a number", lambda lib: lib.where, (kept, normal(2, 3), 0.0))
