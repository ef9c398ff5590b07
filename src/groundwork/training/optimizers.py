"""AdamW, and the learning rate's way through training."""

import math
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR


def adamw(network: nn.Module, learning_rate: float, weight_decay: float) -> AdamW:
    """AdamW (https://arxiv.org/abs/1711.05101) with weight decay on matrices and kernels whose name holds ``weight``.

    Biases, normalization and `torch.nn.Embedding` keep their size: decay there only biases them towards zero, rare
    categories most of all. So do parameters of any other name: a network names ``weight`` what is to decay. In
    `groundwork.models.fnn.FNN` those are the weights that the members share; scales, heads and embeddings are free.

    A module whose own parameters need other options than the rest carries them as a dictionary ``optimizer_options``
    (``lr``, ``eps``, ``weight_decay``), and they become a parameter group. Schedules take each group to its own peak.
    """
    # The plain groups stand first: the learning rate that is logged is that of the first one.
    groups: dict[tuple[tuple[str, float], ...], list[nn.Parameter]] = {(): [], (("weight_decay", 0.0),): []}
    for module in network.modules():
        options = getattr(module, "optimizer_options", {})
        for name, parameter in module.named_parameters(recurse=False):
            # "weight" in the name: recurrent and attention layers call theirs `weight_ih_l0` and `in_proj_weight`.
            matrix = "weight" in name and parameter.ndim > 1 and not isinstance(module, nn.Embedding)
            own = options if matrix else {"weight_decay": 0.0} | options
            groups.setdefault(tuple(sorted(own.items())), []).append(parameter)
    filled: list[dict[str, Any]] = [{"params": group, **dict(options)} for options, group in groups.items() if group]
    # Fused: one kernel for all parameters. On small networks the update would otherwise cost as much as the backward.
    return AdamW(filled, learning_rate, weight_decay=weight_decay, fused=True)


def schedule(optimizer: Optimizer, name: str, steps: int, warmup: float) -> LRScheduler:
    """Schedule the learning rate over `steps` mini-batches.

    Parameters
    ----------
    name
        ``constant``, ``cosine`` (to zero), or ``one-cycle`` (https://arxiv.org/abs/1708.07120: up and down again,
        momentum against it).
    steps
        Mini-batches in all.
    warmup
        Share of the steps in which the rate rises to its peak.
    """
    if name == "one-cycle":
        peaks = [group["lr"] for group in optimizer.param_groups]
        # The rise takes one step at least: OneCycleLR divides by its length.
        return OneCycleLR(optimizer, peaks, total_steps=steps + 1, pct_start=max(warmup, 2 / (steps + 1)))
    return LambdaLR(optimizer, _factor(name, steps, warmup))


def _factor(name: str, steps: int, warmup: float) -> Callable[[int], float]:
    rising = round(steps * warmup)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        if name == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))

    return factor
