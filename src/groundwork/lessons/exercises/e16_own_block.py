"""An exercise on a block of one's own, checked by its parameters, output, gradients and a short training."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch import Tensor, manual_seed, nn
from groundwork.scratch import functional as F
from groundwork.scratch.arrays import Array
from groundwork.scratch.optim import Adam


class GatedBlockBlank(nn.Module):
    def __init__(self, width, hidden):
        self.gate = nn.Linear(width, hidden)
        # Two more layers: `up`, as wide as gate, and `down`, which leads back to width.

    def forward(self, input):
        raise NotAttempted  # input + down(swish(gate(input)) * up(input))


class GatedBlockSolution(nn.Module):
    def __init__(self, width, hidden):
        self.gate = nn.Linear(width, hidden)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)

    def forward(self, input):
        gate = self.gate(input)
        return input + self.down(gate * F.sigmoid(gate) * self.up(input))


class GatedBlockPlainList(GatedBlockSolution):
    def __init__(self, width, hidden):
        self.layers = [nn.Linear(width, hidden), nn.Linear(width, hidden), nn.Linear(hidden, width)]

    def forward(self, input):
        gate, up, down = self.layers
        opened = gate(input)
        return input + down(opened * F.sigmoid(opened) * up(input))


class GatedBlockDetached(GatedBlockSolution):
    def forward(self, input):
        gate = self.gate(input)
        swish = gate * (1 / (1 + np.exp(-gate.data)))
        return input + self.down(swish * self.up(input))


class GatedBlockInPlace(GatedBlockSolution):
    def forward(self, input):
        gate = self.gate(input)
        gate.data *= F.sigmoid(gate).data
        return input + self.down(gate * self.up(input))


class GatedBlockFixedBatch(GatedBlockSolution):
    def forward(self, input):
        gate = self.gate(input).reshape(32, -1)
        return input + self.down(gate * F.sigmoid(gate) * self.up(input))


WIDTH, HIDDEN = 2, 3
SHAPES = {
    "gate.weight": (HIDDEN, WIDTH), "gate.bias": (HIDDEN,), "up.weight": (HIDDEN, WIDTH), "up.bias": (HIDDEN,),
    "down.weight": (WIDTH, HIDDEN), "down.bias": (WIDTH,),
}  # fmt: skip
# No two parameters alike, or gate and up could stand in for each other.
STATE = f"block = GatedBlock(2, 3), parameter k of {', '.join(SHAPES)} np.cos(k + np.arange(size)).reshape(shape)"
NUMBERS = {
    name: np.cos(place + np.arange(np.prod(shape))).reshape(shape) for place, (name, shape) in enumerate(SHAPES.items())
}


def examine(answer: Any) -> Finding | None:
    """Check parameters, outputs of several shapes, gradients, and a few steps of training."""
    block = answer(WIDTH, HIDDEN)
    if not isinstance(block, nn.Module):
        cause = "a block is a nn.Module: class GatedBlock(nn.Module)"
        return Finding("GatedBlock(2, 3)", type(block).__name__, "a nn.Module", cause)
    # The blank has its say before anything is found missing in it.
    rows = np.linspace(-2, 2, 32 * WIDTH).reshape(32, WIDTH)
    first = block.forward(Tensor(rows.astype(np.float32)))
    found = {name: parameter.shape for name, parameter in block.named_parameters()}
    if found != SHAPES:
        return Finding("dict of GatedBlock(2, 3).named_parameters()", found, SHAPES, _unregistered(block, found))
    if not isinstance(first, Tensor):
        return Finding("GatedBlock(2, 3)(x)", type(first).__name__, "Tensor", "forward must return its result")
    return _outputs(answer, rows) or _gradients(answer) or _training(answer)


def _made(answer: Any) -> Any:
    block = answer(WIDTH, HIDDEN).double()
    block.load_state_dict(NUMBERS)
    return block


def _outputs(answer: Any, rows: Array) -> Finding | None:
    """Run a whole mini-batch, a smaller one as an epoch's last, and rows of several members."""
    for shape in ((32, WIDTH), (5, WIDTH), (4, 2, WIDTH)):
        input = rows.ravel()[: int(np.prod(shape))].reshape(shape)
        case = f"{STATE}; x = np.linspace(-2, 2, 64)[:{input.size}].reshape{shape}"
        expected = _made(GatedBlockSolution)(Tensor(input)).data
        given = Tensor(input.copy())
        try:
            output = _made(answer)(given)
        except (ValueError, IndexError, TypeError) as error:
            cause = "the batch size is hard-coded: an epoch's last mini-batch has fewer rows, and rows may have members"
            if shape[0] == 32:
                raise
            return Finding(case, f"{type(error).__name__}: {error}", f"shape {shape}", cause)
        yours = output.data if isinstance(output, Tensor) else output
        if not np.array_equal(given.data, input):
            cause = "the input was changed in place: it is still needed, for instance in the sum at the block's end"
            return Finding(case, f"x is {given.data.ravel()[:3]}... afterwards", f"{input.ravel()[:3]}...", cause)
        if np.shape(yours) != shape:
            return Finding(
                case, f"shape {np.shape(yours)}", f"shape {shape}", "the block's output has the shape of its input"
            )
        if not _near(yours, expected):
            first, wanted = (np.round(values.ravel()[:3], 4) for values in (yours, expected))
            return Finding(case, f"{first}...", f"{wanted}...", _formula(input, yours))
    return None


def _formula(input: Array, yours: Array) -> str:
    """Guess the missing part."""
    gate, up = (input @ NUMBERS[f"{name}.weight"].T + NUMBERS[f"{name}.bias"] for name in ("gate", "up"))

    def down(opened: Array) -> Array:
        return opened @ NUMBERS["down.weight"].T + NUMBERS["down.bias"]

    sigmoid = 1 / (1 + np.exp(-gate))
    guesses = {
        "the input is not added at the end": down(gate * sigmoid * up),
        "the gate is a sigmoid: swish is x times sigmoid(x)": input + down(sigmoid * up),
        "the activation is missing: swish(gate), not gate": input + down(gate * up),
        "another activation: swish is x times sigmoid(x), not ReLU": input + down(gate.clip(0) * up),
        "the activation is on the other branch: swish is applied to gate": input + down(gate * up / (1 + np.exp(-up))),
    }
    known = [cause for cause, output in guesses.items() if _near(yours, output)]
    return known[0] if known else "compare with input + down(swish(gate(input)) * up(input)), part by part"


def _gradients(answer: Any) -> Finding | None:
    """Compare the gradients of the sum of all outputs with the solution's."""
    input = np.array([[-2.0, 0.5], [1.0, 3.0]])
    found, expected = (_of_sum(_made(block), input) for block in (answer, GatedBlockSolution))
    for name in ("down.bias", "down.weight", "up.bias", "up.weight", "gate.bias", "gate.weight", "input"):
        wanted, yours = expected[name], found[name]
        assert wanted is not None
        if not _near(yours, wanted):
            case = f"{STATE}; x = {input.tolist()}; block(x).sum().backward(); gradient of {name}"
            shown = yours if yours is None else np.round(yours, 4)
            return Finding(case, shown, np.round(wanted, 4), _lost(name, yours, input))
    return None


def _near(yours: Array | None, expected: Array) -> bool:
    return yours is not None and np.allclose(yours, expected, rtol=1e-6, atol=1e-6)


def _of_sum(block: Any, input: Array) -> dict[str, Array | None]:
    given = Tensor(input.copy(), requires_grad=True)
    output = block(given).sum()
    if output.requires_grad:
        output.backward()
    return {"input": given.grad} | {name: parameter.grad for name, parameter in block.named_parameters()}


def _lost(name: str, yours: Array | None, input: Array) -> str:
    if yours is None:
        return f"no gradient reaches {name}: results of .data or NumPy are no part of the graph"
    gate, up = (input @ NUMBERS[f"{part}.weight"].T + NUMBERS[f"{part}.bias"] for part in ("gate", "up"))
    arrives = NUMBERS["down.weight"].sum(0) * up  # at swish(gate), of the sum of all outputs
    guesses = {
        "the sigmoid is no part of the graph: what is computed with .data or NumPy counts as a constant": 1
        / (1 + np.exp(-gate)),
        "the activation was done in place, on .data: the graph has not seen it, and its slope counts as 1": 1.0,
    }
    if name == "gate.bias":
        for cause, slope in guesses.items():
            if _near(yours, (arrives * slope).sum(0)):
                return cause
    return "the output is right and the gradient is not: use operations of Tensor, or write the vjp by the product rule"


def _training(answer: Any) -> Finding | None:
    """Take sixty steps of Adam towards a target that such a block can reach."""
    manual_seed(0)
    target_block, block = GatedBlockSolution(WIDTH, 8), answer(WIDTH, 8)
    input = Tensor(np.random.default_rng(0).normal(size=(32, WIDTH)).astype(np.float32))
    target, optimizer, losses = target_block(input).detach(), Adam(block.parameters(), lr=0.02), []
    for _ in range(60):
        loss = F.mse_loss(block(input), target)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if losses[-1] < losses[0] / 2:
        return None
    case = "60 steps of Adam (lr 0.02) on the mean squared error to another block's outputs"
    cause = "it hardly learns: draw or make nothing in forward, and start parameters at different numbers"
    return Finding(case, f"loss {losses[0]:.4f} -> {losses[-1]:.4f}", f"below {losses[0] / 2:.4f}", cause)


def _unregistered(block: Any, found: dict[str, Any]) -> str:
    held = [name for name, value in vars(block).items() if isinstance(value, list | tuple | dict) and value]
    if len(found) < len(SHAPES) and held:
        return f"`{held[0]}` is a plain list: its layers are not registered, so they are neither optimized nor saved"
    if set(found) == set(SHAPES):
        return "width goes to hidden in gate and up, and hidden to width in down"
    return "the layers' attributes are called gate, up and down, each a nn.Linear with a bias"


EXERCISE = Exercise(
    name="16.own_block",
    task="Write a gated block as a module: input + down(swish(gate(input)) * up(input)), with swish(x) = x sigmoid(x).",
    answer="GatedBlock",
    blank=GatedBlockBlank,
    solution=GatedBlockSolution,
    wrong={
        GatedBlockPlainList: "plain list",
        GatedBlockDetached: "no part of the graph",
        GatedBlockInPlace: "in place",
        GatedBlockFixedBatch: "hard-coded",
    },
    hints=(
        "A layer that is assigned to an attribute is registered: its parameters have names, and optimizers get them.",
        "swish(x) is x * F.sigmoid(x), with F of groundwork.scratch; an operation on a Tensor's .data has no gradient.",
        "Keep the output of gate in a variable; then input + self.down(kept * F.sigmoid(kept) * self.up(input)).",
    ),
    examine=examine,
)
