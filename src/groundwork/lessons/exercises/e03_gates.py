"""An exercise on logic gates of neurons with hand-set weights, checked at the four corners."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch import Tensor
from groundwork.scratch import functional as F
from groundwork.scratch.arrays import Array


def gate_blank(name):
    """Return the layers of "and", "or" or "xor": pairs of a weight [out, in] and a bias [out]."""
    # One layer of one neuron with two inputs, for example: return [([[5.0, -3.0]], [1.0])]
    raise NotAttempted


def gate_solution(name):
    if name == "and":
        return [([[20.0, 20.0]], [-30.0])]
    if name == "or":
        return [([[20.0, 20.0]], [-10.0])]
    # Hidden: one of them at least, and not both. Output: both hidden neurons say yes.
    return [([[20.0, 20.0], [-20.0, -20.0]], [-10.0, 30.0]), ([[20.0, 20.0]], [-30.0])]


def gate_without_bias(name):
    weights = {"and": [[10.0, 10.0]], "or": [[20.0, 20.0]], "xor": [[20.0, -20.0]]}
    return [(weights[name], [0.0])]


def gate_one_neuron(name):
    layers = {"and": ([[20.0, 20.0]], [-30.0]), "or": ([[20.0, 20.0]], [-10.0]), "xor": ([[20.0, -20.0]], [-10.0])}
    return [layers[name]]


def gate_small(name):
    layers = {"and": [([[1.0, 1.0]], [-1.5])], "or": [([[1.0, 1.0]], [-0.5])]}
    hidden = ([[1.0, 1.0], [-1.0, -1.0]], [-0.5, 1.5])
    return layers.get(name, [hidden, *layers["and"]])


def gate_transposed(name):
    return [(np.transpose(weight).tolist(), bias) for weight, bias in gate_solution(name)]


CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
GATES = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "xor": [0, 1, 1, 0]}
NO, YES = 0.1, 0.9

Layers = list[tuple[Array, Array]]


def examine(answer: Any) -> Finding | None:
    """Send all four pairs of inputs through each gate's layers."""
    for name, wanted in GATES.items():
        layers = _form(name, answer(name))
        if isinstance(layers, Finding):
            return layers
        for corner, yes, said in zip(CORNERS.astype(int).tolist(), wanted, _run(layers), strict=True):
            if not (said > YES if yes else said < NO):
                expected = f"above {YES}" if yes else f"below {NO}"
                return Finding(
                    f"gate {name!r}, inputs {corner}", f"{said:.3f}", expected, _cause(name, layers, GATES[name])
                )
    return None


def _run(layers: Layers) -> Array:
    """Compute the answers at the four corners: numbers between 0 and 1, ``[4]``."""
    values = Tensor(CORNERS)
    for weight, bias in layers:
        values = F.sigmoid(F.linear(values, Tensor(weight), Tensor(bias)))
    return values.data[:, 0]


def _form(name: str, given: Any) -> Finding | Layers:
    """Check the shapes: each layer takes the outputs of the one before, and the last gives one number."""
    case, pairs = f"gate {name!r}", "a list of layers, each a pair (weight, bias)"
    if given is None:
        return Finding(case, "None", pairs, "nothing was returned for this gate")
    try:
        layers = [(np.asarray(weight, np.float64), np.asarray(bias, np.float64)) for weight, bias in given]
    except (TypeError, ValueError):
        cause = "a layer is a pair; a gate of one neuron is a list of one layer. A table of answers is not a neuron"
        return Finding(case, given, pairs, cause)
    inputs = 2
    for place, (weight, bias) in enumerate(layers):
        outputs = 1 if place == len(layers) - 1 else len(weight) if weight.ndim == 2 else 0
        yours, expected = f"layer {place}: weight {weight.shape}, bias {bias.shape}", f"({outputs or 'out'}, {inputs})"
        if weight.shape != (outputs, inputs):
            cause = f"a weight has one row for each neuron and one column for each input; this layer gets {inputs}"
            if outputs == 1 and weight.shape[1:] == (inputs,):
                cause = "the last layer is one neuron, which gives the verdict: its weight has one row"
            return Finding(case, yours, f"layer {place}: weight {expected}", cause)
        if bias.shape != (outputs,):
            return Finding(case, yours, f"layer {place}: bias ({outputs},)", "each neuron has one bias of its own")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            return Finding(case, yours, "finite numbers", "infinity times an input of 0 is not a number")
        inputs = outputs
    return layers or Finding(case, "no layers", pairs, "a gate needs a neuron at least")


def _cause(name: str, layers: Layers, wanted: list[int]) -> str:
    if name == "xor" and len(layers) == 1:
        return "one neuron draws one straight line, and no line separates these corners: xor needs a hidden layer"
    if not any(bias.any() for _, bias in layers):
        return "there is no bias: with inputs 0 and 0 the sum is 0 whatever the weights, and a neuron gives 0.5"
    if np.array_equal(_run([(1000 * weight, 1000 * bias) for weight, bias in layers]) > 0.5, wanted):
        return "the side is right, but the weights are too small: multiply weights and biases by ten or more"
    hidden = np.column_stack(layers[0])
    if len(hidden) > 1 and (hidden == hidden[0]).all():
        return "all hidden neurons are the same: together they can do no more than one of them"
    flipped = [(weight.T if weight.shape[0] == weight.shape[1] else weight, bias) for weight, bias in layers]
    if np.array_equal(_run(flipped) > 0.5, wanted):
        return "a weight is transposed: it has one row for each neuron and one column for each input"
    return "compute w·x + b by hand: above 0 the neuron says yes. Choose the bias accordingly"


EXERCISE = Exercise(
    name="03.gates",
    task='Set weights and biases by hand: `gate(name)` gives the layers of "and", "or" and "xor" as a list of pairs '
    "(weight [out, in], bias [out]). Each layer is sigmoid(x Wᵀ + b); above 0.9 is yes, below 0.1 is no.",
    answer="gate",
    blank=gate_blank,
    solution=gate_solution,
    wrong={
        gate_without_bias: "no bias",
        gate_one_neuron: "hidden layer",
        gate_small: "too small",
        gate_transposed: "one row for each neuron",
    },
    hints=(
        "Draw the four corners of a square, and the line between those that say yes and those that say no.",
        "With weights 1 and 1 the sum counts how many inputs are 1: `and` needs more than 1.5, `or` more than 0.5. "
        "Multiply all by 20 to bring the sigmoid close to 0 or 1.",
        "`xor`: a hidden layer of two neurons, one of them `or`, the other `not both`. The output neuron is `and`.",
    ),
    examine=examine,
)
