"""Classification: predicts which of several classes a row belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.objectives import columns
from groundwork.objectives.base import Array, Objective, Strata, Task

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Classification(Objective):
    """Softmax over classes, trained with cross-entropy.

    Parameters
    ----------
    classes
        Number of classes; targets are class indices, int64.
    label_smoothing
        Share of the target's probability that is spread over all classes (https://arxiv.org/abs/1512.00567).
    targets
        The column of the labels.
    labels
        The classes' labels, sorted: class index i is ``labels[i]``.
    counts
        Number of training rows of each class.
    """

    classes: int
    label_smoothing: float = 0.0
    targets: tuple[str, ...] = ()
    labels: tuple[Any, ...] = ()
    counts: tuple[int, ...] = ()

    kind = "classification"
    losses = ("cross_entropy",)
    judged_as = ("classes",)
    head = "classes"

    @classmethod
    def _illegal_targets(cls, values: Array, task: Task) -> str | None:
        if np.array_equal(values, np.arange(len(values))):
            return None
        return f"the classes {', '.join(map(str, values[:10]))}; expected 0, 1, 2 … without a gap"

    @classmethod
    def strata(cls, task: Task) -> Strata:
        """Return ``classes``: folds keep the share of each class."""
        return "classes"

    @classmethod
    def holdout_strata(cls, frame: pd.DataFrame, task: Task) -> pd.Series | None:
        """Return the labels: the hold-out keeps the share of each class."""
        return frame[task.targets[0]]

    @classmethod
    def target_array(cls, frame: pd.DataFrame, task: Task) -> Array:
        """Return the labels, ``[rows]``."""
        return frame[task.targets[0]].to_numpy()

    @classmethod
    def class_count(cls, labels: pd.DataFrame, task: Task) -> int:
        """Return the number of classes."""
        return len(np.unique(cls.target_array(labels, task)))

    @classmethod
    def prediction_shape(cls, labels: pd.DataFrame, task: Task) -> tuple[int, ...]:
        """Return one number for each class: its probability."""
        return (cls.class_count(labels, task),)

    @classmethod
    def fit(cls, task: Task, train: pd.DataFrame, labels: pd.DataFrame, loss: Mapping[str, Any]) -> Self:
        """Take the classes from all labels, and count the training rows of each."""
        known = np.unique(cls.target_array(labels, task))
        counts = np.bincount(np.searchsorted(known, cls.target_array(train, task)), minlength=len(known))
        fields: dict[str, Any] = {"labels": tuple(known.tolist()), "counts": tuple(counts.tolist())}
        return cls(len(known), **loss, targets=task.targets, **fields)

    @property
    def outputs(self) -> int:
        """One logit for each class."""
        return self.classes

    def loss(self, logits: "Tensor", target: "Tensor") -> "Tensor":
        """Compute the mean cross-entropy of logits ``[rows, (members,) classes]`` and class indices ``[rows]``."""
        from torch.nn import functional as F

        if logits.ndim == 3:
            target = target.repeat_interleave(logits.shape[1])
            logits = logits.flatten(0, 1)
        return F.cross_entropy(logits, target, label_smoothing=self.label_smoothing)

    def predict(self, logits: "Tensor") -> "Tensor":
        """Convert logits to probabilities ``[rows, classes]``, float32."""
        probabilities = logits.float().softmax(-1)
        return probabilities.mean(1) if logits.ndim == 3 else probabilities

    def tensor(self, frame: pd.DataFrame) -> "Tensor":
        """Return class indices, int64 ``[rows]``."""
        import torch

        return torch.from_numpy(np.searchsorted(np.array(self.labels), frame[self.targets[0]].to_numpy()))

    def signals(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """One-hot encode the labels, ``[rows, classes - 1]``, without the redundant first class."""
        return (frame[list(self.targets)].to_numpy() == np.array(self.labels)[None, 1:]).astype(float)

    def prior(self) -> "tuple[Tensor, Tensor]":
        """Return the log shares of the classes, with half a row added to each, and their numbers of training rows."""
        import torch

        examples = torch.tensor(self.counts or [0] * self.classes, dtype=torch.float32)
        return ((examples + 0.5) / (examples + 0.5).sum()).log(), examples

    @classmethod
    def oof_problem(cls, target: Array, predicted: Array) -> str | None:
        """Check that each class has a column of probabilities."""
        if predicted.ndim == 2 and predicted.shape[1] <= target.max():
            return f"found {predicted.shape[1]} columns of probabilities; expected more"
        return None

    @classmethod
    def handed_in(cls, predicted: Array, labels: pd.DataFrame, task: Task) -> list[Any]:
        """Return the label of the most likely class."""
        return [np.unique(cls.target_array(labels, task))[predicted.argmax(1)]]

    @classmethod
    def column_failures(
        cls, values: pd.Series, sample: pd.Series, legal: pd.Series, *, positive: bool = False, most: int = 1
    ) -> list[str]:
        """Check that all labels are known from training and written as in the sample."""
        if failures := columns.unreadable(values, sample):
            return failures
        if pd.api.types.is_integer_dtype(sample) and values.dtype != sample.dtype:
            actual = columns.content(values)
            return [f"found {values.iloc[0]} ({actual}); expected {columns.content(sample)} as in the sample"]
        classes = sorted(legal.unique())
        illegal = ~values.isin(classes)
        if illegal.any():
            seen, first = ", ".join(map(str, classes[:20])), columns.shown(values[illegal].iloc[0])
            failures = [f"{columns.lines(illegal)}: found {first}; expected a class of training: {seen}"]
        return failures + columns.constant(values)

    @classmethod
    def distance_failure(cls, values: pd.Series, oof: pd.Series) -> str | None:
        """Compare the shares of the classes in test and out-of-fold predictions."""
        return columns.classes_apart(values, oof)

    @classmethod
    def drawing(cls, target: Array, predicted: Array, task: Task) -> dict[str, Any]:
        """Return the confusion matrix: actual classes are rows, predicted classes are columns."""
        classes = list(range(predicted.shape[1]))
        counts = pd.crosstab(target, predicted.argmax(1)).reindex(index=classes, columns=classes, fill_value=0)
        return {"kind": "confusion", "classes": classes, "matrix": counts.to_numpy().tolist()}
