"""Regression: a number for each row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.objectives import columns
from groundwork.objectives.base import Array, Objective, Strata, Task

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
        Range of the training rows' target, in its own units. Predictions keep within it: a network extrapolates
        without bound, and one wild price would outweigh a thousand good ones.
    beta
        Errors below it, in standard deviations, count squared; larger ones by their size, so that a few outlying
        sales do not steer the network.
    log
        Whether the network learns the logarithm.
    targets
        The column that holds the number.
    rows
        Training rows.
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
        """Folds keep the share of each range of the number."""
        return "quantiles"

    @classmethod
    def target_array(cls, frame: pd.DataFrame, task: Task) -> Array:
        """Numbers ``[rows]``, in their own units."""
        return frame[task.targets[0]].to_numpy()

    @classmethod
    def prediction_shape(cls, labels: pd.DataFrame, task: Task) -> tuple[int, ...]:
        """One number."""
        return ()

    @classmethod
    def fit(cls, task: Task, train: pd.DataFrame, labels: pd.DataFrame, loss: Mapping[str, Any]) -> Self:
        """Standardize by the training rows' target."""
        target = cls.target_array(train, task)
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
        """Mean smooth L1 loss of `logits` ``[rows, (members,) 1]`` against targets ``[rows]`` in their own units."""
        from torch.nn import functional as F

        wanted = ((target.log() if self.log else target) - self.mean) / self.scale
        if logits.ndim == 3:
            wanted = wanted[:, None]
        return F.smooth_l1_loss(logits.squeeze(-1), wanted.expand(logits.shape[:-1]), beta=self.beta)

    def predict(self, logits: "Tensor") -> "Tensor":
        """Predictions ``[rows]`` in the target's own units, float32."""
        answer = logits.float().squeeze(-1)
        if logits.ndim == 3:
            answer = answer.mean(1)
        answer = answer * self.scale + self.mean
        return (answer.exp() if self.log else answer).clamp(self.low, self.high)

    def tensor(self, frame: pd.DataFrame) -> "Tensor":
        """Numbers in their own units, float32 ``[rows]``."""
        import torch

        return torch.tensor(frame[self.targets[0]].to_numpy(), dtype=torch.float32)

    def signals(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the number that is learned, ``[rows, 1]``."""
        target = frame[list(self.targets)].to_numpy()
        return (np.log(target) if self.log else target).astype(float)

    def prior(self) -> "tuple[Tensor, Tensor]":
        """Zero, which is the mean, and the training rows."""
        import torch

        return torch.zeros(1), torch.full((1,), float(self.rows))

    @classmethod
    def handed_in(cls, predicted: Array, labels: pd.DataFrame, task: Task) -> list[Any]:
        """Write the numbers."""
        return [predicted]

    @classmethod
    def _illegal_values(cls, values: pd.Series, positive: bool) -> list[str]:
        if positive and (low := values <= 0).any():
            found = values[low].iloc[0]
            return [f"{columns.lines(low)}: found {found}; the metric takes a logarithm: expected above 0"]
        return []

    @classmethod
    def drawing(cls, target: Array, predicted: Array, task: Task) -> dict[str, Any]:
        """Draw predicted against actual numbers of up to a thousand rows."""
        drawn = np.random.default_rng(0).permutation(len(target))[:DRAWN_ROWS]
        return {"kind": "scatter", "actual": target[drawn].tolist(), "predicted": predicted[drawn].tolist()}
