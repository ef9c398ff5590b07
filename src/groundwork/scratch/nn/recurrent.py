"""Recurrent networks: one step for each time step, from the input and the previous state.

Back-propagation through time needs nothing of its own here: the graph of operations is as long as the sequence.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from groundwork.scratch import functional as F
from groundwork.scratch.combine import stack
from groundwork.scratch.nn import init
from groundwork.scratch.nn.module import Module, Parameter
from groundwork.scratch.tensor import Tensor

State = tuple[Tensor, ...]


class Recurrent(Module):
    """Layers of one kind of recurrence. A kind defines its number of gates and its step.

    Parameters
    ----------
    input_size, hidden_size
        Length of what comes in at each time, and of the state.
    num_layers
        Layers; each reads the states of the one below.
    bias
        Whether there are biases: one with the input's weights and one with the state's, as in cuDNN.
    batch_first
        Whether sequences are ``[rows, times, ...]`` instead of ``[times, rows, ...]``.
    dropout
        Share of a layer's states that is dropped on the way to the next layer.
    """

    gates: int
    weight_ih_l0: Parameter
    # Maps the projections of input and state, each [rows, gates * hidden_size], and the state to the next state.
    step: Callable[[Tensor, Tensor, State], State]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
    ) -> None:
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout: found {dropout}; expected a share between 0 and 1")
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self.batch_first, self.dropout = batch_first, dropout
        bound = 1 / math.sqrt(hidden_size)
        rows = self.gates * hidden_size
        for layer in range(num_layers):
            shapes: dict[str, tuple[int, ...]] = {
                "weight_ih": (rows, hidden_size if layer else input_size),
                "weight_hh": (rows, hidden_size),
            }
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
            for name, shape in shapes.items():
                weight = Parameter(np.empty(shape, np.float32))
                setattr(self, f"{name}_l{layer}", init.uniform_(weight, -bound, bound))

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        """Give the last layer's states at all times, and every layer's last; see `run`."""
        output, (last,) = self.run(input, hx)
        return output, last

    def run(self, input: Tensor, *first: Tensor | None) -> tuple[Tensor, State]:
        """Go through all times, a layer after the other.

        Parameters
        ----------
        input
            ``[times, rows, input_size]``, or with the rows first.
        *first
            The parts of every layer's state before the first time, ``[num_layers, rows, hidden_size]``; None: zeros.

        Returns
        -------
        Tensor, tuple of Tensor
            The last layer's states at all times, ``[times, rows, hidden_size]`` or with the rows first; the parts of
            every layer's last state, ``[num_layers, rows, hidden_size]``.
        """
        width = self.weight_ih_l0.shape[1]
        if input.ndim != 3 or input.shape[2] != width:
            raise ValueError(f"expected three dimensions, the last of size {width}; found shape {input.shape}")
        dim = int(self.batch_first)
        sequence = [input[(slice(None),) * dim + (time,)] for time in range(input.shape[dim])]
        zeros = np.zeros((self.num_layers, input.shape[1 - dim], self.hidden_size), input.dtype)
        start = [Tensor(zeros) if part is None else part for part in first]
        if any(part.shape != zeros.shape for part in start):
            raise ValueError(f"first state: expected shape {zeros.shape}; found {[part.shape for part in start]}")
        ends: list[State] = []
        for layer in range(self.num_layers):
            weight_ih, weight_hh = getattr(self, f"weight_ih_l{layer}"), getattr(self, f"weight_hh_l{layer}")
            bias_ih, bias_hh = getattr(self, f"bias_ih_l{layer}", None), getattr(self, f"bias_hh_l{layer}", None)
            if layer:
                sequence = [F.dropout(state, self.dropout, self.training) for state in sequence]
            state = tuple(part[layer] for part in start)
            for time, inputs in enumerate(sequence):
                state = self.step(F.linear(inputs, weight_ih, bias_ih), F.linear(state[0], weight_hh, bias_hh), state)
                sequence[time] = state[0]
            ends.append(state)
        return stack(sequence, dim), tuple(stack(parts) for parts in zip(*ends, strict=True))


class RNN(Recurrent):
    """h' = tanh(W x + b + U h + c) (Elman, https://doi.org/10.1207/s15516709cog1402_1).

    Parameters
    ----------
    nonlinearity
        ``tanh`` or ``relu``; the others are those of `Recurrent`.
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        **others: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, **others)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity: found {nonlinearity!r}; expected tanh or relu")
        self.nonlinearity = F.tanh if nonlinearity == "tanh" else F.relu

    def step(self, from_input: Tensor, from_state: Tensor, state: State) -> State:
        """Add, and apply the nonlinearity."""
        return (self.nonlinearity(from_input + from_state),)


class GRU(Recurrent):
    """A state that gates keep or renew (Cho et al., https://arxiv.org/abs/1406.1078); parameters as of `Recurrent`."""

    gates = 3

    def step(self, from_input: Tensor, from_state: Tensor, state: State) -> State:
        """Reset the state's contribution, propose a new state, and update by the share of the second gate."""
        size, (hidden,) = self.hidden_size, state
        opened = F.sigmoid(from_input[:, : 2 * size] + from_state[:, : 2 * size])
        reset, keep = opened[:, :size], opened[:, size:]
        proposed = F.tanh(from_input[:, 2 * size :] + reset * from_state[:, 2 * size :])
        return (proposed + keep * (hidden - proposed),)


class LSTM(Recurrent):
    """Keeps a cell, which is added to and so forgets slowly, with the state; parameters as in `Recurrent`.

    Hochreiter and Schmidhuber, https://doi.org/10.1162/neco.1997.9.8.1735; the gates lie in the order input, forget,
    cell, output.
    """

    gates = 4

    def step(self, from_input: Tensor, from_state: Tensor, state: State) -> State:
        """Forget, write, and output the part of the cell that the output gate lets through."""
        size, (_, cell) = self.hidden_size, state
        sums = from_input + from_state
        write, forget = F.sigmoid(sums[:, :size]), F.sigmoid(sums[:, size : 2 * size])
        candidate, show = F.tanh(sums[:, 2 * size : 3 * size]), F.sigmoid(sums[:, 3 * size :])
        cell = forget * cell + write * candidate
        return show * F.tanh(cell), cell

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Give the last layer's states, and every layer's last state and cell; see `Recurrent.run`."""
        output, (hidden, cell) = self.run(input, *((None, None) if hx is None else hx))
        return output, (hidden, cell)
