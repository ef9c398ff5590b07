"""Makes optimizers and learning rate schedules by name."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from groundwork.errors import UserError
from groundwork.sections.training import Training

Group = dict[str, Any]


class MuonAndAdamW(Optimizer):
    """Muon (https://kellerjordan.github.io/posts/muon/) for hidden matrices, AdamW for every other parameter.

    PyTorch's Muon takes only matrices, and its documentation recommends "a standard method such as AdamW" for the rest.
    The two are combined into one optimizer, because Lightning's automatic optimization takes one. Muon's steps are
    scaled to the size of AdamW's (https://arxiv.org/abs/2502.16982), so that both share a learning rate and a weight
    decay.

    Parameters
    ----------
    groups
        Parameter groups; those with ``muon`` true are optimized by Muon and have only matrices.
    lr, weight_decay
        Defaults for groups without these options.
    momentum, nesterov
        Options of Muon.
    betas, eps
        Options of AdamW.
    """

    def __init__(
        self,
        groups: list[Group],
        lr: float,
        weight_decay: float,
        momentum: float,
        nesterov: bool,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        plain = [group for group in groups if not group["muon"]]
        hidden = [group for group in groups if group["muon"]]
        self.inner: list[Optimizer] = []
        if plain:
            self.inner.append(AdamW(plain, lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=True))
        if hidden:
            scale = "match_rms_adamw"
            muon = torch.optim.Muon(hidden, lr, weight_decay, momentum, nesterov, adjust_lr_fn=scale)
            self.inner.append(muon)
        # Defaults for the options that modules may set; the inner optimizers have added theirs to their groups.
        super().__init__(plain + hidden, {"lr": lr, "weight_decay": weight_decay, "eps": eps, "muon": False})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step of both optimizers; `closure` first computes the loss and the gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # This optimizer owns groups and state: a schedule changes its groups, and a checkpoint replaces both.
        for optimizer, muon in zip(self.inner, self._parts(), strict=True):
            optimizer.param_groups = muon
            optimizer.state = self.state
            optimizer.step()
        return loss

    def _parts(self) -> list[list[Group]]:
        parts: dict[bool, list[Group]] = defaultdict(list)
        for group in self.param_groups:
            parts[group["muon"]].append(group)
        return [parts[muon] for muon in (False, True) if muon in parts]


def _adamw(groups: list[Group], rate: float, decay: float, betas: Sequence[float], eps: float) -> Optimizer:
    # Fused: one kernel for all parameters. On small networks the update would otherwise cost as much as the backward.
    return AdamW(groups, rate, betas=(betas[0], betas[1]), eps=eps, weight_decay=decay, fused=True)


def _adam(groups: list[Group], rate: float, decay: float, betas: Sequence[float], eps: float) -> Optimizer:
    return Adam(groups, rate, betas=(betas[0], betas[1]), eps=eps, weight_decay=decay, fused=True)


def _sgd(groups: list[Group], rate: float, decay: float, momentum: float, nesterov: bool) -> Optimizer:
    return SGD(groups, rate, momentum=momentum, nesterov=nesterov, weight_decay=decay, fused=True)


def _rmsprop(groups: list[Group], rate: float, decay: float, alpha: float, eps: float, momentum: float) -> Optimizer:
    return RMSprop(groups, rate, alpha=alpha, eps=eps, momentum=momentum, weight_decay=decay)


def _adagrad(groups: list[Group], rate: float, decay: float, eps: float) -> Optimizer:
    return Adagrad(groups, rate, eps=eps, weight_decay=decay)


def _muon(
    groups: list[Group], rate: float, decay: float, momentum: float, nesterov: bool, betas: Sequence[float], eps: float
) -> Optimizer:
    split: list[Group] = []
    for group in groups:
        # Only matrices in a group without options are hidden matrices: options are meant for AdamW, and no decay means
        # that the parameters are biases, scales or embeddings.
        hidden = not group.keys() - {"params"}
        matrices = [parameter for parameter in group["params"] if hidden and parameter.ndim == 2]
        others = [parameter for parameter in group["params"] if not (hidden and parameter.ndim == 2)]
        split += [{**group, "params": others, "muon": False}] if others else []
        split += [{"params": matrices, "muon": True}] if matrices else []
    return MuonAndAdamW(split, rate, decay, momentum, nesterov, (betas[0], betas[1]), eps)


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adamw": _adamw,
    "adam": _adam,
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "muon": _muon,
}


def make_optimizer(network: nn.Module, settings: Training) -> Optimizer:
    """Make the optimizer that `settings` name, with weight decay on matrices and kernels named ``weight``.

    A matrix or kernel decays if its name contains ``weight``, so that a network can choose by name. Biases,
    normalization and `torch.nn.Embedding` never decay: decay would only bias them towards zero, rare categories most of
    all. In `groundwork.models.fnn.FNN` the weights that the members share decay, and scales, heads and embeddings do
    not.

    A module whose own parameters need other options has a dictionary ``optimizer_options`` (``lr``, ``eps``,
    ``weight_decay``); those parameters become a group. A schedule scales the learning rate of each group.

    Raises
    ------
    UserError
        If a module has an option that the optimizer lacks.
    """
    # The groups without options come first: the logged learning rate is that of the first group.
    groups: dict[tuple[tuple[str, float], ...], list[nn.Parameter]] = {(): [], (("weight_decay", 0.0),): []}
    owners: dict[str, str] = {}
    for module in network.modules():
        options = getattr(module, "optimizer_options", {})
        owners |= dict.fromkeys(options, type(module).__name__)
        for name, parameter in module.named_parameters(recurse=False):
            # Recurrent and attention layers have names such as `weight_ih_l0` and `in_proj_weight`.
            matrix = "weight" in name and parameter.ndim > 1 and not isinstance(module, nn.Embedding)
            own = options if matrix else {"weight_decay": 0.0} | options
            groups.setdefault(tuple(sorted(own.items())), []).append(parameter)
    filled: list[Group] = [{"params": group, **dict(options)} for options, group in groups.items() if group]
    chosen = settings.optimizer.model_dump()
    name = chosen.pop("name")
    optimizer = OPTIMIZERS[name](filled, settings.learning_rate, settings.weight_decay, **chosen)
    # PyTorch silently accepts options that an optimizer does not know.
    for option, owner in owners.items():
        if option not in optimizer.defaults:
            raise UserError(
                f"params.yaml: training.optimizer.name: found {name}; {owner} in this network needs an optimizer with "
                f"{option!r}, which {name} lacks",
                "set training.optimizer to {name: adamw, betas: [0.9, 0.999], eps: 1.0e-8} in params.yaml",
            )
    return optimizer


def schedule(optimizer: Optimizer, name: str, steps: int, warmup: float) -> LRScheduler:
    """Schedule the learning rate over `steps` optimizer steps.

    Parameters
    ----------
    name
        ``constant``, ``cosine`` (to zero), or ``one-cycle`` (https://arxiv.org/abs/1708.07120: up and down again; an
        optimizer's momentum, or Adam's first beta, goes from .95 to .85 and back, whatever its section says; it stays
        as it is in Muon, and where there is none or a momentum of 0).
    steps
        Total number of optimizer steps.
    warmup
        Share of the steps in which the learning rate rises to its peak.
    """
    if name == "one-cycle":
        peaks = [group["lr"] for group in optimizer.param_groups]
        momentum = "betas" in optimizer.defaults or bool(optimizer.defaults.get("momentum"))
        # The warm-up has one step at least, since OneCycleLR divides by its length.
        rising = max(warmup, 2 / (steps + 1))
        return OneCycleLR(optimizer, peaks, total_steps=steps + 1, pct_start=rising, cycle_momentum=momentum)
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
