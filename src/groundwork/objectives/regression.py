"""Regression: predicts a number for each row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.objectives import columns
from groundwork.objectives.base import Array, Objective, Strata, Task
from groundwork.objectives.columns import Rule

if TYPE_CHECKING:
    from torch import Tensor

DRAWN_ROWS = 1000


@dataclass(frozen=True)
class Regression(Objective):
    """Smooth L1 loss (Huber's, https://arxiv.org/abs/1504.08083) on the standardized target or its logarithm.

    Parameters
    ----------
    mean, scale
        Mean and standard deviation of the training rows' target (of its logarithm where `log` is set).
    low, high
        Range of the training rows' target, in its own units. Predictions are clipped to it, because a network can
        extrapolate far, and a single extreme price would dominate the metric.
    beta
        Errors below it, in standard deviations, count squared, and larger ones linearly, so that a few outliers do not
        dominate training.
    log
        Whether the network learns the logarithm.
    targets
        The column of the number.
    rows
        Number of training rows.
    """

    mean: float
    scale: float
    low: float
    high: float
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
        """Return ``quantiles``: folds keep the share of each range of the number."""
        return "quantiles"

    @classmethod
    def target_array(cls, frame: pd.DataFrame, task: Task, labels: pd.DataFrame) -> Array:
        """Return the numbers, ``[rows]``, in their own units."""
        return frame[task.targets[0]].to_numpy()

    @classmethod
    def prediction_shape(cls, labels: pd.DataFrame, task: Task) -> tuple[int, ...]:
        """Return an empty shape: a single number."""
        return ()

    @classmethod
    def fit(cls, task: Task, train: pd.DataFrame, labels: pd.DataFrame, loss: Mapping[str, Any]) -> Self:
        """Compute mean, scale and range of the training rows' target."""
        target = cls.target_array(train, task, labels)
        learned = np.log(target) if task.log else target
        return cls(
            mean=float(learned.mean()),
            scale=float(learned.std()) or 1.0,
            low=float(target.min()),
            high=float(target.max()),
            **loss,
            log=task.log,
            targets=task.targets,
            rows=len(train),
        )

    @property
    def outputs(self) -> int:
        """One number."""
        return 1

    def loss(self, logits: "Tensor", target: "Tensor") -> "Tensor":
        """Compute the mean smooth L1 loss of logits ``[rows, (members,) 1]`` and targets ``[rows]`` in own units."""
        from torch.nn import functional as F

        standardized = ((target.log() if self.log else target) - self.mean) / self.scale
        if logits.ndim == 3:
            standardized = standardized[:, None]
        return F.smooth_l1_loss(logits.squeeze(-1), standardized.expand(logits.shape[:-1]), beta=self.beta)

    def predict(self, logits: "Tensor") -> "Tensor":
        """Convert logits to predictions ``[rows]`` in the target's own units, float32."""
        predicted = logits.float().squeeze(-1)
        if logits.ndim == 3:
            predicted = predicted.mean(1)
        predicted = predicted * self.scale + self.mean
        return (predicted.exp() if self.log else predicted).clamp(self.low, self.high)

    def tensor(self, frame: pd.DataFrame) -> "Tensor":
        """Return the numbers in their own units, float32 ``[rows]``."""
        import torch

        return torch.tensor(frame[self.targets[0]].to_numpy(), dtype=torch.float32)

    def signals(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the number, or its logarithm if that is learned, ``[rows, 1]``."""
        target = frame[list(self.targets)].to_numpy()
        return (np.log(target) if self.log else target).astype(float)

    def prior(self) -> "tuple[Tensor, Tensor]":
        """Return zero, which is the standardized mean, and the number of training rows."""
        import torch

        return torch.zeros(1), torch.full((1,), float(self.rows))

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
        """Return a scatter plot of predicted against actual numbers, of up to a thousand rows."""
        drawn = np.random.default_rng(0).permutation(len(target))[:DRAWN_ROWS]
        return {"kind": "scatter", "actual": target[drawn].tolist(), "predicted": predicted[drawn].tolist()}
