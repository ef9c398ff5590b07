"""Back-propagation (https://doi.org/10.1038/323533a0): reverse-mode automatic differentiation, with PyTorch's names.

A `Tensor` is an array that remembers how it was made. An operation computes its value and keeps two things with it:
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
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from groundwork.scratch.arrays import Array, Dims, as_array, as_indices, masked
from groundwork.scratch.grad_mode import is_grad_enabled
from groundwork.scratch.idioms import Idioms

# From dL/d(value), which is written `dy`, to dL/d(input) for each input.
VJP = Callable[[Array], Sequence[Array | None]]


class Tensor(Idioms):
    """An array with a gradient.

    Parameters
    ----------
    data
        An array, which keeps its dtype and is not copied; or numbers, as float32, or int64 if all are integers.
    requires_grad
        Whether `backward` shall leave a gradient here; TypeError where the numbers are not floating-point.

    Attributes
    ----------
    data : ndarray
        The numbers.
    grad : ndarray or None
        dL/d(this), of the shape and dtype of `data`. Each `backward` adds to it.
    """

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self.data: Array = as_array(data.data if isinstance(data, Tensor) else data)
        if requires_grad and self.dtype.kind != "f":
            raise TypeError(f"only floating-point tensors can require a gradient; found {self.dtype}")
        self.requires_grad = requires_grad
        self.grad: Array | None = None
        self._inputs: Sequence[Tensor] = ()  # what this was made of; empty for a leaf
        self._vjp: VJP | None = None  # how gradients go back there

    def backward(self, gradient: Any = None) -> None:
        """Add dL/d(leaf) to the `grad` of every leaf that this tensor was made of.

        Parameters
        ----------
        gradient
            dL/d(this), of this tensor's shape. By default this is the loss itself, a single number: 1.

        Raises
        ------
        RuntimeError
            If no leaf requires a gradient, or a gradient of this tensor's shape is missing.
        ValueError
            If an operation's vector-Jacobian product does not fit its inputs.
        """
        if not self.requires_grad:
            raise RuntimeError("no tensor that this one was made of requires a gradient")
        start = np.asarray(1 if gradient is None else gradient, self.dtype)
        if start.shape != self.shape and not start.size == self.data.size == 1:
            raise RuntimeError(f"backward needs a gradient of shape {self.shape}; found {start.shape}")
        gradients = {id(self): start.reshape(self.shape)}
        for tensor in self._topological_order():
            dy = gradients.pop(id(tensor))
            if tensor._vjp is None:
                tensor.grad = np.array(
                    dy if tensor.grad is None else tensor.grad + dy
                )  # a copy: dy may be in use elsewhere
                continue
            parts = tensor._vjp(dy)
            if len(parts) != len(tensor._inputs):
                raise ValueError(f"a VJP gave {len(parts)} gradients; expected a tuple of {len(tensor._inputs)}")
            for source, part in zip(tensor._inputs, parts, strict=True):
                if source.requires_grad:
                    arrived, key = _unbroadcast(part, source.data), id(source)
                    gradients[key] = gradients[key] + arrived if key in gradients else arrived

    def _topological_order(self) -> "list[Tensor]":
        """List this tensor and all it was made of, each after everything computed from it."""
        # Depth first with an explicit stack: a long chain would exceed Python's.
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

    # Each operation: its value, what it was made of, and dL/d(value) -> dL/d(inputs). Where an input was broadcast,
    # `_unbroadcast` sums what comes back.

    def __add__(self, other: Any) -> "Tensor":
        other = self.operand(other)
        return operation(self.data + other.data, (self, other), lambda dy: (dy, dy))

    def __mul__(self, other: Any) -> "Tensor":
        other = self.operand(other)
        return operation(self.data * other.data, (self, other), lambda dy: (dy * other.data, dy * self.data))

    def __truediv__(self, other: Any) -> "Tensor":
        other = self.operand(other)
        value = self.data / other.data
        return operation(value, (self, other), lambda dy: (dy / other.data, -dy * value / other.data))

    def __pow__(self, exponent: float) -> "Tensor":
        x = self.data
        return operation(x**exponent, (self,), lambda dy: (dy * (exponent * x ** (exponent - 1) if exponent else 0),))

    def __matmul__(self, other: Any) -> "Tensor":
        other = self.operand(other)
        # A vector is a matrix of one row or column; many matrices times one are a single, taller matrix.
        if other.ndim == 1:
            return (self @ other[:, None])[..., 0]
        if self.ndim == 1:
            return (self[None] @ other)[..., 0, :]
        if self.ndim > 2 and other.ndim == 2:
            tall = self.reshape(math.prod(self.shape[:-1]), self.shape[-1])
            return (tall @ other).reshape(*self.shape[:-1], other.shape[-1])

        def vjp(dy: Array) -> tuple[Array | None, Array | None]:
            # y_ij = Σ_k a_ik b_kj, so that dL/da_ik = Σ_j dy_ij b_kj: the product with b turned over; so for b.
            left = dy @ other.data.swapaxes(-1, -2) if self.requires_grad else None
            return left, self.data.swapaxes(-1, -2) @ dy if other.requires_grad else None

        return operation(self.data @ other.data, (self, other), vjp)

    def __neg__(self) -> "Tensor":
        return operation(-self.data, (self,), lambda dy: (-dy,))

    def __sub__(self, other: Any) -> "Tensor":
        return self + -self.operand(other)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Any) -> "Tensor":
        return self.operand(other) - self

    def __rtruediv__(self, other: Any) -> "Tensor":
        return self.operand(other) / self

    def __rmatmul__(self, other: Any) -> "Tensor":
        return self.operand(other) @ self

    def exp(self) -> "Tensor":
        """Raise e to the power of each number."""
        value = np.exp(self.data)
        return operation(value, (self,), lambda dy: (dy * value,))

    def log(self) -> "Tensor":
        """Take natural logarithms."""
        return operation(np.log(self.data), (self,), lambda dy: (dy / self.data,))

    def clamp(self, min: float | None = None, max: float | None = None) -> "Tensor":
        """Clip numbers to ``[min, max]``; those outside get no gradient."""
        x, low, high = self.data, -np.inf if min is None else min, np.inf if max is None else max
        return operation(np.clip(x, min, max), (self,), lambda dy: (masked(dy, (x >= low) & (x <= high)),))

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
        """Take the maximum over `dim`, all by default; ties share the gradient."""
        kept = self.data.max(dim, keepdims=True)
        ties = self.data == kept
        count = ties.sum(dim, keepdims=True, dtype=self.dtype)
        value = kept if keepdim else kept.squeeze(dim)
        return operation(value, (self,), lambda dy: (dy.reshape(kept.shape) * (ties / count),))

    def __getitem__(self, index: Any) -> "Tensor":
        parts = as_indices(index)

        def vjp(dy: Array) -> tuple[Array]:
            whole = np.zeros_like(self.data)
            if any(isinstance(part, np.ndarray) for part in parts):
                np.add.at(whole, parts, dy)  # arrays may name a number twice: `whole[parts] += dy` keeps the last
            else:
                whole[parts] = dy
            return (whole,)

        return operation(self.data[parts], (self,), vjp)

    def reshape(self, *shape: int) -> "Tensor":
        """Reshape the numbers; one size may be -1."""
        return operation(self.data.reshape(*shape), (self,), lambda dy: (dy.reshape(self.shape),))

    def flatten(self, start_dim: int = 0) -> "Tensor":
        """Merge the dimensions from `start_dim` on into one."""
        return self.reshape(*self.shape[:start_dim], math.prod(self.shape[start_dim:]))

    def permute(self, *dims: int) -> "Tensor":
        """Reorder the dimensions."""
        back = np.argsort(np.ravel(dims) % self.ndim)
        return operation(self.data.transpose(*dims), (self,), lambda dy: (dy.transpose(back),))

    def transpose(self, dim0: int, dim1: int) -> "Tensor":
        """Swap two dimensions."""
        return operation(self.data.swapaxes(dim0, dim1), (self,), lambda dy: (dy.swapaxes(dim0, dim1),))

    def detach(self) -> "Tensor":
        """Return the same numbers, detached from the graph."""
        return Tensor(self.data)

    def constant(self, values: Array) -> "Tensor":
        """Make a tensor that is not part of a graph."""
        return Tensor(values)

    @property
    def is_leaf(self) -> bool:
        """Whether it was not made by an operation."""
        return self._vjp is None

    def operand(self, other: Any) -> "Tensor":
        """Make a tensor of the other operand, with this one's dtype unless it is a tensor."""
        if isinstance(other, Tensor):
            return other
        return Tensor(as_array(other, self.dtype if self.dtype.kind == "f" else None))


def operation(value: Any, inputs: Sequence[Tensor], vjp: VJP) -> Tensor:
    """Make the tensor of an operation: its value, its inputs, and its vector-Jacobian product.

    Parameters
    ----------
    value
        What the operation computed.
    inputs
        The tensors it was computed from.
    vjp
        Takes dL/d(value), which it leaves unchanged, and returns a tuple of dL/d(input), one for each input. Each has
        its input's shape, or the shape that the input was broadcast to; None counts as 0.
    """
    value = np.asarray(value)
    if value.dtype == np.float64 and all(source.dtype != np.float64 for source in inputs):
        value = value.astype(np.float32)  # NumPy makes float64 of float32 with integers, and of quotients of integers
    made = Tensor(value)
    if is_grad_enabled() and any(source.requires_grad for source in inputs):
        made.requires_grad, made._inputs, made._vjp = True, tuple(inputs), vjp
    return made


def _unbroadcast(gradient: Any, source: Array) -> Array:
    """Undo broadcasting: sum over the dimensions along which `source` was repeated. None counts as 0.

    Each repetition used the numbers once. ValueError is raised for a gradient of no shape that `source` broadcasts to.
    """
    if gradient is None:
        return np.zeros_like(source)
    if gradient.shape != source.shape:
        new = gradient.ndim - source.ndim
        repeated = tuple(new + dim for dim, size in enumerate(source.shape) if size == 1)
        summed = gradient.sum((*range(new), *repeated), keepdims=True)
        if new < 0 or summed.shape[new:] != source.shape:
            raise ValueError(f"a gradient of shape {gradient.shape} is none of an input of shape {source.shape}")
        gradient = summed.reshape(source.shape)
    return gradient.astype(source.dtype, copy=False)
