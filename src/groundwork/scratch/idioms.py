"""What Python and NumPy expect of numbers in a row. Nothing here is differentiated: see `groundwork.scratch.tensor`."""

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from groundwork.scratch.arrays import Array, as_indices
from groundwork.scratch.grad_mode import is_grad_enabled

if TYPE_CHECKING:
    from groundwork.scratch.tensor import Tensor

Binary = Callable[[Any, Any], "Tensor"]


def _comparison(compare: Callable[[Array, Array], Any]) -> Binary:
    """Compare number by number; the result is not part of a graph."""
    return lambda self, other: self.constant(compare(self.data, self.operand(other).data))


def _in_place(compute: Binary) -> Binary:
    """Make `x += y` of `x + y`."""

    def assign(self: Any, other: Any) -> "Tensor":
        if is_grad_enabled() and self.requires_grad and self.is_leaf:
            raise RuntimeError("a leaf that requires a gradient is changed in place; do so within no_grad()")
        made = compute(self, other)
        if is_grad_enabled():
            return made  # the graph still needs the old numbers
        np.copyto(self.data, made.data, casting="same_kind")
        return self

    return assign


class Idioms:
    """Comparisons, assignments and conversions of a `Tensor`."""

    data: Array
    requires_grad: bool

    __array_ufunc__ = None  # `array * tensor` is for `__rmul__`: NumPy would multiply number by number
    __hash__ = object.__hash__  # `==` compares numbers; dictionaries go by identity

    __gt__, __ge__ = _comparison(np.greater), _comparison(np.greater_equal)
    __lt__, __le__ = _comparison(np.less), _comparison(np.less_equal)
    __eq__, __ne__ = _comparison(np.equal), _comparison(np.not_equal)  # type: ignore[assignment]  # elementwise
    __iadd__, __isub__ = _in_place(operator.add), _in_place(operator.sub)
    __imul__, __itruediv__ = _in_place(operator.mul), _in_place(operator.truediv)

    shape = property(lambda self: self.data.shape, doc="Size of each dimension.")
    ndim = property(lambda self: self.data.ndim, doc="Number of dimensions.")
    dtype = property(lambda self: self.data.dtype, doc="NumPy's type of the numbers.")

    def item(self) -> Any:
        """Return the single number in it."""
        return self.data.item()

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"Tensor({self.data}, dtype={self.dtype}{', requires_grad=True' if self.requires_grad else ''})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if is_grad_enabled() and self.requires_grad:
            raise TypeError("NumPy would cut this tensor off from its graph; say so by detach()")
        return np.array(self.data, dtype, copy=copy)

    def __setitem__(self, index: Any, value: Any) -> None:
        if is_grad_enabled():
            raise RuntimeError("numbers in a graph are not assigned to; do so within no_grad()")
        self.data[as_indices(index)] = value
