"""Draws shuffled mini-batches from rows that are in memory, on the device of the rows.

A `torch.utils.data.DataLoader` fetches and collates rows one at a time, which takes longer than a training step of the
networks here.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from groundwork.encoders.ragged import Augment, Encoded, Inputs, lengths

NOISE = 1 << 32  # beyond every seed that params.yaml allows
# Mini-batches that are filled from one pool of rows sorted by length: enough to need little padding, and few enough
# that the rows of a mini-batch differ from epoch to epoch.
POOL = 50
# Rows in a piece when the network is evaluated: fewer where they are sequences, which need more memory.
ROWS_AT_ONCE, SEQUENCES_AT_ONCE = 4096, 512


def pieces(inputs: Encoded) -> Iterator[tuple[Tensor, Inputs]]:
    """Cut all rows into pieces for evaluation: row numbers and inputs, with sequences in order of their length."""
    long, first = lengths(inputs), next(iter(inputs.values()))
    if long is None:
        assert isinstance(first, Tensor)
        order = torch.arange(len(first), device=first.device)
    else:
        order = long.argsort(stable=True)
    for which in torch.split(order, ROWS_AT_ONCE if long is None else SEQUENCES_AT_ONCE):
        yield which, {name: values[which] for name, values in inputs.items()}


@dataclass(frozen=True)
class Rows:
    """Encoded rows: a network's inputs by name, and the targets.

    Attributes
    ----------
    inputs
        Tensors whose first dimension is the row, or ragged sequences.
    target
        As the objective takes them: class indices (int64) or numbers (float32), ``[rows]`` or ``[rows, columns]``.
    queries
        The query of each row, for metrics that rank the rows of a query; on the CPU. Or None.
    """

    inputs: Encoded
    target: Tensor
    queries: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.target)

    def to(self, device: torch.device) -> "Rows":
        """Copy to `device`."""
        inputs = {name: tensor.to(device) for name, tensor in self.inputs.items()}
        return replace(self, inputs=inputs, target=self.target.to(device))

    def __getitem__(self, which: Tensor | slice) -> tuple[Inputs, Tensor]:
        return {name: tensor[which] for name, tensor in self.inputs.items()}, self.target[which]


@dataclass(frozen=True)
class Batches:
    """Training rows in shuffled mini-batches.

    Attributes
    ----------
    rows
        The training rows.
    size
        The most rows in a mini-batch. Within an epoch sizes differ by one at most, so that no small remainder is left.
    generator
        Random numbers for the shuffling, on the device of the rows; the same in every process.
    noise
        Random numbers for the augmentation, on the device of the rows; each process has its own. How many are drawn
        depends on a batch's size: drawn from `generator`, the permutations of the processes would diverge.
    augment
        Changes a mini-batch's inputs at random, or None.
    rank, world_size
        The share of each epoch's permutation that this process takes (data-parallel training).
    """

    rows: Rows
    size: int
    generator: torch.Generator
    noise: torch.Generator
    augment: Augment | None = None
    rank: int = 0
    world_size: int = 1

    @classmethod
    def seeded(cls, rows: Rows, size: int, seed: int, augment: Augment | None = None) -> "Batches":
        """Make batches of `rows` whose order depends on `seed` alone."""
        device = rows.target.device
        return cls(rows, size, _generator(device, seed), _generator(device, seed, NOISE), augment)

    def to(self, device: torch.device, rank: int = 0, world_size: int = 1) -> "Batches":
        """Copy to `device` for one process of `world_size`; generators start again from their initial seed."""
        seed = self.generator.initial_seed()
        return replace(
            self,
            rows=self.rows.to(device),
            generator=_generator(device, seed),
            noise=_generator(device, seed, NOISE + rank),
            rank=rank,
            world_size=world_size,
        )

    @property
    def steps(self) -> int:
        """Number of mini-batches in an epoch, the same in every process."""
        return math.ceil(math.ceil(len(self.rows) / self.world_size) / self.size)

    def epoch(self) -> tuple[Tensor, ...]:
        """Draw the row numbers of one epoch's mini-batches; every row comes once.

        Sequences of similar length share a mini-batch, because the shorter ones are padded to the longest.
        """
        order = self._permutation(len(self.rows))[self.rank :: self.world_size]
        long = lengths(self.rows.inputs)
        if long is None:
            return order.tensor_split(self.steps)
        pools = torch.split(order, POOL * self.size)
        by_length = torch.cat([pool[long[pool].argsort(stable=True)] for pool in pools])
        batches = by_length.tensor_split(self.steps)
        return tuple(batches[which] for which in self._permutation(self.steps).tolist())

    def _permutation(self, length: int) -> Tensor:
        return torch.randperm(length, generator=self.generator, device=self.generator.device)

    def take(self, which: Tensor) -> tuple[Inputs, Tensor]:
        """Gather one mini-batch and augment it."""
        inputs, target = self.rows[which]
        return (self.augment(inputs, self.noise) if self.augment else inputs), target


def _generator(device: torch.device, seed: int, offset: int = 0) -> torch.Generator:
    return torch.Generator(device).manual_seed(seed + offset)
