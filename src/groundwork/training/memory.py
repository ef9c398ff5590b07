"""A device that runs out of memory: which part did, and the batch size that fits."""

import gc
from typing import TYPE_CHECKING

import torch

from groundwork.encoders.ragged import lengths
from groundwork.errors import UserError
from groundwork.training.inference import ran_out
from groundwork.training.optimizers import make_optimizer

if TYPE_CHECKING:
    from groundwork.training.module import Learner


SMALLER = "make the network smaller (section model in params.yaml), or free the device: `nvidia-smi` lists who uses it"


def explain(learner: "Learner") -> UserError:
    """Say what did not fit, after a training ended by `ran_out`.

    Parameters
    ----------
    learner
        The Lightning module whose training ended; it knows what it was at.
    """
    rows, settings = learner.batches.rows, learner.settings
    device = rows.target.device
    size = min(settings.batch_size, len(rows))
    if learner.at == "rows":
        return UserError(
            f"the device ran out of memory while it took {len(rows)} training rows; they must fit into it as a whole",
            "set hardware.accelerator to cpu in params.yaml, or free the device: `nvidia-smi` lists who uses it",
        )
    if learner.at == "validation":
        return UserError(
            f"the device ({device}) ran out of memory while it scored one validation row",
            SMALLER,
        )
    if learner.trainer.world_size > 1:
        # The processes would have to try together.
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
            "another program has used its memory meanwhile",
            "type the same command again; `nvidia-smi` lists who uses the device",
        )
    times = -(-size // fits)
    return UserError(
        f"the device ({device}) ran out of memory with training.batch_size {settings.batch_size}; {fits} rows fit",
        f"set training.batch_size to {fits} in params.yaml, and training.accumulate_grad_batches to {times} where the "
        "optimizer's steps are to see as many rows as before",
    )


def largest(learner: "Learner", size: int) -> int:
    """Find how many rows, `size` at most, fit into a step: tried on the device, to within a sixteenth; 0 if none do."""
    learner.to(learner.batches.rows.target.device)  # Lightning has moved it to the CPU when the training ended
    learner.network.train()
    if _fits(learner, size):
        return size
    fits, too_many = 0, size
    while too_many - fits > max(1, size // 16) or (not fits and too_many > 1):
        half = (fits + too_many) // 2
        fits, too_many = (half, too_many) if _fits(learner, half) else (fits, half)
    return fits


def _fits(learner: "Learner", size: int) -> bool:
    """Whether a whole step with `size` rows, the longest ones, leaves the device with memory."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    long = lengths(learner.batches.rows.inputs)
    target = learner.batches.rows.target
    order = torch.arange(len(target), device=target.device) if long is None else long.argsort(descending=True)
    try:
        # What the optimizer remembers of each weight needs memory from its first step on.
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
