"""Gradient descent and its successors, and learning-rate schedules.

Optimizers take parameters, or groups of them, ``[{"params": [...], "lr": 0.1}, ...]``, and change them in place. They
compute in PyTorch's order.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from groundwork.scratch.arrays import Array
from groundwork.scratch.tensor import Tensor

Group = dict[str, Any]


class Optimizer:
    """Parameters in groups, each with its settings, and a state for each parameter.

    Attributes
    ----------
    param_groups : list of dict
        ``params``, and settings such as ``lr``; a schedule changes them between steps.
    state : dict
        By parameter: what earlier gradients left.
    """

    # Changes a parameter by its gradient: (parameter, gradient, its state, settings of its group).
    update: Callable[[Tensor, Array, dict[str, Any], Group], None]

    def __init__(self, params: Iterable[Tensor] | Iterable[Group], **defaults: Any) -> None:
        if isinstance(params, Tensor):
            raise TypeError("found one tensor; expected a list of parameters, or of groups")
        listed: list[Any] = list(params)
        if not listed:
            raise ValueError("found no parameters to optimize")
        groups = listed if isinstance(listed[0], dict) else [{"params": listed}]
        self.param_groups: list[Group] = [{**defaults, **group, "params": list(group["params"])} for group in groups]
        for group in self.param_groups:
            if any(group[name] < 0 for name in ("lr", "eps", "momentum", "weight_decay") if name in group):
                raise ValueError(f"found a negative setting: { ({name: group[name] for name in defaults}) }")
            if any(not 0 <= beta < 1 for beta in group.get("betas", ())):
                raise ValueError(f"betas: found {group['betas']}; expected 0 or more, and less than 1")
        everything = [parameter for group in self.param_groups for parameter in group["params"]]
        if not all(isinstance(parameter, Tensor) for parameter in everything):
            raise TypeError("expected tensors; pass parameters(), not named_parameters(), which gives pairs")
        if len(everything) > len(set(everything)):
            raise ValueError("found a parameter in two groups; it would take two steps at once")
        self.state: dict[Tensor, dict[str, Any]] = {}

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.update(parameter, parameter.grad, self.state.setdefault(parameter, {}), group)

    def zero_grad(self) -> None:
        """Forget all gradients: the next `backward` would add to them."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None


class SGD(Optimizer):
    """A step against the gradient; with momentum, against a running sum of gradients.

    Parameters
    ----------
    params, lr
        Parameters or groups; length of the step.
    momentum
        Share of the running sum that is kept at each step (Polyak, https://doi.org/10.1016/0041-5553(64)90137-5).
    dampening
        Share of each further gradient that does not enter the sum.
    weight_decay
        Added to the gradient, times the parameter: L2 regularization.
    nesterov
        Look ahead: step along the gradient and the sum to come (Sutskever et al.,
        https://proceedings.mlr.press/v28/sutskever13.html).
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("nesterov needs momentum, and no dampening")
        settings = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(params, **settings, nesterov=nesterov)

    def update(self, parameter: Tensor, gradient: Array, state: dict[str, Any], group: Group) -> None:
        """Take one step."""
        gradient = gradient + group["weight_decay"] * parameter.data
        if momentum := group["momentum"]:
            if "sum" in state:
                state["sum"] = momentum * state["sum"] + (1 - group["dampening"]) * gradient
            else:
                state["sum"] = gradient
            gradient = gradient + momentum * state["sum"] if group["nesterov"] else state["sum"]
        parameter.data -= group["lr"] * gradient


class Adam(Optimizer):
    """A step along the running mean of gradients, divided by the root of that of their squares.

    So every parameter moves by about `lr`, whatever the size of its gradient (Kingma and Ba,
    https://arxiv.org/abs/1412.6980).

    Parameters
    ----------
    params, lr
        Parameters or groups; about the length of a step in each parameter.
    betas
        Share of each running mean that is kept at each step.
    eps
        Added to the root, against division by 0.
    weight_decay
        Added to the gradient, times the parameter, and so divided by the root like it.
    """

    decoupled = False

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, parameter: Tensor, gradient: Array, state: dict[str, Any], group: Group) -> None:
        """Take one step."""
        beta1, beta2 = group["betas"]
        if self.decoupled:
            parameter.data *= 1 - group["lr"] * group["weight_decay"]
        elif group["weight_decay"]:
            gradient = gradient + group["weight_decay"] * parameter.data
        if not state:
            state.update(step=0, mean=np.zeros_like(parameter.data), square=np.zeros_like(parameter.data))
        state["step"] += 1
        state["mean"] += (1 - beta1) * (gradient - state["mean"])
        state["square"] *= beta2
        state["square"] += (1 - beta2) * gradient * gradient
        # The running means start at 0, which makes them too small at first.
        unbiased1, unbiased2 = 1 - beta1 ** state["step"], 1 - beta2 ** state["step"]
        root = np.sqrt(state["square"]) / math.sqrt(unbiased2) + group["eps"]
        parameter.data -= group["lr"] / unbiased1 * (state["mean"] / root)


class AdamW(Adam):
    """`Adam` with weight decay that is applied to parameters directly (https://arxiv.org/abs/1711.05101)."""

    decoupled = True

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


def clip_grad_norm_(parameters: Iterable[Tensor] | Tensor, max_norm: float) -> float:
    """Scale all gradients so that their common norm is at most `max_norm`; return the former norm.

    Pascanu et al., https://arxiv.org/abs/1211.5063
    """
    if max_norm < 0:
        raise ValueError(f"max_norm: found {max_norm}; expected 0 or more")
    listed = [parameters] if isinstance(parameters, Tensor) else parameters
    gradients = [parameter.grad for parameter in listed if parameter.grad is not None]
    norm = math.sqrt(sum(float(np.vdot(gradient, gradient)) for gradient in gradients))
    factor = np.minimum(1.0, max_norm / (norm + 1e-6))  # of a norm that is no number, so is the factor
    for gradient in gradients:
        np.multiply(gradient, factor, out=gradient)
    return norm


class LambdaLR:
    """Multiplies each group's initial learning rate by ``lr_lambda(step)``.

    Parameters
    ----------
    optimizer
        What it steers; call `step` after each of its steps.
    lr_lambda
        The factor for each step, counted from 0.
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self.optimizer, self.lr_lambda = optimizer, lr_lambda
        self.peaks = [group["lr"] for group in optimizer.param_groups]
        self.count = -1
        self.step()

    def step(self) -> None:
        """Set the learning rate of the next step."""
        self.count += 1
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * self.lr_lambda(self.count)


def cosine(steps: int, warmup: float = 0.0) -> Callable[[int], float]:
    """Make the factor that rises over a share `warmup` of the `steps`, then falls to 0 along half a cosine.

    Loshchilov and Hutter, https://arxiv.org/abs/1608.03983
    """
    rising = round(steps * warmup)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))

    return factor


class OneCycleLR:
    """Raises the learning rate and lowers it again, momentum inversely (Smith and Topin, https://arxiv.org/abs/1708.07120).

    Parameters
    ----------
    optimizer
        What it steers, with momentum or betas; call `step` after each of its steps.
    max_lr
        The peak: one for all groups, or one for each.
    total_steps, pct_start
        Steps in all; share of them that goes up.
    base_momentum, max_momentum
        Momentum, or the first beta, at the peak and at both ends.
    div_factor, final_div_factor
        The quotients of the peak and the first learning rate, and of the first and the last.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int,
        *,
        pct_start: float = 0.3,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        if total_steps < 1:
            raise ValueError(f"total_steps: found {total_steps}; expected 1 or more")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start: found {pct_start}; expected a share between 0 and 1")
        self.optimizer, self.total_steps = optimizer, total_steps
        self.peaks = np.broadcast_to(max_lr, len(optimizer.param_groups)).tolist()
        self.momentum = base_momentum, max_momentum
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        self.top = pct_start * total_steps - 1
        self.count = -1
        self.step()

    def step(self) -> None:
        """Set learning rate and momentum of the next step; ValueError after the last."""
        self.count += 1
        if self.count > self.total_steps:
            raise ValueError(f"the cycle has {self.total_steps} steps; found one more")
        at_peak, at_ends = self.momentum
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            first = peak / self.div_factor
            if self.count <= self.top:
                share = self.count / self.top if self.top else 1.0
                group["lr"], momentum = _between(first, peak, share), _between(at_ends, at_peak, share)
            else:
                share = (self.count - self.top) / (self.total_steps - 1 - self.top)
                last = first / self.final_div_factor
                group["lr"], momentum = _between(peak, last, share), _between(at_peak, at_ends, share)
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum


def _between(start: float, end: float, share: float) -> float:
    """Interpolate from `start` to `end` along half a cosine."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
