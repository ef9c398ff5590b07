"""The abstract class of a kind of problem, and what the kinds share.

A kind is one class: its class methods answer what can be answered before anything is trained (which targets are legal,
how folds are stratified, what a submission holds), and an instance, fitted on a fold's training rows, gives the loss
and the predictions. The rest of the house looks a kind up in `groundwork.objectives.KINDS` and never compares names.

Networks may answer with several members' logits, shaped ``[rows, members, outputs]``; a single network's are
``[rows, outputs]``. Members are trained each on their own loss, and predict by the mean of their predictions
(BatchEnsemble, https://arxiv.org/abs/2002.06715; TabM, https://arxiv.org/abs/2410.24210).

The modules of this room import torch inside functions: `groundwork validate` reads kinds and must not wait for it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.objectives import columns

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]
State = dict[str, Any]
Strata = Literal["classes", "quantiles", "tags"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a competition tells its kind, in plain values: names of prepared columns, and how answers are read.

    Attributes
    ----------
    id
        Column that names a row.
    targets
        Columns that hold the answers, where there are labelled rows.
    query
        Column whose equal values are ranked among each other, or None.
    groups
        Column whose equal values stay in one fold, or None.
    log
        Whether the network learns the logarithm of the target.
    answers
        The most items named for each row, where lists are asked for.
    """

    id: str
    targets: tuple[str, ...] = ()
    query: str | None = None
    groups: str | None = None
    log: bool = False
    answers: int = 1


class Objective(ABC):
    """A kind of problem; an instance is fitted on the training rows of a fold.

    Attributes
    ----------
    kind
        Its key in `groundwork.objectives.KINDS`.
    losses
        The values of ``objective.loss`` in params.yaml that fit it.
    judged_as
        What its predictions are to a metric: see `groundwork.objectives.metrics.Metric`.
    head
        Which of the baselines' heads predicts it: see `groundwork.baselines.linear.HEADS`.
    encodings
        The values of ``encoding.inputs`` that it needs; empty where any will do.
    evidence
        Whether logits are evidence that adds up, as log-odds do; numbers that answer the same are averaged instead.
    as_text
        Whether all columns of a submission are text: an id may begin with a zero.
    compared
        Whether test predictions are compared with out-of-fold ones before they are handed in.
    """

    kind: ClassVar[str]
    losses: ClassVar[tuple[str, ...]]
    judged_as: ClassVar[tuple[str, ...]]
    head: ClassVar[Literal["classes", "tags", "numbers", "lists"]]
    encodings: ClassVar[tuple[str, ...]] = ()
    evidence: ClassVar[bool] = True
    as_text: ClassVar[bool] = False
    compared: ClassVar[bool] = True

    # --- before training: targets and folds --------------------------------------------------------------------------

    @classmethod
    def target_problem(cls, target: pd.Series, task: Task) -> str | None:
        """Say what is wrong with a column of targets: a network cannot learn it, or the metric cannot score it."""
        values = np.sort(target.unique())
        if target.isna().any():
            return f"{int(target.isna().sum())} missing values, expected none"
        if len(values) == 1:
            return f"{values[0]} in every row, expected two values or more: there is nothing to learn"
        return cls._illegal_targets(values, task)

    @classmethod
    def _illegal_targets(cls, values: Array, task: Task) -> str | None:
        """Say what is wrong with the sorted, different `values` of a column of targets."""
        return None

    @classmethod
    @abstractmethod
    def strata(cls, task: Task) -> Strata:
        """Name what folds keep of the target's distribution: see `groundwork.data.folds.assign`."""

    @classmethod
    def holdout_strata(cls, frame: pd.DataFrame, task: Task) -> pd.Series | None:
        """Pick the labels whose shares a held-out part of the training rows keeps; None where it is drawn at random."""
        return None

    @classmethod
    def loss_problems(cls, task: Task, loss: Mapping[str, Any]) -> list[str]:
        """Say what a loss's section of params.yaml has that does not suit the task: ``key: found …; expected …``."""
        return []

    # --- targets as arrays -------------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def target_array(cls, frame: pd.DataFrame, task: Task) -> Array:
        """Pick the targets of `frame`, as metrics and baselines take them."""

    @classmethod
    def class_count(cls, labels: pd.DataFrame, task: Task) -> int:
        """Count the labels that one classifier tells apart; 0 where there is nothing to classify."""
        return 0

    @classmethod
    @abstractmethod
    def prediction_shape(cls, labels: pd.DataFrame, task: Task) -> tuple[int, ...]:
        """Shape of a row's prediction: empty for one number."""

    # --- a fitted objective ------------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def fit(cls, task: Task, train: pd.DataFrame, labels: pd.DataFrame, loss: Mapping[str, Any]) -> Self:
        """Fit on a fold's training rows.

        Parameters
        ----------
        train
            The rows that the fold learns from.
        labels
            The table in which every label stands, so that all folds agree on them: `Prepared.labels`.
        loss
            The keys of the loss's section of params.yaml but ``loss``; those that are missing have defaults.
        """

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Number of logits that a network gives for each row."""

    @abstractmethod
    def loss(self, logits: "Tensor", target: "Tensor") -> "Tensor":
        """Mean loss over rows and members, a scalar."""

    @abstractmethod
    def predict(self, logits: "Tensor") -> "Tensor":
        """Predictions in the units of the competition's metric."""

    @abstractmethod
    def tensor(self, frame: pd.DataFrame) -> "Tensor":
        """Targets as `loss` takes them: class indices (int64) or numbers (float32) ``[rows]``, several columns."""

    def signals(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Targets as an encoder may average them, ``[rows, signals]``; no column where there is nothing to average."""
        return np.empty((len(frame), 0))

    @abstractmethod
    def prior(self) -> "tuple[Tensor, Tensor]":
        """Return what a network may start from, float32 ``[outputs]`` each.

        Returns
        -------
        logits
            What an answer that looks at no input would be.
        examples
            How many training rows each output is learned from.
        """

    def state(self) -> State:
        """Return what `from_state` needs, in JSON scalars, lists and NumPy arrays."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make the objective whose `state` this is."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in state.items()})

    # --- predictions and the submission ------------------------------------------------------------------------------

    @classmethod
    def combine(cls, predictions: Sequence[Array]) -> Array:
        """Combine what several folds' networks predict for the same rows."""
        mean: Array = np.mean(predictions, axis=0)
        return mean

    @classmethod
    def oof_problem(cls, target: Array, predicted: Array) -> str | None:
        """Say what is wrong with out-of-fold rows of this kind beyond what holds for all."""
        return None

    @classmethod
    @abstractmethod
    def handed_in(cls, predicted: Array, labels: pd.DataFrame, task: Task) -> list[Any]:
        """Write predictions as a submission's columns, in their order."""

    @classmethod
    def legal(cls, labels: pd.DataFrame, task: Task) -> pd.Series:
        """Pick the column whose values may be handed in."""
        return labels[task.targets[0]]

    @classmethod
    def column_failures(
        cls, values: pd.Series, sample: pd.Series, legal: pd.Series, *, positive: bool = False, most: int = 1
    ) -> list[str]:
        """Say what is wrong with a submission's column.

        Parameters
        ----------
        sample
            The column as the competition's sample submission has it.
        legal
            What `legal` gives.
        positive
            Whether the metric takes a logarithm, so that a number must lie above 0.
        most
            The longest list of ids.
        """
        if failures := columns.unreadable(values, sample):
            return failures
        return cls._illegal_values(values, positive) + columns.constant(values)

    @classmethod
    def _illegal_values(cls, values: pd.Series, positive: bool) -> list[str]:
        """Say which numbers of a submission's column are out of range."""
        return []

    @classmethod
    def column_notes(cls, values: pd.Series) -> list[str]:
        """Say what is unusual in a column but allowed."""
        return []

    @classmethod
    def distance_failure(cls, values: pd.Series, oof: pd.Series) -> str | None:
        """Compare test with out-of-fold predictions; None where they are near enough."""
        return columns.numbers_apart(values, oof)

    # --- the report --------------------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def drawing(cls, target: Array, predicted: Array, task: Task) -> dict[str, Any]:
        """Collect what the report draws of out-of-fold rows: a ``kind`` that `stages.report` knows, and its values."""
