"""What a fold's rows ask of a network: the objective, targets as tensors, and out-of-fold predictions as a table."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundwork.competitions import Competition, Labelled, Purchases
from groundwork.data.prepared import Prepared
from groundwork.data.purchases import PreparedPurchases
from groundwork.data.rows import PreparedRows
from groundwork.encoders.history import candidates
from groundwork.objectives.base import Classification, Objective, Recommendation, Regression, Tagging
from groundwork.objectives.oof import columns
from groundwork.settings import BinaryCrossEntropy, CrossEntropy, LossSettings, SampledSoftmax, SmoothL1
from groundwork.state import State, scalar, texts

Target = NDArray[Any]
OBJECTIVES: dict[str, Any] = {
    "Classification": Classification,
    "Regression": Regression,
    "Tagging": Tagging,
    "Recommendation": Recommendation,
}


@dataclass(frozen=True)
class Question:
    """The objective for a competition's target, and the target as the objective takes it.

    Attributes
    ----------
    objective
        Loss and predictions.
    targets
        Columns that hold the answers, when they are known.
    id
        Column that names a row.
    query
        Column whose equal values are ranked among each other, or None.
    classes
        Sorted labels of a classification; empty for other kinds.
    """

    objective: Objective
    targets: tuple[str, ...]
    id: str
    query: str | None
    classes: Target

    @classmethod
    def of(cls, competition: Competition, settings: LossSettings, train: pd.DataFrame, prepared: Prepared) -> Self:
        """Build for a fold.

        Parameters
        ----------
        train
            The fold's training rows: what a regression is standardized by, and which articles sell.
        prepared
            All rows: which classes there are, so that all folds agree on them; how many articles.
        """
        classes = np.array([])
        objective: Objective
        if isinstance(competition, Purchases):
            assert isinstance(settings, SampledSoftmax)  # `groundwork validate` has compared them
            assert isinstance(prepared, PreparedPurchases)
            named = candidates(train, len(prepared.articles), settings.candidates)
            objective = Recommendation(len(prepared.articles), torch.from_numpy(named), competition.answers)
            return cls(objective, (), "customer", None, classes)
        assert isinstance(competition, Labelled)
        assert isinstance(prepared, PreparedRows)
        targets = competition.targets
        match settings:
            case CrossEntropy():
                classes = np.unique(prepared.train[targets[0]].to_numpy())
                objective = Classification(len(classes), settings.label_smoothing)
            case BinaryCrossEntropy():
                objective = Tagging(len(targets), settings.label_smoothing)
            case SmoothL1():
                target = train[targets[0]].to_numpy()
                learned = np.log(target) if competition.log_target else target
                objective = Regression(
                    mean=float(learned.mean()),
                    scale=float(learned.std()) or 1.0,
                    low=float(target.min()),
                    high=float(target.max()),
                    beta=settings.beta,
                    log=competition.log_target,
                )
            case _:
                raise AssertionError(f"{settings.loss} is for purchases")  # `groundwork validate` has compared them
        query = competition.inputs.pair.query if competition.inputs.pair else None
        return cls(objective, targets, competition.id, query, classes)

    def tensor(self, frame: pd.DataFrame) -> Tensor:
        """Targets as the objective takes them: class indices (int64) or numbers (float32) ``[rows]``, several columns.

        While a network learns from purchases, each one is compared with others and stands first: index 0.
        """
        if isinstance(self.objective, Recommendation):
            if "article" in frame:
                return torch.zeros(len(frame), dtype=torch.int64)
            return torch.tensor(frame.filter(regex=r"^t\d+$").to_numpy(), dtype=torch.int64)
        target = self._all(frame)
        if len(self.classes):
            return torch.from_numpy(np.searchsorted(self.classes, target[:, 0]))
        return torch.tensor(target if isinstance(self.objective, Tagging) else target[:, 0], dtype=torch.float32)

    def signals(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Targets as an encoder may average them, ``[rows, signals]``: indicators of classes, or the learned number."""
        if isinstance(self.objective, Recommendation):
            return np.empty((len(frame), 0))
        target = self._all(frame)
        if len(self.classes):
            # The first class follows from the others.
            return (target == self.classes[None, 1:]).astype(float)
        if isinstance(self.objective, Regression) and self.objective.log:
            target = np.log(target)
        return target.astype(float)

    def outcome(self, frame: pd.DataFrame, predicted: Target, fold: int) -> pd.DataFrame:
        """Make the fold's rows of ``oof.parquet``: ``id``, ``fold``, targets, predictions, and ``query`` if ranked."""
        ranked = {"query": frame[self.query].to_numpy(dtype=object)} if self.query else {}
        return pd.DataFrame(
            {
                "id": frame[self.id].to_numpy(),
                "fold": np.int8(fold),
                **ranked,
                **columns("t", "target", self.tensor(frame).numpy()),
                **columns("p", "prediction", predicted),
            }
        )

    def state(self) -> State:
        """Return everything as data."""
        fields = {
            name: value.numpy() if isinstance(value, Tensor) else value for name, value in vars(self.objective).items()
        }
        return {
            "objective": {"name": type(self.objective).__name__, **fields},
            "targets": list(self.targets),
            "id": self.id,
            "query": self.query,
            "classes": self.classes.tolist() if self.classes.dtype.kind in "OU" else self.classes,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state`; raise ValueError, TypeError or KeyError where that is not one."""
        fields = dict(state["objective"])
        kind = OBJECTIVES[fields.pop("name")]
        tensors = {name: torch.from_numpy(value) for name, value in fields.items() if isinstance(value, np.ndarray)}
        query, classes = state["query"], state["classes"]
        return cls(
            kind(**{**fields, **tensors}),
            tuple(texts(state, "targets")),
            scalar(state, "id", str),
            None if query is None else scalar(state, "query", str),
            np.array(texts(state, "classes"), dtype=object) if isinstance(classes, list) else classes,
        )

    def _all(self, frame: pd.DataFrame) -> Target:
        return frame[list(self.targets)].to_numpy()
