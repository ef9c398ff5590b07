"""Explains why a device ran out of memory, and finds the batch size that fits."""

import gc
from typing import TYPE_CHECKING

import torch

from groundwork.encoders.ragged import lengths
from groundwork.errors import UserError
from groundwork.training.inference import ran_out
from groundwork.training.optimizers import make_optimizer

if TYPE_CHECKING:
    from groundwork.training.module import Learner


SMALLER = "make the network smaller (section model in params.yaml), or free the device: `nvidia-smi` lists its users"


def explain(learner: "Learner") -> UserError:
    """Say what did not fit after training ran out of memory.

    Parameters
    ----------
    learner
        The Lightning module whose training failed; its attribute `at` says in which part.
    """
    rows, settings = learner.batches.rows, learner.settings
    device = rows.target.device
    size = min(settings.batch_size, len(rows))
    if learner.at == "rows":
        return UserError(
            f"the device ran out of memory while it took {len(rows)} training rows; they must fit into it as a whole",
            "set hardware.accelerator to cpu in params.yaml, or free the device: `nvidia-smi` lists its users",
        )
    if learner.at == "validation":
        return UserError(
            f"the device ({device}) ran out of memory while it scored one validation row",
            SMALLER,
        )
    if learner.trainer.world_size > 1:
        # Trying out sizes would need all processes at once.
        return UserError(
            f"the device ({device}) ran out of memory with training.batch_size {settings.batch_size} in each process",
            f"set training.batch_size to {max(1, size // 2)} or less in params.yaml",
        )
    fits = largest(learner, size)
    if not fits:
        return UserError(
            f"the device ({device}) ran out of memory with training.batch_size {settings.batch_size}; not even one row "
            "fits",
            SMALLER,
        )
    if fits >= size:
        return UserError(
            f"the device ({device}) ran out of memory with training.batch_size {settings.batch_size}, which fits now: "
            "another program used its memory in the meantime",
            "run the same command again; `nvidia-smi` lists the programs that use the device",
        )
    times = -(-size // fits)
    return UserError(
        f"the device ({device}) ran out of memory with training.batch_size {settings.batch_size}; {fits} rows fit",
        f"set training.batch_size to {fits} in params.yaml, and training.accumulate_grad_batches to {times} where the "
        "optimizer's steps are to see as many rows as before",
    )


def largest(learner: "Learner", size: int) -> int:
    """Try on the device how many rows, `size` at most, fit into a step, to within a sixteenth; 0 if none do."""
    learner.to(learner.batches.rows.target.device)  # Lightning moved it to the CPU when training ended
    learner.network.train()
    if _fits(learner, size):
        return size
    fits, too_many = 0, size
    while too_many - fits > max(1, size // 16) or (not fits and too_many > 1):
        half = (fits + too_many) // 2
        fits, too_many = (half, too_many) if _fits(learner, half) else (fits, half)
    return fits


def _fits(learner: "Learner", size: int) -> bool:
    """Whether a step with the `size` longest rows fits into the device's memory."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    long = lengths(learner.batches.rows.inputs)
    target = learner.batches.rows.target
    order = torch.arange(len(target), device=target.device) if long is None else long.argsort(descending=True)
    try:
        # The optimizer's state takes memory from the first step on.
        optimizer = make_optimizer(learner.network, learner.settings)
        with learner.trainer.precision_plugin.forward_context():
            loss = learner.loss(order[:size])
        torch.autograd.backward(loss)
        optimizer.step()
    except RuntimeError as error:
        if not ran_out(error):
            raise
        return False
    finally:
        learner.network.zero_grad()
    return True
