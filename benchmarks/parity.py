"""The ledger: how far each block of `groundwork.scratch` is from PyTorch's, and how much slower.

`make parity` runs it, prints the table and writes it into docs/parity.md. Where a difference is above its tolerance or
a block slower than it may be, it says so, writes nothing and ends with exit code 1. Both libraries compute on one
thread, in turns, so that a noisy machine slows both alike; the ratio is that of the medians.
"""

import os

# NumPy and torch look for these when they are loaded.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests.scratch import ledger, networks
from tests.scratch.case import OURS, TORCH

from groundwork.scratch import Tensor

SECONDS = 1.5  # of measuring each block
CHANCE = np.random.default_rng(0)


@dataclass(frozen=True)
class Race:
    """A block at a size that a lesson would use, and how many times torch's time it may take."""

    make: Callable[[Any], Any]
    inputs: tuple[Any, ...]
    first: bool = False  # whether it sees the data, which needs no gradient; others pass one on
    limit: float | None = None

    def ratio(self) -> float:
        """Run forward and backward, in turns; divide the median of our seconds by that of torch's."""
        ours = self.side(OURS, Tensor)
        theirs = self.side(TORCH, torch.from_numpy)
        turns = []
        end = time.perf_counter() + SECONDS
        while len(turns) < 4 or time.perf_counter() < end:
            # Five at a time: the first of them finds the other's numbers in the processor's cache.
            turns.append(([ours() for _ in range(5)], [theirs() for _ in range(5)]))
        # The first turn warms up: memory, and torch's choice of kernels.
        one, two = (statistics.median(np.concatenate(runs)) for runs in zip(*turns[1:], strict=True))
        return float(one / two)

    def side(self, lib: Any, tensor: Callable[[Any], Any]) -> Callable[[], float]:
        """Prepare one library's run; it returns seconds."""
        block, inputs = self.make(lib), [tensor(one) for one in self.inputs]
        inputs[0].requires_grad = not self.first
        output = first_of(block(*inputs))
        gradient = np.random.default_rng(0).normal(size=tuple(output.shape)).astype(np.float32)
        gradient = gradient if lib is OURS else tensor(gradient)

        def run() -> float:
            start = time.perf_counter()
            first_of(block(*inputs)).backward(gradient)
            seconds = time.perf_counter() - start
            for one in (inputs[0], *block.parameters()):
                one.grad = None
            return seconds

        return run


def first_of(output: Any) -> Any:
    """Give the output, of a recurrent layer or attention without what comes beside it."""
    return output[0] if isinstance(output, tuple) else output


def floats(*shape: int) -> Any:
    """Draw inputs."""
    return CHANCE.normal(size=shape).astype(np.float32)


def layer(name: str, inputs: Any, *places: Any, limit: float | None = None, **options: Any) -> Race:
    """Race one module."""
    first = inputs[0].dtype.kind != "f"
    return Race(lambda lib: getattr(lib.nn, name)(*places, **options), inputs, first, limit)


def mlp(lib: Any) -> Any:
    """Feed-forward, for pictures of digits."""
    return lib.nn.Sequential(lib.nn.Linear(784, 256), lib.nn.ReLU(), lib.nn.Linear(256, 10))


def cnn(lib: Any) -> Any:
    """Convolutional, for pictures of digits."""
    nn, parts = lib.nn, []
    for colours, kernels in ((1, 16), (16, 32)):
        parts += [nn.Conv2d(colours, kernels, 3, padding=1), nn.BatchNorm2d(kernels), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(32 * 7 * 7, 10))


ROWS, PICTURES, TEXTS, TIMES = (64, 256), (32, 16, 28, 28), (16, 64, 128), (32, 32, 64)
TOKENS = CHANCE.integers(1000, size=TEXTS[:2])
ENCODER = {"dim_feedforward": 512, "dropout": 0.0, "batch_first": True}
RACES = {
    "nn.ReLU": layer("ReLU", [floats(*ROWS)]),
    "nn.GELU": layer("GELU", [floats(*ROWS)]),
    "nn.Sigmoid": layer("Sigmoid", [floats(*ROWS)]),
    "nn.Tanh": layer("Tanh", [floats(*ROWS)]),
    "nn.Softmax": layer("Softmax", [floats(*ROWS)], dim=1),
    "nn.Dropout": layer("Dropout", [floats(*ROWS)], 0.5),
    "nn.Linear": layer("Linear", [floats(*ROWS)], 256, 256),
    "nn.Embedding": layer("Embedding", [TOKENS], 1000, 128),
    "nn.LayerNorm": layer("LayerNorm", [floats(*TEXTS)], 128),
    "nn.BatchNorm1d": layer("BatchNorm1d", [floats(*ROWS)], 256),
    "nn.BatchNorm2d": layer("BatchNorm2d", [floats(*PICTURES)], 16),
    "nn.Conv2d": layer("Conv2d", [floats(*PICTURES)], 16, 32, 3, padding=1, limit=8),
    "nn.MaxPool2d": layer("MaxPool2d", [floats(*PICTURES)], 2),
    "nn.RNN": layer("RNN", [floats(*TIMES)], 64, 64, limit=20),
    "nn.LSTM": layer("LSTM", [floats(*TIMES)], 64, 64, limit=20),
    "nn.GRU": layer("GRU", [floats(*TIMES)], 64, 64, limit=20),
    "nn.MultiheadAttention": layer("MultiheadAttention", [floats(*TEXTS)] * 3, 128, 4, batch_first=True),
    "nn.TransformerEncoderLayer": layer("TransformerEncoderLayer", [floats(*TEXTS)], 128, 4, **ENCODER, limit=4),
    "nn.MSELoss": layer("MSELoss", [floats(*ROWS), floats(*ROWS)]),
    "nn.CrossEntropyLoss": layer("CrossEntropyLoss", [floats(*ROWS), CHANCE.integers(256, size=64)]),
    "nn.BCEWithLogitsLoss": layer("BCEWithLogitsLoss", [floats(*ROWS), (floats(*ROWS) > 0).astype(np.float32)]),
    "MLP": Race(mlp, (floats(64, 784),), first=True, limit=4),
    "CNN": Race(cnn, (floats(32, 1, 28, 28),), first=True, limit=8),
    "LSTM tagger": Race(lambda lib: networks.tagger(lib, 1000, 64, 1), (TOKENS[:, :32],), first=True, limit=20),
    "Transformer": Race(lambda lib: networks.transformer(lib, 1000, *TEXTS[1:], 4), (TOKENS,), first=True, limit=4),
}


def main() -> int:
    """Measure, print, write; return 1 if anything is broken."""
    progress = Console(stderr=True)
    torch.set_num_threads(1)
    rows, problems = [], []
    for block in track(ledger.ROWS, "Differences", console=progress):
        row = ledger.measure(block)
        rows.append(row)
        problems += [f"{block}: {report}" for report in ledger.reports(block) if not report] or row.broken()
    speeds = {}
    for block, race in track(RACES.items(), "Speed", console=progress):
        ratio = race.ratio()
        speeds[block] = f"{ratio:.1f}" + (f" of {race.limit:g}" if race.limit else "")
        if race.limit and ratio > race.limit:
            problems.append(f"{block}: {ratio:.1f} times torch's time, at most {race.limit:g}")
    table = Table(*ledger.COLUMNS)
    for row in rows:
        table.add_row(*ledger.cells(row, speeds))
    Console(width=120).print(table)
    if problems:
        print(*problems, f"{ledger.PAGE.name} is left as it was.", sep="\n")
        return 1
    ledger.write(ledger.markdown(rows, speeds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
