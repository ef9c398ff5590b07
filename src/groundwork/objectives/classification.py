"""Classification: predicts which of several classes a row belongs to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.objectives import columns
from groundwork.objectives.base import Array, Objective, Strata, Task
from groundwork.objectives.class_weights import balanced
from groundwork.objectives.columns import Rule
from groundwork.objectives.spelling import column_of, spelled

if TYPE_CHECKING:
    from torch import Tensor

# Probabilities with four decimals of a hundred classes can miss one by half a hundredth.
SUM_TOLERANCE = 5e-3
# Values of `Task.needs` for which a submission has one column of labels.
WORDS = ("labels", "lists")


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
        The classes' labels: class index i is ``labels[i]``.
    counts
        Number of training rows of each class.
    class_weight
        ``balanced`` if all classes count equally, whatever their rows; None if all rows do.
    focal
        The exponent by which rows count less that are right already (https://arxiv.org/abs/1708.02002).
    ordinal
        Whether classes are ordered: a logit for each class but the last says whether a row is above it.
    """

    classes: int
    label_smoothing: float = 0.0
    targets: tuple[str, ...] = ()
    labels: tuple[Any, ...] = ()
    counts: tuple[int, ...] = ()
    class_weight: str | None = None
    focal: float = 0.0
    ordinal: bool = False

    kind = "classification"
    losses = ("cross_entropy", "ordinal")
    judged_as = ("classes",)
    head = "classes"

    @classmethod
    def _illegal_targets(cls, values: Array, task: Task) -> str | None:
        if np.issubdtype(values.dtype, np.floating) and (values % 1).any():
            return f"{len(values)} different numbers such as {values[(values % 1) != 0][0]}; expected labels of classes"
        if task.classes and (unknown := [value for value in values if value not in task.classes]):
            return f"{unknown[0]}; expected the declared classes {', '.join(map(str, task.classes))}"
        return None

    @classmethod
    def strata(cls, task: Task) -> Strata:
        """Return ``classes``: folds keep the share of each class."""
        return "classes"

    @classmethod
    def holdout_strata(cls, frame: pd.DataFrame, task: Task) -> pd.Series | None:
        """Return the labels, with classes of one row in the largest class: the hold-out keeps the share of each."""
        label = frame[task.targets[0]]
        counts = label.value_counts()
        return label.where(label.map(counts) > 1, counts.index[0])

    @classmethod
    def vocabulary(cls, labels: pd.DataFrame, task: Task) -> Array:
        """Return all labels; a class's code is the position of its label. They are sorted, or in the declared order."""
        known = np.unique(labels[task.targets[0]].to_numpy())
        return np.array([label for label in task.classes if label in known], known.dtype) if task.classes else known

    @classmethod
    def target_array(cls, frame: pd.DataFrame, task: Task, labels: pd.DataFrame) -> Array:
        """Return the codes of the classes, int64 ``[rows]``."""
        return codes(frame[task.targets[0]], cls.vocabulary(labels, task))

    @classmethod
    def class_count(cls, labels: pd.DataFrame, task: Task) -> int:
        """Return the number of classes."""
        return len(cls.vocabulary(labels, task))

    @classmethod
    def prediction_shape(cls, labels: pd.DataFrame, task: Task) -> tuple[int, ...]:
        """Return one number for each class: its probability."""
        return (cls.class_count(labels, task),)

    @classmethod
    def fit(cls, task: Task, train: pd.DataFrame, labels: pd.DataFrame, loss: Mapping[str, Any]) -> Self:
        """Take the classes from all labels, and count the training rows of each."""
        known = cls.vocabulary(labels, task)
        counts = np.bincount(codes(train[task.targets[0]], known), minlength=len(known))
        fields: dict[str, Any] = {"labels": tuple(known.tolist()), "counts": tuple(counts.tolist())}
        return cls(len(known), **loss, targets=task.targets, **fields)

    @property
    def outputs(self) -> int:
        """One logit for each class; for each but the last of ordered classes."""
        return self.classes - self.ordinal

    def loss(self, logits: "Tensor", target: "Tensor") -> "Tensor":
        """Compute the mean cross-entropy of logits ``[rows, (members,) classes]`` and class indices ``[rows]``."""
        from torch.nn import functional as F

        if logits.ndim == 3:
            target = target.repeat_interleave(logits.shape[1])
            logits = logits.flatten(0, 1)
        if self.ordinal:
            return F.binary_cross_entropy_with_logits(logits, _above(target, self.classes).to(logits.dtype))
        weight = logits.new_tensor(balanced(np.array(self.counts))) if self.class_weight else None
        if not self.focal:
            return F.cross_entropy(logits, target, weight=weight, label_smoothing=self.label_smoothing)
        options: dict[str, Any] = {"weight": weight, "label_smoothing": self.label_smoothing}
        surprise = F.cross_entropy(logits, target, reduction="none", **options)
        wrong = 1 - logits.softmax(-1).gather(1, target[:, None])[:, 0]
        total = len(target) if weight is None else weight[target].sum()
        return (wrong**self.focal * surprise).sum() / total

    def predict(self, logits: "Tensor") -> "Tensor":
        """Convert logits to probabilities ``[rows, classes]``, float32."""
        probabilities = _of_ordered(logits.float()) if self.ordinal else logits.float().softmax(-1)
        return probabilities.mean(1) if logits.ndim == 3 else probabilities

    def tensor(self, frame: pd.DataFrame) -> "Tensor":
        """Return class indices, int64 ``[rows]``."""
        import torch

        return torch.from_numpy(codes(frame[self.targets[0]], np.array(self.labels)))

    def signals(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """One-hot encode the labels, ``[rows, classes - 1]``, without the redundant first class."""
        return (frame[list(self.targets)].to_numpy() == np.array(self.labels)[None, 1:]).astype(float)

    def prior(self) -> "tuple[Tensor, Tensor]":
        """Return the log shares of the classes, with half a row added to each, and their numbers of training rows.

        Of balanced classes the shares are equal; of ordered classes these are log-odds and numbers of the rows above.
        """
        import torch

        examples = torch.tensor(self.counts or [0] * self.classes, dtype=torch.float32)
        if self.ordinal:
            above = examples.flip(0).cumsum(0).flip(0)[1:]
            return torch.logit((above + 0.5) / (examples.sum() + 1)), above
        if self.class_weight:
            return torch.zeros(self.classes), examples
        return ((examples + 0.5) / (examples + 0.5).sum()).log(), examples

    @classmethod
    def oof_problem(cls, target: Array, predicted: Array) -> str | None:
        """Check that each class has a column of probabilities."""
        if predicted.ndim == 2 and predicted.shape[1] <= target.max():
            return f"found {predicted.shape[1]} columns of probabilities; expected more"
        return None

    @classmethod
    def columns_lacking(cls, names: Sequence[str], labels: pd.DataFrame, task: Task) -> str | None:
        """Check that there is one column, or a column of probabilities for each class."""
        known = [str(label) for label in cls.vocabulary(labels, task)]
        if len(names) == 1 and (task.needs in WORDS or len(known) == 2):
            return None
        if task.needs in WORDS:
            return f"one predicted column: the metric scores {task.needs}"
        lacking = [label for label in known if column_of(label, names) is None]
        if lacking or len(names) != len(known):
            return f"a column of probabilities for each class: {', '.join(known)}"
        return None

    @classmethod
    def handed_in(
        cls, predicted: Array, labels: pd.DataFrame, task: Task, sample: pd.DataFrame, decided: Array | None = None
    ) -> list[Any]:
        """Return the label of the most likely or the decided class, the likeliest classes, or all probabilities.

        Where the metric scores lists, they are as long as the longest of the sample's, with spaces between labels.
        """
        known = cls.vocabulary(labels, task)
        if task.needs == "labels":
            chosen = predicted.argmax(1) if decided is None else decided
            return [np.array(_spelled(known, sample), dtype=object)[chosen]]
        if task.needs == "lists":
            spellings, most = _lists(known, sample)
            best = np.argsort(-predicted, axis=1, kind="stable")[:, :most]
            return [np.array([" ".join(row) for row in np.array(spellings, dtype=object)[best]], dtype=object)]
        if sample.shape[1] == 1:
            return [predicted[:, -1]]
        # Probabilities in single precision sum to one within 1e-6; some metrics ask for more.
        shares = predicted.astype(np.float64)
        shares /= shares.sum(1, keepdims=True)
        names = [str(name) for name in sample]
        places = {column_of(str(label), names): code for code, label in enumerate(known)}
        return [np.asarray(shares[:, places[name]]) for name in names]

    @classmethod
    def rules(cls, labels: pd.DataFrame, task: Task, sample: pd.DataFrame, *, positive: bool = False) -> list[Rule]:
        """Return the labels, spelled as in the sample, lists of them, or probabilities."""
        if task.needs == "lists":
            spellings, most = _lists(cls.vocabulary(labels, task), sample)
            return [columns.Lists(pd.Series(spellings, dtype="str"), most)]
        if task.needs == "labels":
            return [columns.Labels(_spelled(cls.vocabulary(labels, task), sample))]
        return [columns.Numbers(0, 1, meaning="a probability") for _ in sample]

    @classmethod
    def row_failures(cls, values: pd.DataFrame, task: Task) -> list[str]:
        """Check that the probabilities of a row's classes sum to one."""
        if task.needs in WORDS or values.shape[1] == 1:
            return []
        total = values.astype(float).sum(axis=1)
        off = (total - 1).abs() > SUM_TOLERANCE
        return (
            [f"{columns.lines(off)}: found probabilities that sum to {total[off].iloc[0]:.6g}; expected 1"]
            if off.any()
            else []
        )

    @classmethod
    def drawing(cls, target: Array, predicted: Array, task: Task) -> dict[str, Any]:
        """Return the confusion matrix: actual classes are rows, predicted classes are columns."""
        classes = list(range(predicted.shape[1]))
        counts = pd.crosstab(target, predicted.argmax(1)).reindex(index=classes, columns=classes, fill_value=0)
        return {"kind": "confusion", "classes": classes, "matrix": counts.to_numpy().tolist()}


def codes(labels: pd.Series, vocabulary: Array) -> NDArray[np.int64]:
    """Return the position of each label in the vocabulary, int64 ``[rows]``."""
    order = np.argsort(vocabulary, kind="stable")
    return order[np.searchsorted(vocabulary[order], labels.to_numpy(vocabulary.dtype))].astype(np.int64)


def _spelled(vocabulary: Array, sample: pd.DataFrame) -> list[str]:
    return spelled(vocabulary.tolist(), sample.iloc[:, 0].dropna())


def _lists(vocabulary: Array, sample: pd.DataFrame) -> tuple[list[str], int]:
    """Return the labels as the sample's lists spell them, and the length of the longest list."""
    lists = sample.iloc[:, 0].dropna().astype(str).str.split()
    most = int(lists.map(len).max()) if len(lists) else 1
    return spelled(vocabulary.tolist(), lists.explode().dropna()), most


def _above(target: "Tensor", classes: int) -> "Tensor":
    """Return whether each row is above each class but the last, ``[rows, classes - 1]``."""
    return target[:, None] > target.new_tensor(range(classes - 1))


def _of_ordered(logits: "Tensor") -> "Tensor":
    """Convert logits of being above each class, ``[..., classes - 1]``, to probabilities ``[..., classes]``.

    The probability of being above a class cannot be larger than that of being above a lower one.
    """
    import torch

    above = logits.sigmoid().cummin(-1).values
    ends = torch.ones_like(above[..., :1])
    return torch.cat([ends, above], -1) - torch.cat([above, 0 * ends], -1)
