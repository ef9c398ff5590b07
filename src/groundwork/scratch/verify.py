"""Checks of blocks: `gradcheck` tests gradients, `compare` compares a block with PyTorch's.

    >>> from groundwork.scratch import functional as F
    >>> gradcheck(lambda x: F.softmax(x, 1), (np.eye(3),))
    gradcheck: clean, gradients within 1e-10

Neither a falling loss nor the right shape shows that a program is right: most wrong gradients still go down.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from groundwork.scratch.arrays import Array
from groundwork.scratch.diagnosis import difference, first, power_of_ten
from groundwork.scratch.nn.module import Module
from groundwork.scratch.optim import Adam
from groundwork.scratch.tensor import Tensor

STEP = 1e-5  # near the cube root of float64's precision, where central differences err least


@dataclass(frozen=True)
class Report:
    """The result of a check; true where all differences are within their tolerances.

    Attributes
    ----------
    check
        Its name.
    forward, backward, steps, gradients
        Largest relative difference (see `groundwork.scratch.diagnosis.relative`) of outputs, of gradients, of outputs
        after training, of gradients from difference quotients; None where it was not looked at.
    problem
        The first entry that differs, both values, and the likely cause; empty where there is none.
    """

    check: str
    forward: float | None = None
    backward: float | None = None
    steps: float | None = None
    gradients: float | None = None
    problem: str = ""

    def __bool__(self) -> bool:
        return not self.problem

    def __repr__(self) -> str:
        values = {"outputs": self.forward, "gradients": self.backward, "outputs after training": self.steps}
        values |= {} if self.gradients is None else {"gradients": self.gradients}
        within = [f"{name} within {power_of_ten(value)}" for name, value in values.items() if value is not None]
        return f"{self.check}: {self.problem or 'clean, ' + ', '.join(within)}"


def gradcheck(function: Callable[..., Any], inputs: Sequence[Any], tolerance: float = 1e-6, **arguments: Any) -> Report:
    """Compare every entry of every gradient with a difference quotient, in float64.

    Parameters
    ----------
    function
        A module, or a function of tensors; what it gives must not depend on chance. Of a module, gradients of all
        parameters are checked as well.
    inputs
        Arrays or tensors, or tuples of them; integers have no gradient. Keep away from kinks such as relu's at 0, where
        the quotient lies between the slopes of both sides.
    tolerance
        Largest relative difference; entries below a hundredth of it are not distinguished from 0.
    **arguments
        Further ones, by name; arrays among them get no gradient.

    Raises
    ------
    ValueError
        If there is nothing to differentiate with respect to.

    References
    ----------
    Central differences, https://cs231n.github.io/neural-networks-3/#gradcheck
    """
    ours = _Ours(function)
    chance = np.random.default_rng(0)
    directions = [chance.normal(size=output.shape) for output in ours.run(inputs, arguments)]
    if not ours.leaves:
        raise ValueError("found nothing to differentiate with respect to; expected an array of floating-point numbers")
    found = ours.gradients(directions)

    def along() -> float:
        outputs = ours.again()
        return sum(float((output * direction).sum()) for output, direction in zip(outputs, directions, strict=True))

    errors = []
    for name, leaf in ours.leaves.items():
        quotient = np.empty_like(leaf.data)
        for place in np.ndindex(*leaf.shape):
            value = leaf.data[place]
            leaf.data[place] = value + STEP
            above = along()
            leaf.data[place] = value - STEP
            quotient[place] = (above - along()) / (2 * STEP)
            leaf.data[place] = value
        error, problem = difference(f"gradient of {name}", found[name], quotient, tolerance, "difference quotient")
        errors.append(error)
        if problem:
            return Report("gradcheck", gradients=max(errors), problem=problem)
    return Report("gradcheck", gradients=max(errors, default=0.0))


def compare(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    *inputs: Any,
    steps: int = 0,
    tolerance: float = 1e-10,
    **arguments: Any,
) -> Report:
    """Run one of our blocks and one of PyTorch's in float64, with PyTorch's weights; neither is changed.

    Parameters
    ----------
    ours, theirs
        Modules whose parameters and buffers have the same names, or functions of tensors. Both in the mode of `theirs`;
        without dropout, or not learning.
    *inputs
        Arrays, or tuples of them; floating-point ones get gradients.
    steps
        So many steps of Adam towards a random target, after which the outputs are compared within 1e-8. Not the
        weights: where a true gradient is 0, as that of attention's key bias, Adam makes steps of what rounding left.
    tolerance
        Largest relative difference of outputs, buffers and gradients.
    **arguments
        For both, by name; arrays are converted.
    """
    from groundwork.scratch.bridge import Reference

    reference, block = Reference(theirs), _Ours(ours)
    state, shapes = reference.state(), {name: values.shape for name, values in block.state().items()}
    for name in sorted(state.keys() | shapes.keys()):
        wanted, given = state[name].shape if name in state else None, shapes.get(name)
        if wanted != given:
            return Report("compare", problem=f"{name}: found shape {given}; PyTorch has {wanted}")
    block.load(state, reference.training)

    expected, found = reference.run(inputs, arguments), block.run(inputs, arguments)
    if len(expected) != len(found):
        return Report("compare", problem=f"outputs: found {len(found)}; PyTorch has {len(expected)}")
    pairs = [(f"output {place}", *pair) for place, pair in enumerate(zip(found, expected, strict=True))]
    pairs += [
        (f"{name} after the forward pass", block.state()[name], values) for name, values in reference.state().items()
    ]
    forward, problem = first(pairs, tolerance)
    if problem:
        return Report("compare", forward, problem=problem)

    chance = np.random.default_rng(0)
    directions = [chance.normal(size=output.shape) for output in expected]
    slopes, found_slopes = reference.gradients(directions), block.gradients(directions)
    pairs = [(f"gradient of {name}", found_slopes[name], values) for name, values in slopes.items()]
    backward, problem = first(pairs, tolerance)
    if problem or not steps:
        return Report("compare", forward, backward, problem=problem)

    targets = [chance.normal(size=output.shape) for output in expected]
    for side in (reference, block):
        for _ in range(steps):
            outputs = side.run(inputs, arguments)
            # The gradient of the mean squared error of all outputs.
            side.gradients(
                [2 * (output - target) / output.size for output, target in zip(outputs, targets, strict=True)]
            )
            side.step()
    learned = zip(block.run(inputs, arguments), reference.run(inputs, arguments), strict=True)
    after, problem = first(
        [(f"output {place} after {steps} steps", *pair) for place, pair in enumerate(learned)], max(1e-8, tolerance)
    )
    return Report("compare", forward, backward, after, problem=problem)


class _Ours:
    """A scratch function or module, run on arrays in float64."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = copy.deepcopy(function)
        self.module = self.function.double() if isinstance(self.function, Module) else Module()
        self.optimizer = Adam(self.module.parameters()) if self.module.parameters() else None

    def state(self) -> dict[str, Array]:
        return self.module.state_dict()

    def load(self, state: dict[str, Array], training: bool) -> None:
        self.module.train(training).load_state_dict(state)

    def run(self, inputs: Sequence[Any], arguments: dict[str, Any]) -> list[Array]:
        self.inputs, self.arguments = converted(inputs, _leaf), converted(arguments, Tensor)
        given = {f"input {place}": leaf for place, leaf in enumerate(flat(self.inputs)) if _learns(leaf)}
        self.leaves = given | dict(self.module.named_parameters())
        return self.again()

    def again(self) -> list[Array]:
        self.outputs = flat(self.function(*self.inputs, **self.arguments))
        return [output.data for output in self.outputs]

    def gradients(self, directions: Sequence[Array]) -> dict[str, Array]:
        for leaf in self.leaves.values():
            leaf.grad = None
        for output, direction in zip(self.outputs, directions, strict=True):
            if output.requires_grad:
                output.backward(direction)
        return {
            name: np.zeros_like(leaf.data) if leaf.grad is None else leaf.grad for name, leaf in self.leaves.items()
        }

    def step(self) -> None:
        if self.optimizer is not None:
            self.optimizer.step()


def converted(value: Any, convert: Callable[[Array], Any]) -> Any:
    """Convert every array in nested tuples, lists and dictionaries."""
    if isinstance(value, dict):
        return {name: converted(part, convert) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return tuple(converted(part, convert) for part in value)
    if isinstance(value, Tensor):
        return convert(value.data)
    return convert(value) if isinstance(value, np.ndarray) else value


def flat(value: Any) -> list[Any]:
    """List the elements of nested tuples and lists in order, without None."""
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in flat(part)]
    return [] if value is None else [value]


def _leaf(values: Array) -> Tensor:
    floating = values.dtype.kind == "f"
    return Tensor(values.astype(np.float64) if floating else values, requires_grad=floating)


def _learns(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.requires_grad
