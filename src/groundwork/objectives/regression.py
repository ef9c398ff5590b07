"""Regression: predicts a number for each row, or several."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.objectives import columns
from groundwork.objectives.base import Array, Objective, Strata, Task
from groundwork.objectives.columns import Rule

if TYPE_CHECKING:
    from torch import Tensor

DRAWN_ROWS = 1000
# A number for a single target, one for each of several.
Numbers: TypeAlias = float | tuple[float, ...]


@dataclass(frozen=True)
class Regression(Objective):
    """Smooth L1 loss (Huber's, https://arxiv.org/abs/1504.08083) on the standardized target or its logarithm.

    Parameters
    ----------
    mean, scale
        Mean and standard deviation of the training rows' target (of its logarithm where `log` is set). Of several
        targets, one for each, as `low` and `high`.
    low, high
        Range of the training rows' target, in its own units. Predictions are clipped to it, because a network can
        extrapolate far, and a single extreme price would dominate the metric.
    beta
        Errors below it, in standard deviations, count squared, and larger ones linearly, so that a few outliers do not
        dominate training.
    log
        Whether the network learns the logarithm.
    targets
        The column of each number.
    rows
        Number of training rows.
    """

    mean: Numbers
    scale: Numbers
    low: Numbers
    high: Numbers
    beta: float = 1.0
    log: bool = False
    targets: tuple[str, ...] = ()
    rows: int = 0

    kind = "regression"
    losses = ("smooth_l1",)
    judged_as: ClassVar[tuple[str, ...]] = ("numbers",)
    head = "numbers"
    evidence = False

    @classmethod
    def _illegal_targets(cls, values: Array, task: Task) -> str | None:
        if task.log and values[0] <= 0:
            return f"{values[0]}; expected numbers above 0: the metric takes their logarithm"
        return None

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
        """Compute mean, scale and range of the training rows' target."""
        target = cls.target_array(train, task, labels)
        learned = np.log(target) if task.log else target
        return cls(
            mean=_numbers(learned.mean(0)),
            scale=_numbers(np.where(spread := learned.std(0), spread, 1.0)),
            low=_numbers(target.min(0)),
            high=_numbers(target.max(0)),
            **loss,
            log=task.log,
            targets=task.targets,
            rows=len(train),
        )

    @property
    def outputs(self) -> int:
        """One number for each target."""
        return max(1, len(self.targets))

    def loss(self, logits: "Tensor", target: "Tensor") -> "Tensor":
        """Compute the mean smooth L1 loss, a scalar.

        Parameters
        ----------
        logits
            ``[rows, (members,) targets]``.
        target
            In its own units, ``[rows]``, or ``[rows, targets]`` of several.
        """
        from torch.nn import functional as F

        logits = self._single(logits)
        standardized = ((target.log() if self.log else target) - self._like(target, self.mean)) / self._like(
            target, self.scale
        )
        if logits.ndim > target.ndim:
            standardized = standardized[:, None]
        return F.smooth_l1_loss(logits, standardized.expand(logits.shape), beta=self.beta)

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
        predicted = predicted * scale + mean
        return (predicted.exp() if self.log else predicted).clamp(low, high)

    def tensor(self, frame: pd.DataFrame) -> "Tensor":
        """Return the numbers in their own units, float32 ``[rows]``, or ``[rows, targets]`` of several."""
        import torch

        columns = list(self.targets) if self.outputs > 1 else self.targets[0]
        return torch.tensor(frame[columns].to_numpy(), dtype=torch.float32)

    def learned(self, frame: pd.DataFrame) -> Array:
        """Return the standardized number, or its standardized logarithm, ``[rows, 1]``."""
        learned: Array = (self.signals(frame) - np.asarray(self.mean)) / np.asarray(self.scale)
        return learned

    def signals(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the numbers, or their logarithms if those are learned, ``[rows, targets]``."""
        target = frame[list(self.targets)].to_numpy()
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
