"""Decides how many mini-batches a Lightning step has: several small ones, or a single large one."""

import math
from collections.abc import Iterator

from torch import Tensor, nn

from groundwork.encoders.ragged import lengths
from groundwork.training.batches import Batches

STEPS_PER_CALL = 32
# A mini-batch whose forward pass needs this many multiply-adds, as `work` estimates them, is one Lightning step.
# Measured with `python benchmarks/fit.py --sizes`: on one core Lightning adds about 1 ms to each of its steps, which
# makes training 1.4 to 1.6 times as long at 0.4 to 3 million multiply-adds, 1.2 to 1.3 times at 11 to 38 million, 1.1
# times at 112 million and 1.02 times at 264 million.
LARGE = 100_000_000


def work(network: nn.Module, batches: Batches) -> int:
    """Estimate the multiply-adds of a mini-batch's forward pass: rows x positions x weights.

    Rows are those of a full mini-batch. Positions are a picture's pixels, the longest training row's tokens, or 1.
    Weights are those of the matrices and kernels in the network's layers; embeddings are looked up, not multiplied. The
    estimate is too high where a network pools early, which is on the safe side: a large mini-batch is one Lightning
    step.
    """
    long, rows = lengths(batches.rows.inputs), min(batches.size, len(batches.rows))
    positions = 1 if long is None or not len(long) else max(1, int(long.max()))
    for values in batches.rows.inputs.values():
        if isinstance(values, Tensor) and values.ndim > 3:  # rows, channels, height and width
            positions = max(positions, math.prod(values.shape[2:]))
    layers = (module for child in network.children() for module in child.modules() if not _looked_up(module))
    weights = {
        parameter: parameter.numel()
        for module in layers
        for name, parameter in module.named_parameters(recurse=False)
        if "weight" in name and parameter.ndim > 1
    }
    return rows * positions * sum(weights.values())


def mini_batches_per_step(work: int) -> int:
    """Return 1 if a mini-batch of this much work is one Lightning step, `STEPS_PER_CALL` if it is small.

    The rule depends on the network's weights and the rows' shapes, not on time, so that it is the same on every
    machine.
    """
    return 1 if work >= LARGE else STEPS_PER_CALL


class EpochLoader:
    """Gives Lightning an epoch's mini-batches, `per_step` at a time, as row numbers; the rows stay on the device.

    Parameters
    ----------
    batches
        Training rows in mini-batches.
    per_step
        Mini-batches in one Lightning step.
    """

    def __init__(self, batches: Batches, per_step: int) -> None:
        self.batches = batches
        self.per_step = per_step

    def __len__(self) -> int:
        return math.ceil(self.batches.steps / self.per_step)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        epoch = self.batches.epoch()
        for start in range(0, len(epoch), self.per_step):
            yield epoch[start : start + self.per_step]


def _looked_up(module: nn.Module) -> bool:
    # Embeddings of `groundwork.scratch` are not an `nn.Embedding`; their options say that their weights do not decay.
    without_decay = getattr(module, "optimizer_options", {}).get("weight_decay") == 0
    return isinstance(module, nn.Embedding | nn.EmbeddingBag) or without_decay
