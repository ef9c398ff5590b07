"""What has weights: `Parameter`, `Module`, and modules made of modules.

A module is known by its attributes: a `Parameter` learns, an array is kept with it (PyTorch calls it a buffer), a
`Module` is a part of it. A state dict names their numbers, as in ``layers.0.weight``; the names are PyTorch's, so that
weights travel both ways.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from groundwork.scratch.arrays import Array
from groundwork.scratch.tensor import Tensor


class Parameter(Tensor):
    """A tensor that learns."""

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)


class Module:
    """A part of a network. Assign its parts to attributes in ``__init__``, and write ``forward``.

    Attributes
    ----------
    training : bool
        Whether it learns now; dropout and batch normalization do otherwise later.
    """

    training = True
    forward: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`."""
        return self.forward(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(getattr(self, name, None), Parameter) and not (value is None or isinstance(value, Parameter)):
            raise TypeError(f"{name}: found {type(value).__name__}; expected a Parameter, or a change of its `data`")
        super().__setattr__(name, value)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """Yield this module, whose name is `prefix`, and all modules in it."""
        yield prefix, self
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield from value.named_modules(_joined(prefix, name))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield parameters by name; one with several names by the first."""
        seen: set[int] = set()
        for name, value in self._named(Parameter):
            if id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """Yield arrays that are kept and do not learn, by name."""
        yield from self._named(np.ndarray)

    def parameters(self) -> list[Parameter]:
        """List the parameters."""
        return [parameter for _, parameter in self.named_parameters()]

    def state_dict(self) -> dict[str, Array]:
        """Name the numbers of all parameters and buffers; the arrays are those of the module, not copies."""
        return {name: parameter.data for name, parameter in self._named(Parameter)} | dict(self.named_buffers())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Copy numbers into all parameters and buffers.

        Parameters
        ----------
        state_dict
            Arrays, or what NumPy makes arrays of, such as PyTorch's tensors, by name.

        Raises
        ------
        KeyError
            If a name is missing, or one is unknown.
        ValueError
            If a shape differs.
        """
        own = self.state_dict()
        if own.keys() != state_dict.keys():
            missing, unknown = sorted(own.keys() - state_dict.keys()), sorted(state_dict.keys() - own.keys())
            raise KeyError(f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}")
        given = {name: Tensor(values).data for name, values in state_dict.items()}
        for name, values in own.items():
            if values.shape != given[name].shape:
                raise ValueError(f"{name}: expected shape {values.shape}; found {given[name].shape}")
        for name, values in own.items():
            values[...] = given[name]

    def to(self, dtype: Any) -> Self:
        """Store all floating-point numbers as `dtype`, which is floating-point too."""
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"expected a floating-point dtype; found {np.dtype(dtype)}")
        for _, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    value.data = value.data.astype(dtype)
                elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
                    setattr(module, name, value.astype(dtype))
        return self

    def double(self) -> Self:
        """Store all floating-point numbers as float64."""
        return self.to(np.float64)

    def train(self, mode: bool = True) -> Self:
        """Set whether this module and all in it learn now."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode: no dropout, and normalization by running statistics."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    def __repr__(self) -> str:
        parts = [f"  ({name}): {value!r}".replace("\n", "\n  ") for name, value in _owned(self, Module)]
        parts += [f"  {name}: {value.shape}" for name, value in _owned(self, Parameter)]
        return "\n".join([f"{type(self).__name__}(", *parts, ")"]) if parts else f"{type(self).__name__}()"

    def _named(self, kind: type) -> Iterator[tuple[str, Any]]:
        for prefix, module in self.named_modules():
            for name, value in _owned(module, kind):
                yield _joined(prefix, name), value


class ModuleList(Module):
    """Modules in a row, named by their place."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        for place, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(f"place {place}: found {type(module).__name__}; expected a Module")
            setattr(self, str(place), module)

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in _owned(self, Module))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, place: int) -> Module:
        """Return the module at `place`."""
        return list(self)[place]

    def append(self, module: Module) -> None:
        """Put `module` last."""
        ModuleList.__init__(self, [*self, module])


class Sequential(ModuleList):
    """Modules in sequence: each gets the output of the one before."""

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, input: Any) -> Any:
        """Send `input` through all of them."""
        for module in self:
            input = module(input)
        return input


def _owned(module: Module, kind: type) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in vars(module).items() if isinstance(value, kind))


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
