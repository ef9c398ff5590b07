"""The bridge to PyTorch: turns a scratch network into an ordinary `torch.nn.Module`. Only this module imports torch.

PyTorch owns the weights, so that its optimizers, Lightning and checkpoints treat them like any others. Forward runs our
operations on the same memory; backward walks our graph and returns the gradients: one `torch.autograd.Function`.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from groundwork.scratch.arrays import Array
from groundwork.scratch.grad_mode import no_grad
from groundwork.scratch.nn.module import Module, Parameter
from groundwork.scratch.tensor import Tensor
from groundwork.scratch.verify import converted, flat


def as_torch_module(module: Module) -> torch.nn.Module:
    """Make a PyTorch module that computes what `module` does.

    Parameters
    ----------
    module
        It takes tensors, by place or by name, and gives one. Its numbers are shared, not copied: train the PyTorch
        module, or this one, not both.

    Returns
    -------
    torch.nn.Module
        With the same modules in it, and the same names of parameters and buffers. On a GPU it computes on the CPU, and
        carries numbers there and back.
    """
    return _Bridge(module, {})


def to_torch(state_dict: Mapping[str, Array]) -> dict[str, torch.Tensor]:
    """Make a state dict that PyTorch can load of one of ours; the numbers are copied."""
    return {name: torch.from_numpy(np.array(values)) for name, values in state_dict.items()}


class _Mirror(torch.nn.Module):
    """Holds a scratch module's parameters and buffers under their names, and those of the modules in it.

    `shared` has PyTorch's parameter for each of ours: one that has two places in the network is one there, too.
    """

    def __init__(self, module: Module, shared: dict[int, torch.nn.Parameter]) -> None:
        super().__init__()
        self._mirrored, self.training = module, module.training
        # Where a module's parameters need other options than the rest, the pipeline's optimizer looks for them here.
        if hasattr(module, "optimizer_options"):
            self.optimizer_options = module.optimizer_options
        for name, value in vars(module).items():
            if isinstance(value, Parameter):
                theirs = torch.nn.Parameter(torch.from_numpy(value.data), value.requires_grad)
                self.register_parameter(name, shared.setdefault(id(value), theirs))
            elif isinstance(value, np.ndarray):
                self.register_buffer(name, torch.from_numpy(value))
            elif isinstance(value, Module):
                self.add_module(name, _Mirror(value, shared))

    def _get_name(self) -> str:
        return f"scratch.{type(self._mirrored).__name__}"

    def lend(self) -> Iterator[tuple[torch.Tensor, Tensor]]:
        """Let the scratch module use PyTorch's memory, wherever it is; yield the parameters of both sides."""
        self._mirrored.training = self.training
        for name, theirs in self._parameters.items():
            assert theirs is not None
            ours = getattr(self._mirrored, name)
            ours.data, ours.requires_grad = _numbers(theirs), theirs.requires_grad
            yield theirs, ours
        for name, buffer in self._buffers.items():
            assert buffer is not None
            setattr(self._mirrored, name, _numbers(buffer))
        for child in self.children():
            assert isinstance(child, _Mirror)
            yield from child.lend()


class _Bridge(_Mirror):
    """The mirror of a whole network, which can be run."""

    def forward(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Run the scratch network on PyTorch's tensors, by place or by name."""
        # By identity: a parameter in two places gets its gradient once.
        lent = {id(mine): (given, mine) for given, mine in self.lend()}.values()
        theirs, ours = [given for given, _ in lent], [mine for _, mine in lent]

        def lent_to_ours(tensor: Any) -> Any:
            if not isinstance(tensor, torch.Tensor):
                return tensor
            theirs.append(tensor)
            ours.append(Tensor(_numbers(tensor), tensor.requires_grad))
            return ours[-1]

        with nullcontext() if torch.is_grad_enabled() else no_grad():
            named = {name: lent_to_ours(value) for name, value in kwargs.items()}
            output = self._mirrored(*map(lent_to_ours, args), **named)
        if not isinstance(output, Tensor):
            raise TypeError(f"{type(self._mirrored).__name__} gave {type(output).__name__}; expected one Tensor")
        for mirror in self.modules():
            for name, buffer in mirror._buffers.items():
                now = torch.from_numpy(np.asarray(getattr(mirror._mirrored, name)))
                if buffer is not None and buffer.data_ptr() != now.data_ptr():
                    buffer.copy_(now)
        return _Run.apply(output, ours, *theirs)  # type: ignore[no-untyped-call]  # torch's stubs lack it


class _Run(torch.autograd.Function):
    """The node of PyTorch's graph that stands for a whole scratch network."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, ours: list[Tensor], *theirs: torch.Tensor) -> torch.Tensor:
        ctx.output, ctx.ours, ctx.device = output, ours, theirs[0].device
        return torch.from_numpy(output.data.copy()).to(ctx.device)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        for leaf in ctx.ours:
            leaf.grad = None
        ctx.output.backward(_numbers(gradient))
        gradients = [None if leaf.grad is None else torch.from_numpy(leaf.grad).to(ctx.device) for leaf in ctx.ours]
        for leaf in ctx.ours:
            leaf.grad = None
        return None, None, *gradients


class Reference:
    """A PyTorch function or module, run on arrays in float64: the other side of `groundwork.scratch.verify.compare`.

    Parameters
    ----------
    function
        It is copied, and stays as it is.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = copy.deepcopy(function)
        self.module = self.function.double() if isinstance(self.function, torch.nn.Module) else torch.nn.Module()
        parameters = list(self.module.parameters())
        self.optimizer = torch.optim.Adam(parameters) if parameters else None

    @property
    def training(self) -> bool:
        """Whether it is in training mode."""
        return self.module.training

    def state(self) -> dict[str, Array]:
        """Name the numbers of all parameters and buffers."""
        return {name: np.array(_numbers(values)) for name, values in self.module.state_dict().items()}

    def run(self, inputs: Sequence[Any], arguments: dict[str, Any]) -> list[Array]:
        """Compute and list the outputs."""
        self.inputs = converted(tuple(inputs), _leaf)
        self.outputs = flat(self.function(*self.inputs, **converted(arguments, torch.from_numpy)))
        return [_numbers(output) for output in self.outputs]

    def gradients(self, directions: Sequence[Array]) -> dict[str, Array]:
        """Walk back from all outputs, and name the gradients of inputs and parameters."""
        given = {f"input {place}": leaf for place, leaf in enumerate(flat(self.inputs)) if _learns(leaf)}
        leaves = given | dict(self.module.named_parameters())
        for leaf in leaves.values():
            leaf.grad = None
        for output, direction in zip(self.outputs, directions, strict=True):
            if output.requires_grad:
                output.backward(torch.from_numpy(direction), retain_graph=True)
        found = {name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for name, leaf in leaves.items()}
        return {name: _numbers(gradient) for name, gradient in found.items()}

    def step(self) -> None:
        """Let Adam take one step."""
        if self.optimizer is not None:
            self.optimizer.step()


def _learns(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.requires_grad


def _leaf(values: Array) -> torch.Tensor:
    tensor = torch.tensor(values)
    return tensor.double().requires_grad_() if tensor.is_floating_point() else tensor


def _numbers(tensor: torch.Tensor) -> Array:
    """View a tensor as an array: the same memory on the CPU, a copy from elsewhere."""
    if tensor.dtype == torch.bfloat16:
        raise TypeError("NumPy has no bfloat16; expected float16, float32 or float64")
    return tensor.detach().cpu().numpy()
