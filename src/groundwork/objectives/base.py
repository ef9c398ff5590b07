"""Defines `Objective`, the abstract class of a kind of problem.

Each kind is one class. Its class methods need no training: which targets are legal, how folds are stratified, what a
submission contains. An instance is fitted on a fold's training rows and gives the loss and the predictions. Other code
looks kinds up in `groundwork.objectives.KINDS` and never compares their names.

A network gives logits ``[rows, outputs]``, or ``[rows, members, outputs]`` if it has several members. Each member is
trained on its own loss, and the prediction is the mean of the members' predictions (BatchEnsemble,
https://arxiv.org/abs/2002.06715; TabM, https://arxiv.org/abs/2410.24210).

The modules of this package import torch inside functions, because `groundwork validate` reads kinds and must start
quickly.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.objectives.columns import Rule
from groundwork.objectives.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]
State = dict[str, Any]
Strata = Literal["classes", "quantiles", "tags"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """The properties of a competition that its kind needs: names of prepared columns, and how targets are read.

    Attributes
    ----------
    id
        Column that names a row.
    targets
        Columns of the targets, where there are labelled rows.
    query
        Column of queries, within which rows are ranked, or None.
    groups
        Column whose equal values stay in one fold, or None.
    log
        Whether the network learns the logarithm of the target.
    answers
        The most items recommended for each row, where predictions are lists.
    needs
        What the metric scores, and a submission therefore contains: see `groundwork.objectives.metrics.Metric`.
    positive
        Whether the metric takes predictions above 0 only.
    classes
        The labels of ordered classes, from the lowest to the highest; empty if their order has no meaning.
    """

    id: str
    targets: tuple[str, ...] = ()
    query: str | None = None
    groups: str | None = None
    log: bool = False
    answers: int = 1
    needs: str = "labels"
    positive: bool = False
    classes: tuple[Any, ...] = ()


class Objective(ABC):
    """A kind of problem; instances are fitted on a fold's training rows.

    Attributes
    ----------
    kind
        Its key in `groundwork.objectives.KINDS`.
    losses
        The values of ``objective.loss`` in params.yaml that suit it.
    judged_as
        The kinds of predictions that its metrics take: see `groundwork.objectives.metrics.Metric`.
    head
        The key of the baselines' head that predicts it: see `groundwork.baselines.linear.HEADS`.
    encodings
        The values of ``encoding.inputs`` that suit it; empty if all do.
    evidence
        Whether logits of several paths are added, as log-odds are; logits that estimate the same number are averaged.
    compared
        Whether the gate compares test predictions with out-of-fold predictions.
    """

    kind: ClassVar[str]
    losses: ClassVar[tuple[str, ...]]
    judged_as: ClassVar[tuple[str, ...]]
    head: ClassVar[Literal["classes", "tags", "numbers", "lists"]]
    encodings: ClassVar[tuple[str, ...]] = ()
    evidence: ClassVar[bool] = True
    compared: ClassVar[bool] = True

    # --- before training: targets and folds --------------------------------------------------------------------------

    @classmethod
    def target_problem(cls, target: pd.Series, task: Task) -> str | None:
        """Say why a column of targets cannot be learned or scored; None if it can."""
        values = np.sort(target.unique())
        if target.isna().any():
            return f"{int(target.isna().sum())} missing values, expected none"
        if len(values) == 1:
            return f"{values[0]} in every row, expected two values or more: there is nothing to learn"
        return cls._illegal_targets(values, task)

    @classmethod
    def _illegal_targets(cls, values: Array, task: Task) -> str | None:
        """Say what is wrong with the sorted, distinct `values` of a column of targets; None if they are legal."""
        return None

    @classmethod
    def strata(cls, task: Task) -> Strata | None:
        """Return how folds are stratified, as `groundwork.data.folds.assign` takes it; None if they are not."""
        return None

    @classmethod
    def holdout_strata(cls, frame: pd.DataFrame, task: Task) -> pd.Series | None:
        """Return the labels by which the hold-out for early stopping is stratified; None if it is not."""
        return None

    @classmethod
    def loss_problems(cls, task: Task, loss: Mapping[str, Any]) -> list[str]:
        """List what in a loss's section of params.yaml does not suit the task: ``key: found …; expected …``."""
        return []

    @classmethod
    def metric_problems(cls, metric: Metric, loss: Mapping[str, Any]) -> list[str]:
        """List what in a loss's section does not suit the competition's metric, as `loss_problems` does.

        No weights may shift the probabilities that a metric scores.
        """
        shifting = [f"{key}: found {loss[key]}" for key in ("class_weight", "focal") if loss.get(key)]
        why = f"{metric.name} scores the probabilities themselves, which it shifts"
        return [f"{found}; expected it left out: {why}" for found in shifting] if metric.proper else []

    # --- targets as arrays -------------------------------------------------------------------------------------------

    @classmethod
    def encoded_targets(cls, frame: pd.DataFrame, task: Task) -> pd.DataFrame:
        """Return a table's target columns as they are prepared: unchanged, or as numbers where the kind needs them."""
        return frame[list(task.targets)]

    @classmethod
    @abstractmethod
    def target_array(cls, frame: pd.DataFrame, task: Task, labels: pd.DataFrame) -> Array:
        """Return the targets of `frame`, as metrics and baselines take them; `labels` is the table of all labels."""

    @classmethod
    def class_count(cls, labels: pd.DataFrame, task: Task) -> int:
        """Return the number of classes of a classifier; 0 if the kind is not classification."""
        return 0

    @classmethod
    @abstractmethod
    def prediction_shape(cls, labels: pd.DataFrame, task: Task) -> tuple[int, ...]:
        """Return the shape of a row's prediction: empty for a single number."""

    # --- a fitted objective ------------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def fit(cls, task: Task, train: pd.DataFrame, labels: pd.DataFrame, loss: Mapping[str, Any]) -> Self:
        """Fit on a fold's training rows.

        Parameters
        ----------
        train
            The fold's training rows.
        labels
            The table of all labels, so that all folds know the same ones: `Prepared.labels`.
        loss
            The options in the loss's section of params.yaml; missing ones have defaults.
        """

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Number of logits that a network gives for each row."""

    @abstractmethod
    def loss(self, logits: "Tensor", target: "Tensor") -> "Tensor":
        """Compute the mean loss over rows and members, a scalar."""

    @abstractmethod
    def predict(self, logits: "Tensor") -> "Tensor":
        """Convert logits to predictions in the units of the competition's metric."""

    @abstractmethod
    def tensor(self, frame: pd.DataFrame) -> "Tensor":
        """Return the targets as `loss` takes them: int64 or float32, ``[rows]`` or ``[rows, columns]``."""

    def learned(self, frame: pd.DataFrame) -> Array:
        """Return what a tree learns, whose sum is a logit: class indices ``[rows]``, else ``[rows, outputs]``."""
        target: Array = self.tensor(frame).numpy()
        return target

    def signals(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the targets as an encoder may average them, float64 ``[rows, signals]``; no columns if it may not."""
        return np.empty((len(frame), 0))

    @abstractmethod
    def prior(self) -> "tuple[Tensor, Tensor]":
        """Return initial logits for a network and the number of examples, float32 ``[outputs]`` each.

        Returns
        -------
        logits
            The best logits without any input.
        examples
            The number of training rows from which each output is learned.
        """

    def state(self) -> State:
        """Return what `from_state` needs, as JSON scalars, lists and NumPy arrays."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make the objective whose `state` this is."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in state.items()})

    # --- predictions and the submission ------------------------------------------------------------------------------

    @classmethod
    def combine(cls, predictions: Sequence[Array]) -> Array:
        """Combine the predictions of several folds' networks for the same rows."""
        mean: Array = np.mean(predictions, axis=0)
        return mean

    @classmethod
    def oof_problem(cls, target: Array, predicted: Array) -> str | None:
        """Say what is wrong with out-of-fold rows of this kind, beyond the checks for all kinds; None if nothing is."""
        return None

    @classmethod
    def columns_lacking(cls, names: Sequence[str], labels: pd.DataFrame, task: Task) -> str | None:
        """Say which predicted columns a sample submission needs in place of `names`; None if predictions fit."""
        if len(names) == len(task.targets) == 1 or list(names) == list(task.targets):
            return None
        return f"{', '.join(task.targets)} in this order" if len(task.targets) > 1 else "one predicted column"

    @classmethod
    @abstractmethod
    def handed_in(
        cls, predicted: Array, labels: pd.DataFrame, task: Task, sample: pd.DataFrame, decided: Array | None = None
    ) -> list[Any]:
        """Convert predictions to a submission's columns, in their order.

        Parameters
        ----------
        sample
            The predicted columns of the sample submission, as text: they decide how labels are spelled.
        decided
            Codes of classes or tags that the metric's decision chose from `predicted`; None if it makes none.
        """

    @classmethod
    @abstractmethod
    def rules(cls, labels: pd.DataFrame, task: Task, sample: pd.DataFrame, *, positive: bool = False) -> list[Rule]:
        """Return a rule for each predicted column of the sample submission.

        Parameters
        ----------
        positive
            Whether the metric takes a logarithm, so that numbers must be above 0.
        """

    @classmethod
    def row_failures(cls, values: pd.DataFrame, task: Task) -> list[str]:
        """List what is wrong with the predicted columns of a row together; each column by itself is legal."""
        return []

    # --- the report --------------------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def drawing(cls, target: Array, predicted: Array, task: Task) -> dict[str, Any]:
        """Return the report's chart of out-of-fold rows: its values, and a ``kind`` that `reporting` knows."""
