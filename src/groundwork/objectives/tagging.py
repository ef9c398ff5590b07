"""Tagging: predicts which tags a row has; it may have several, or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.objectives import columns
from groundwork.objectives.base import Array, Objective, Strata, Task
from groundwork.objectives.class_weights import balanced
from groundwork.objectives.columns import Rule
from groundwork.objectives.metrics_probabilities import auc
from groundwork.objectives.spelling import spelled, truth

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Tagging(Objective):
    """A sigmoid for each tag, trained with binary cross-entropy.

    Parameters
    ----------
    tags
        Number of tags; targets are 0 or 1 for each, float32 ``[rows, tags]``.
    label_smoothing
        Share by which each target is moved towards one half.
    targets
        The column of each tag.
    counts, rows
        Number of training rows with each tag; number of training rows.
    class_weight
        ``balanced`` if the rows with a tag count as much as those without it, for each tag; None if all rows do.
    focal
        The exponent by which rows count less that are right already (https://arxiv.org/abs/1708.02002).
    """

    tags: int
    label_smoothing: float = 0.0
    targets: tuple[str, ...] = ()
    counts: tuple[float, ...] = ()
    rows: int = 0
    class_weight: str | None = None
    focal: float = 0.0

    kind = "tagging"
    losses = ("binary_cross_entropy",)
    judged_as = ("tags",)
    head = "tags"

    @classmethod
    def _illegal_targets(cls, values: Array, task: Task) -> str | None:
        if len(values) == 2 and {truth(str(value)) for value in values} == {False, True}:
            return None
        return f"{values[0]} to {values[-1]}; expected 0 or 1, or yes and no: whether the row has the tag"

    @classmethod
    def strata(cls, task: Task) -> Strata:
        """Return ``tags``, or ``classes`` for a single tag: folds keep the share of each tag."""
        return "tags" if len(task.targets) > 1 else "classes"

    @classmethod
    def encoded_targets(cls, frame: pd.DataFrame, task: Task) -> pd.DataFrame:
        """Return 0 or 1 for each tag, also where the archive says yes and no in words."""
        return frame[list(task.targets)].apply(
            lambda column: (
                column
                if column.dtype.kind == "i"
                else column.map({value: int(bool(truth(str(value)))) for value in column.unique()}).astype("int64")
            )
        )

    @classmethod
    def target_array(cls, frame: pd.DataFrame, task: Task, labels: pd.DataFrame) -> Array:
        """Return 0 or 1 for each tag, ``[rows, tags]``."""
        return frame[list(task.targets)].to_numpy()

    @classmethod
    def class_count(cls, labels: pd.DataFrame, task: Task) -> int:
        """Return 2: each tag has a binary classifier."""
        return 2

    @classmethod
    def prediction_shape(cls, labels: pd.DataFrame, task: Task) -> tuple[int, ...]:
        """Return one number for each tag: its probability."""
        return (len(task.targets),)

    @classmethod
    def fit(cls, task: Task, train: pd.DataFrame, labels: pd.DataFrame, loss: Mapping[str, Any]) -> Self:
        """Count the training rows with each tag."""
        counts = cls.target_array(train, task, labels).astype(float).sum(0)
        return cls(len(task.targets), **loss, targets=task.targets, counts=tuple(counts.tolist()), rows=len(train))

    @property
    def outputs(self) -> int:
        """One logit for each tag."""
        return self.tags

    def loss(self, logits: "Tensor", target: "Tensor") -> "Tensor":
        """Compute the mean binary cross-entropy of `logits` ``[rows, (members,) tags]`` against ``[rows, tags]``."""
        from torch.nn import functional as F

        if logits.ndim == 3:
            target = target[:, None]
        smooth = (target * (1 - self.label_smoothing) + self.label_smoothing / 2).expand(logits.shape)
        if not self.class_weight and not self.focal:
            return F.binary_cross_entropy_with_logits(logits, smooth)
        surprise = F.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
        weight = self._weights(target).to(logits.dtype).expand(logits.shape)
        wrong = (logits * (1 - 2 * target)).sigmoid()
        return (weight * wrong**self.focal * surprise).sum() / weight.sum()

    def _weights(self, target: "Tensor") -> "Tensor":
        """Return the weight of each tag of each row, as `target`."""
        if not self.class_weight:
            return target.new_ones(target.shape)
        counts = np.array(self.counts)
        without, having = target.new_tensor(balanced(np.stack([self.rows - counts, counts], -1)).T)
        return having.where(target > 0.5, without)

    def predict(self, logits: "Tensor") -> "Tensor":
        """Convert logits to probabilities ``[rows, tags]``, float32."""
        probabilities = logits.float().sigmoid()
        return probabilities.mean(1) if logits.ndim == 3 else probabilities

    def tensor(self, frame: pd.DataFrame) -> "Tensor":
        """Return 0 or 1 for each tag, float32 ``[rows, tags]``."""
        import torch

        return torch.tensor(frame[list(self.targets)].to_numpy(), dtype=torch.float32)

    def signals(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return 0 or 1 for each tag, ``[rows, tags]``."""
        return frame[list(self.targets)].to_numpy().astype(float)

    def prior(self) -> "tuple[Tensor, Tensor]":
        """Return the log-odds of the tags, with half a row added to each side, and the training rows with each tag.

        Of balanced classes the log-odds are 0.
        """
        import torch

        examples = torch.tensor(self.counts or [0.0] * self.tags, dtype=torch.float32)
        if self.class_weight:
            return torch.zeros(self.tags), examples
        return torch.logit((examples + 0.5) / (self.rows + 1)), examples

    @classmethod
    def handed_in(
        cls, predicted: Array, labels: pd.DataFrame, task: Task, sample: pd.DataFrame, decided: Array | None = None
    ) -> list[Any]:
        """Return the probability of each tag, or whether the row has it."""
        if task.needs != "labels":
            return list(predicted.T)
        chosen = (predicted >= 0.5).astype(int) if decided is None else decided
        return [
            np.array(spelled([0, 1], sample[name].dropna()), dtype=object)[tag]
            for name, tag in zip(sample, chosen.T, strict=True)
        ]

    @classmethod
    def rules(cls, labels: pd.DataFrame, task: Task, sample: pd.DataFrame, *, positive: bool = False) -> list[Rule]:
        """Return a probability, or yes and no as the sample spells them, for each tag."""
        if task.needs != "labels":
            return [columns.Numbers(0, 1, meaning="a probability") for _ in sample]
        return [columns.Labels(spelled([0, 1], sample[name].dropna())) for name in sample]

    @classmethod
    def drawing(cls, target: Array, predicted: Array, task: Task) -> dict[str, Any]:
        """Return bars: the AUC of each tag that some rows have and others lack."""
        scores = [auc(target[:, [tag]], predicted[:, [tag]]) for tag in range(target.shape[1])]
        bars = [[tag, score] for tag, score in zip(task.targets, scores, strict=True) if np.isfinite(score)]
        return {"kind": "bars", "title": "AUC of each tag", "bars": bars}
