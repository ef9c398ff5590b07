"""A block under one choice of inputs and arguments: written once, built of our library and of torch's."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from groundwork import scratch
from groundwork.scratch import functional, nn

OURS = SimpleNamespace(
    nn=nn,
    F=functional,
    cat=scratch.cat,
    stack=scratch.stack,
    where=scratch.where,
    tensor=scratch.Tensor,
    array=np.copy,
)
TORCH = SimpleNamespace(
    nn=torch.nn,
    F=torch.nn.functional,
    cat=torch.cat,
    stack=torch.stack,
    where=torch.where,
    tensor=torch.tensor,
    array=torch.tensor,
)
RNG = np.random.default_rng(0)


@dataclass(frozen=True, eq=False)
class Case:
    """One block, and what it is run on."""

    block: str
    variant: str
    make: Callable[[Any], Any]  # builds a module, or gives a function, of the library that it is handed
    inputs: tuple[Any, ...]
    arguments: dict[str, Any] = field(default_factory=dict)
    theirs: Any = None  # where torch has nothing of the kind: a function of its tensors
    has_slope: bool = True  # False where the gradient is not the slope by convention: padding does not learn

    def __str__(self) -> str:
        return f"{self.block} {self.variant}"

    def ours(self) -> Any:
        """Build ours."""
        return self.make(OURS)

    def torch(self) -> Any:
        """Build torch's, with random weights: first weights of 0 and 1 would hide what they add and multiply."""
        made = self.make(TORCH) if self.theirs is None else self.theirs
        if isinstance(made, torch.nn.Module):
            chance = torch.Generator().manual_seed(0)
            for values in made.state_dict().values():
                if values.is_floating_point():  # variances are among those of one dimension
                    values.copy_(torch.rand(values.shape, generator=chance) + (0.5 if values.ndim == 1 else -0.5))
        return made


def operation(name: str, variant: str, function: Callable[..., Any], *inputs: Any, **others: Any) -> Case:
    """Make a case of a tensor's method or operator: the same function for both libraries."""
    return Case(f"Tensor.{name}", variant, lambda _: function, inputs, **others)


def function(name: str, variant: str, *inputs: Any, **arguments: Any) -> Case:
    """Make a case of a function that both libraries have."""
    return Case(f"functional.{name}", variant, lambda lib: getattr(lib.F, name), inputs, arguments)


def module(name: str, variant: str, inputs: tuple[Any, ...], /, *places: Any, **options: Any) -> Case:
    """Make a case of a module that both libraries build of these arguments."""
    return Case(f"nn.{name}", variant, lambda lib: getattr(lib.nn, name)(*places, **options), inputs)


def normal(*shape: int) -> Any:
    """Draw random numbers."""
    return RNG.normal(size=shape)


def apart(*shape: int) -> Any:
    """Draw numbers in [-2, 2] that are not near each other, 0 or ±1: where a slope jumps, its quotient is neither."""
    count = int(np.prod(shape))
    return RNG.permutation(np.linspace(-2, 2, 2 * count + 2)[1::2][:count]).reshape(shape)


def said(**options: Any) -> str:
    """Name a variant by its arguments."""
    return ", ".join(f"{name}={value}" for name, value in options.items())
