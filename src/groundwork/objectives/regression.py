"""Regression: predicts a number for each row, or several."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.errors import UserError
from groundwork.naming import ByName
from groundwork.objectives import columns, power
from groundwork.objectives.base import Array, Objective, Strata, Task
from groundwork.objectives.columns import Rule

if TYPE_CHECKING:
    from torch import Tensor

DRAWN_ROWS = 1000
# A number for a single target, one for each of several.
Numbers: TypeAlias = float | tuple[float, ...]


@dataclass(frozen=True)
class Regression(Objective):
    """A loss on the standardized target, or on its logarithm.

    Parameters
    ----------
    mean, scale
        Mean and standard deviation of the training rows' target (of its logarithm where `log` is set). Of several
        targets, one for each, as `low` and `high`.
    low, high
        Range of the training rows' target, in its own units. Predictions are clipped to it, because a network can
        extrapolate far, and a single extreme price would dominate the metric. Where the metric takes no 0, the low
        end is the smallest target above it.
    beta
        Of the smooth L1 loss (Huber's, https://arxiv.org/abs/1504.08083): errors below it, in standard deviations,
        count squared, and larger ones linearly, so that a few outliers do not dominate training.
    log
        Whether the network learns the logarithm.
    targets
        The column of each number.
    rows
        Number of training rows.
    error
        The loss, a key of `ERRORS`; of ``poisson`` the network learns the logarithm of the target's expectation.
    alpha
        The quantile, of the loss ``quantile``.
    clip
        Whether predictions are clipped.
    powers, units
        Exponents of the power transform, and by what targets are divided before; None for none.
    """

    mean: Numbers
    scale: Numbers
    low: Numbers
    high: Numbers
    beta: float = 1.0
    log: bool = False
    targets: tuple[str, ...] = ()
    rows: int = 0
    error: str = "smooth_l1"
    alpha: float = 0.5
    clip: bool = True
    powers: Numbers | None = None
    units: Numbers | None = None

    kind = "regression"
    losses = ("smooth_l1", "squared_error", "absolute_error", "quantile", "poisson")
    judged_as: ClassVar[tuple[str, ...]] = ("numbers",)
    head = "numbers"
    evidence = False

    @classmethod
    def _illegal_targets(cls, values: Array, task: Task) -> str | None:
        if task.log and values[0] <= 0:
            return f"{values[0]}; expected numbers above 0: the metric takes their logarithm"
        return None

    @classmethod
    def loss_problems(cls, task: Task, loss: Mapping[str, Any]) -> list[str]:
        """Check that the target is transformed once only."""
        if task.log and loss.get("power"):
            return ["power: found true; expected false: the network learns a logarithm (`log_target`)"]
        if task.log and loss.get("error") == "poisson":
            return ["loss: found poisson, which learns a logarithm; expected another, or `log_target=False`"]
        return []

    @classmethod
    def strata(cls, task: Task) -> Strata:
        """Return ``quantiles``: folds keep the share of each range of the number, the first of several."""
        return "quantiles"

    @classmethod
    def target_array(cls, frame: pd.DataFrame, task: Task, labels: pd.DataFrame) -> Array:
        """Return the numbers in their own units, ``[rows]``, or ``[rows, targets]`` of several."""
        return frame[list(task.targets) if len(task.targets) > 1 else task.targets[0]].to_numpy()

    @classmethod
    def prediction_shape(cls, labels: pd.DataFrame, task: Task) -> tuple[int, ...]:
        """Return an empty shape for a single number."""
        return (len(task.targets),) if len(task.targets) > 1 else ()

    @classmethod
    def fit(cls, task: Task, train: pd.DataFrame, labels: pd.DataFrame, loss: Mapping[str, Any]) -> Self:
        """Compute mean, scale and range of the training rows' target, and its power transform if there is one.

        Raises
        ------
        UserError
            If the loss is Poisson's and a target is below 0, or all are 0.
        """
        target = cls.target_array(train, task, labels)
        learned = np.log(target) if task.log else target
        options = dict(loss)
        if options.get("error") == "poisson" and ((target < 0).any() or (target.max(0) <= 0).any()):
            raise UserError(
                f"params.yaml: objective.loss: found poisson; {', '.join(task.targets)} has {target.min()}, expected "
                "counts of at least 0 that are not all 0",
                "choose another objective.loss for the lane",
            )
        if options.pop("power", False):
            columns_of = target.reshape(len(target), -1).astype(float)
            powers, units = power.fit(columns_of)
            shape = target.shape[1:]
            options |= {"powers": _numbers(powers.reshape(shape)), "units": _numbers(units.reshape(shape))}
            learned = _moved(columns_of, powers, units).reshape(target.shape)
        return cls(
            mean=_numbers(learned.mean(0)),
            scale=_numbers(np.where(spread := learned.std(0), spread, 1.0)),
            low=_numbers(np.where(target > 0, target, np.inf).min(0) if task.positive else target.min(0)),
            high=_numbers(target.max(0)),
            **options,
            log=task.log,
            targets=task.targets,
            rows=len(train),
        )

    @property
    def outputs(self) -> int:
        """One number for each target."""
        return max(1, len(self.targets))

    def loss(self, logits: "Tensor", target: "Tensor") -> "Tensor":
        """Compute the mean loss, a scalar.

        Parameters
        ----------
        logits
            ``[rows, (members,) targets]``.
        target
            In its own units, ``[rows]``, or ``[rows, targets]`` of several.
        """
        logits = self._single(logits)
        mean, scale = (self._like(target, numbers) for numbers in (self.mean, self.scale))
        # Divided by their mean, counts of any size have gradients of the same size.
        wanted = target / mean if self.error == "poisson" else (self._learned(target) - mean) / scale
        if logits.ndim > target.ndim:
            wanted = wanted[:, None]
        return ERRORS[self.error](logits, wanted.expand(logits.shape), self)

    def _learned(self, target: "Tensor") -> "Tensor":
        """Return what the network learns, before it is standardized."""
        import torch

        if self.powers is None or self.units is None:
            return target.log() if self.log else target
        powers, units = (torch.as_tensor(self._like(target, numbers)) for numbers in (self.powers, self.units))
        return power.forward(target / units, powers.to(target))

    def _single(self, logits: "Tensor") -> "Tensor":
        """Drop the dimension of the targets if there is only one."""
        return logits.squeeze(-1) if self.outputs == 1 else logits

    def _like(self, tensor: "Tensor", numbers: Numbers) -> Any:
        """Return the number itself, or those of several targets as a tensor on the same device."""
        return tensor.new_tensor(numbers) if isinstance(numbers, tuple) else numbers

    def predict(self, logits: "Tensor") -> "Tensor":
        """Convert logits to predictions ``[rows]``, or ``[rows, targets]``, in the targets' own units, float32."""
        predicted = self._single(logits.float())
        if logits.ndim == 3:
            predicted = predicted.mean(1)
        mean, scale, low, high = (
            self._like(predicted, numbers) for numbers in (self.mean, self.scale, self.low, self.high)
        )
        if self.error == "poisson":
            predicted = predicted.exp() * mean
        else:
            predicted = predicted * scale + mean
            predicted = predicted.exp() if self.log else self._back(predicted)
        return predicted.clamp(low, high) if self.clip else predicted

    def _back(self, moved: "Tensor") -> "Tensor":
        """Undo the power transform, if there is one."""
        import torch

        if self.powers is None or self.units is None:
            return moved
        powers, units = (torch.as_tensor(self._like(moved, numbers)) for numbers in (self.powers, self.units))
        return power.backward(moved, powers.to(moved)) * units

    def tensor(self, frame: pd.DataFrame) -> "Tensor":
        """Return the numbers in their own units, float32 ``[rows]``, or ``[rows, targets]`` of several."""
        import torch

        columns = list(self.targets) if self.outputs > 1 else self.targets[0]
        return torch.tensor(frame[columns].to_numpy(), dtype=torch.float32)

    def learned(self, frame: pd.DataFrame) -> Array:
        """Return the standardized numbers, ``[rows, targets]``; of Poisson's loss, the counts divided by their mean."""
        shift, scale = (0.0, self.mean) if self.error == "poisson" else (self.mean, self.scale)
        learned: Array = (self.signals(frame) - np.asarray(shift)) / np.asarray(scale)
        return learned

    def signals(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the numbers, or their logarithms if those are learned, ``[rows, targets]``."""
        target = frame[list(self.targets)].to_numpy()
        if self.powers is not None and self.units is not None:
            return _moved(target.astype(float), np.atleast_1d(self.powers), np.atleast_1d(self.units))
        return (np.log(target) if self.log else target).astype(float)

    def prior(self) -> "tuple[Tensor, Tensor]":
        """Return zero, which is the standardized mean, and the number of training rows."""
        import torch

        return torch.zeros(self.outputs), torch.full((self.outputs,), float(self.rows))

    @classmethod
    def handed_in(
        cls, predicted: Array, labels: pd.DataFrame, task: Task, sample: pd.DataFrame, decided: Array | None = None
    ) -> list[Any]:
        """Return the numbers as they are, or the whole numbers that the metric's cut points make of them."""
        chosen = predicted if decided is None else decided
        return [chosen] if chosen.ndim == 1 else list(chosen.T)

    @classmethod
    def rules(cls, labels: pd.DataFrame, task: Task, sample: pd.DataFrame, *, positive: bool = False) -> list[Rule]:
        """Return a finite number for each column."""
        return [columns.Numbers(positive=positive or task.log) for _ in sample]

    @classmethod
    def drawing(cls, target: Array, predicted: Array, task: Task) -> dict[str, Any]:
        """Return a scatter plot of predicted against actual numbers of the first target, of up to a thousand rows."""
        if target.ndim == 2:
            target, predicted = target[:, 0], predicted[:, 0]
        drawn = np.random.default_rng(0).permutation(len(target))[:DRAWN_ROWS]
        return {"kind": "scatter", "actual": target[drawn].tolist(), "predicted": predicted[drawn].tolist()}


def _numbers(values: Array) -> Numbers:
    return tuple(values.tolist()) if values.ndim else float(values)


def _moved(target: Array, powers: Array, units: Array) -> Array:
    """Transform columns of targets, float64 ``[rows, targets]``."""
    import torch

    return power.forward(torch.from_numpy(target / units), torch.from_numpy(powers)).numpy()


def _smooth_l1(logits: "Tensor", wanted: "Tensor", objective: Regression) -> "Tensor":
    from torch.nn import functional as F

    return F.smooth_l1_loss(logits, wanted, beta=objective.beta)


def _squared(logits: "Tensor", wanted: "Tensor", objective: Regression) -> "Tensor":
    return (logits - wanted).square().mean()


def _absolute(logits: "Tensor", wanted: "Tensor", objective: Regression) -> "Tensor":
    return (logits - wanted).abs().mean()


def _quantile(logits: "Tensor", wanted: "Tensor", objective: Regression) -> "Tensor":
    error = wanted - logits
    return (objective.alpha * error).maximum((objective.alpha - 1) * error).mean()


def _poisson(logits: "Tensor", wanted: "Tensor", objective: Regression) -> "Tensor":
    return (logits.exp() - wanted * logits).mean()


# By `Regression.error`: a loss of logits and standardized targets of the same shape.
ERRORS: ByName[Callable[["Tensor", "Tensor", Regression], "Tensor"]] = {
    "smooth_l1": _smooth_l1,
    "squared_error": _squared,
    "absolute_error": _absolute,
    "quantile": _quantile,
    "poisson": _poisson,
}
