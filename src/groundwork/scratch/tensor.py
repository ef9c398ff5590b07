"""Back-propagation: reverse-mode automatic differentiation, in one file.

A `Tensor` is an array that remembers how it was made. An operation computes its value and keeps two things beside it:
the tensors it was made of, and its vector-Jacobian product, the chain rule for this one step. Given the gradient of the
loss with respect to the value, that returns the gradient with respect to each of those tensors:

    y = f(a, b)        dL/dy  ->  dL/dy · ∂y/∂a,  dL/dy · ∂y/∂b

`Tensor.backward` starts at the loss, where dL/dL is 1, and hands gradients on, each tensor after all that were made of
it; what reaches a tensor by several ways is added up. One walk back gives the gradient with respect to everything.

    >>> w = Tensor([2.0, -1.0], requires_grad=True)
    >>> loss = ((w * Tensor([3.0, 4.0])).sum() - 1) ** 2
    >>> loss.backward()
    >>> w.grad  # 2 · (3·2 - 4·1 - 1) · [3, 4]
    array([6., 8.], dtype=float32)

Rumelhart, Hinton and Williams, https://doi.org/10.1038/323533a0. Names, shapes and conventions are PyTorch's.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from groundwork.scratch.arrays import Array, Dims, as_array, as_index

# Takes dL/d(value), written `dy`; returns dL/d(input) for each input, None for one that needs none.
VJP = Callable[[Array], Sequence[Array | None]]

_recording = True


@contextmanager
def no_grad() -> Iterator[None]:
    """Make no graph inside; also a decorator."""
    global _recording  # noqa: PLW0603  # one switch for all operations, as in torch
    before, _recording = _recording, False
    try:
        yield
    finally:
        _recording = before


def _comparison(compare: Callable[[Array, Array], Any]) -> Callable[["Tensor", Any], "Tensor"]:
    return lambda self, other: Tensor(compare(*(one.data for one in self._pair(other))))


class Tensor:
    """An array that can be differentiated with respect to.

    Parameters
    ----------
    data
        An array, which keeps its dtype and is not copied; or numbers, as float32, or int64 if all are whole.
    requires_grad
        Whether `backward` shall leave a gradient here; TypeError where the numbers are not floating-point.

    Attributes
    ----------
    data : ndarray
        The numbers.
    grad : ndarray or None
        dL/d(this), of the shape and dtype of `data`. Each `backward` adds to it.
    """

    __array_ufunc__ = None  # `array * tensor` is for `__rmul__`: NumPy would multiply number by number
    __hash__ = object.__hash__  # `==` compares numbers; dictionaries go by identity

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self.data: Array = as_array(data.data if isinstance(data, Tensor) else data)
        if requires_grad and self.dtype.kind != "f":
            raise TypeError(f"only floating-point tensors can require a gradient; found {self.dtype}")
        self.requires_grad = requires_grad
        self.grad: Array | None = None
        self._inputs: Sequence[Tensor] = ()  # what this was made of: nothing, if it is a leaf
        self._vjp: VJP | None = None  # how gradients go back there

    shape = property(lambda self: self.data.shape, doc="Size of each dimension.")
    ndim = property(lambda self: self.data.ndim, doc="Number of dimensions.")
    dtype = property(lambda self: self.data.dtype, doc="NumPy's type of the numbers.")

    def backward(self, gradient: Any = None) -> None:
        """Add dL/d(leaf) to the `grad` of every leaf that this tensor was made of.

        `gradient` is dL/d(this), of this tensor's shape; by default 1, since this is the loss itself. RuntimeError is
        raised if nothing here requires a gradient, or if a gradient of that shape is missing.
        """
        if not self.requires_grad:
            raise RuntimeError("no tensor that this one was made of requires a gradient")
        given = gradient.data if isinstance(gradient, Tensor) else gradient
        start = np.asarray(1 if given is None else given, self.dtype)
        if start.shape != self.shape and not start.size == self.data.size == 1:
            raise RuntimeError(f"expected a gradient of shape {self.shape}; found {start.shape}")
        gradients = {id(self): start.reshape(self.shape)}
        for tensor in self._made_of():
            dy = gradients.pop(id(tensor))
            if tensor._vjp is None:
                # np.array copies: two leaves may have been handed the same array.
                tensor.grad = np.array(dy if tensor.grad is None else tensor.grad + dy)
                continue
            for source, part in zip(tensor._inputs, tensor._vjp(dy), strict=True):
                if source.requires_grad:
                    full = np.zeros(source.shape) if part is None else _unbroadcast(part, source.shape)
                    arrived, key = full.astype(source.dtype, copy=False), id(source)
                    gradients[key] = gradients[key] + arrived if key in gradients else arrived

    def _made_of(self) -> "list[Tensor]":
        """List this tensor and all it was made of, each after everything that was made of it.

        Depth first with a stack of our own: a long chain would exceed Python's.
        """
        finished: list[Tensor] = []
        seen: set[int] = set()
        stack = [(self, False)]
        while stack:
            tensor, all_inputs_done = stack.pop()
            if all_inputs_done:
                finished.append(tensor)
            elif id(tensor) not in seen:
                seen.add(id(tensor))
                stack.append((tensor, True))
                stack.extend((source, False) for source in tensor._inputs if source.requires_grad)
        return finished[::-1]

    def __add__(self, other: Any) -> "Tensor":
        a, b = self._pair(other)
        return operation(a.data + b.data, (a, b), lambda dy: (dy, dy))

    def __mul__(self, other: Any) -> "Tensor":
        a, b = self._pair(other)
        return operation(a.data * b.data, (a, b), lambda dy: (dy * b.data, dy * a.data))

    def __pow__(self, exponent: float) -> "Tensor":
        x, power = self.data, float(exponent)  # a number of NumPy's would make float64 of float32
        return operation(x**power, (self,), lambda dy: (dy * (power * x ** (power - 1) if power else 0),))

    def __matmul__(self, other: Any) -> "Tensor":
        a, b = self._pair(other)
        # A vector is a matrix of one row or column; many matrices times one are a single, taller matrix.
        if b.ndim == 1:
            return (a @ b[:, None])[..., 0]
        if a.ndim == 1:
            return (a[None] @ b)[..., 0, :]
        if a.ndim > 2 and b.ndim == 2:
            return (a.reshape(math.prod(a.shape[:-1]), a.shape[-1]) @ b).reshape(*a.shape[:-1], b.shape[-1])

        def vjp(dy: Array) -> tuple[Array | None, Array | None]:
            left = dy @ b.data.swapaxes(-1, -2) if a.requires_grad else None
            return left, a.data.swapaxes(-1, -2) @ dy if b.requires_grad else None

        return operation(a.data @ b.data, (a, b), vjp)

    def __neg__(self) -> "Tensor":
        return operation(-self.data, (self,), lambda dy: (-dy,))

    def __sub__(self, other: Any) -> "Tensor":
        return self + -self._pair(other)[1]

    def __truediv__(self, other: Any) -> "Tensor":
        return self * self._pair(other)[1] ** -1

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Any) -> "Tensor":
        return -self + other

    def __rtruediv__(self, other: Any) -> "Tensor":
        return self**-1 * other

    __gt__, __lt__ = _comparison(np.greater), _comparison(np.less)
    __eq__, __ne__ = _comparison(np.equal), _comparison(np.not_equal)  # type: ignore[assignment]  # elementwise

    def __bool__(self) -> bool:
        return bool(self.data)

    def exp(self) -> "Tensor":
        """Raise e to the power of each number."""
        value = np.exp(self.data)
        return operation(value, (self,), lambda dy: (dy * value,))

    def log(self) -> "Tensor":
        """Take natural logarithms."""
        return operation(np.log(self.data), (self,), lambda dy: (dy / self.data,))

    def clamp(self, min: float = -np.inf, max: float = np.inf) -> "Tensor":
        """Pull numbers into ``[min, max]``; those outside get no gradient."""
        inside = (self.data >= min) & (self.data <= max)
        return operation(self.data.clip(float(min), float(max)), (self,), lambda dy: (dy * inside,))

    def sum(self, dim: Dims = None, keepdim: bool = False) -> "Tensor":
        """Sum over `dim`, all by default."""
        kept = self.data.sum(dim, keepdims=True)
        value = kept if keepdim else kept.squeeze(dim)
        return operation(value, (self,), lambda dy: (np.broadcast_to(dy.reshape(kept.shape), self.shape),))

    def mean(self, dim: Dims = None, keepdim: bool = False) -> "Tensor":
        """Average over `dim`, all by default."""
        total = self.sum(dim, keepdim)
        return total / (self.data.size / max(total.data.size, 1))

    def amax(self, dim: Dims = None, keepdim: bool = False) -> "Tensor":
        """Take the maximum over `dim`, all by default; equals share the gradient."""
        kept = self.data.max(dim, keepdims=True)
        share = (self.data == kept) / (self.data == kept).sum(dim, keepdims=True, dtype=self.dtype)
        value = kept if keepdim else kept.squeeze(dim)
        return operation(value, (self,), lambda dy: (dy.reshape(kept.shape) * share,))

    def __getitem__(self, index: Any) -> "Tensor":
        index = index if isinstance(index, tuple) else (index,)
        parts = tuple(part.data if isinstance(part, Tensor) else as_index(part) for part in index)

        def vjp(dy: Array) -> tuple[Array]:
            whole = np.zeros_like(self.data)
            if any(isinstance(part, np.ndarray) for part in parts):
                np.add.at(whole, parts, dy)  # arrays may name a number twice: `whole[parts] += dy` keeps the last
            else:
                whole[parts] = dy
            return (whole,)

        return operation(self.data[parts], (self,), vjp)

    def reshape(self, *shape: int) -> "Tensor":
        """Lay the numbers out in another shape; one size may be -1."""
        return operation(self.data.reshape(shape), (self,), lambda dy: (dy.reshape(self.shape),))

    def flatten(self, start_dim: int = 0) -> "Tensor":
        """Make one dimension of those from `start_dim` on."""
        return self.reshape(*self.shape[:start_dim], math.prod(self.shape[start_dim:]))

    def permute(self, *dims: int) -> "Tensor":
        """Order the dimensions anew."""
        back = np.argsort([dim % self.ndim for dim in dims])
        return operation(self.data.transpose(dims), (self,), lambda dy: (dy.transpose(back),))

    def transpose(self, dim0: int, dim1: int) -> "Tensor":
        """Swap two dimensions."""
        return operation(self.data.swapaxes(dim0, dim1), (self,), lambda dy: (dy.swapaxes(dim0, dim1),))

    def item(self) -> Any:
        """Give the one number that this is as Python's own."""
        return self.data.item()

    def detach(self) -> "Tensor":
        """Give the same numbers without their past."""
        return Tensor(self.data)

    def __repr__(self) -> str:
        return f"Tensor({self.data}, dtype={self.dtype}{', requires_grad=True' if self.requires_grad else ''})"

    def _pair(self, other: Any) -> "tuple[Tensor, Tensor]":
        # What is no tensor takes on the dtype of the one it meets, and integers that of floating-point numbers: NumPy
        # would make float64 of float32 that meets `np.float64(2)` or int64.
        floating = self.dtype.kind == "f"
        if not isinstance(other, Tensor):
            other = Tensor(np.asarray(other, self.dtype) if floating else other)
        if floating and other.dtype.kind != "f":
            return self, Tensor(other.data.astype(self.dtype))
        return (self if floating or other.dtype.kind != "f" else Tensor(self.data.astype(other.dtype))), other


def operation(value: Any, inputs: Sequence[Tensor], vjp: VJP) -> Tensor:
    """Make the tensor of an operation: the array it computed, what from, and its vector-Jacobian product.

    `vjp` leaves the gradient it is given unchanged. What it returns may have the shape an input was broadcast to.
    """
    made = Tensor(value)
    if _recording and any(source.requires_grad for source in inputs):
        made.requires_grad, made._inputs, made._vjp = True, tuple(inputs), vjp
    return made


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along a dimension."""
    ends = np.cumsum([tensor.shape[dim] for tensor in tensors])[:-1]
    return operation(np.concatenate([one.data for one in tensors], dim), tensors, lambda dy: np.split(dy, ends, dim))


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new dimension."""
    return operation(np.stack([one.data for one in tensors], dim), tensors, lambda dy: list(np.moveaxis(dy, dim, 0)))


def where(condition: Any, input: Tensor, other: Any) -> Tensor:
    """Take numbers of `input` where `condition` holds, of `other` elsewhere."""
    chosen, (a, b) = Tensor(condition).data, input._pair(other)
    return operation(
        np.where(chosen, a.data, b.data), (a, b), lambda dy: (np.where(chosen, dy, 0), np.where(chosen, 0, dy))
    )


def _unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the dimensions along which an input of `shape` was repeated: each repetition used it once."""
    if gradient.shape == shape:
        return gradient
    new = gradient.ndim - len(shape)
    repeated = (dim for dim, size in enumerate(shape, start=new) if size == 1)
    return gradient.sum((*range(new), *repeated), keepdims=True).reshape(shape)
