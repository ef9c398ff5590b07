"""Recommendation: predicts a ranked list of the next items for each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.objectives import columns
from groundwork.objectives.base import Array, Objective, State, Task
from groundwork.objectives.columns import Rule

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Recommendation(Objective):
    """Softmax over candidate items.

    Parameters
    ----------
    items
        Number of items.
    candidates
        Codes of the items that may be recommended, int64 ``[candidates]``.
    most
        Number of items in a list.
    rows
        Training rows.
    """

    items: int
    candidates: "Tensor"
    most: int = 12
    rows: int = 0

    kind = "recommendation"
    losses = ("sampled_softmax",)
    judged_as = ("lists",)
    head = "lists"
    encodings = ("history",)
    compared = False

    @classmethod
    def loss_problems(cls, task: Task, loss: Mapping[str, Any]) -> list[str]:
        """Check that there are enough candidates for a list."""
        if (count := loss["candidates"]) < task.answers:
            return [f"candidates: found {count}; expected {task.answers} or more, the length of a customer's list"]
        return []

    @classmethod
    def target_array(cls, frame: pd.DataFrame, task: Task, labels: pd.DataFrame) -> Array:
        """Return the codes of bought articles: ``[rows]`` of a log, or lists ``[rows, most]`` of validation rows."""
        if "article" in frame:
            return frame["article"].to_numpy()
        return frame.filter(regex=r"^t\d+$").to_numpy(np.int64)

    @classmethod
    def prediction_shape(cls, labels: pd.DataFrame, task: Task) -> tuple[int, ...]:
        """Return the length of a list."""
        return (task.answers,)

    @classmethod
    def fit(cls, task: Task, train: pd.DataFrame, labels: pd.DataFrame, loss: Mapping[str, Any]) -> Self:
        """Choose the candidates from the log."""
        import torch

        chosen = candidates(train, len(labels), loss["candidates"])
        return cls(len(labels), torch.from_numpy(chosen), task.answers, len(train))

    @property
    def outputs(self) -> int:
        """One logit for each candidate."""
        return len(self.candidates)

    def loss(self, logits: "Tensor", target: "Tensor") -> "Tensor":
        """Compute the mean negative log-likelihood, a scalar.

        Parameters
        ----------
        logits
            Of all candidates, or of those that were sampled for a training step: ``[rows, compared]``.
        target
            The index of the next item among those compared, int64 ``[rows]``; or the codes of all next items, ``[rows,
            most]``, padded with -1. Items that are not candidates are ignored.
        """
        import torch
        from torch.nn import functional as F

        if target.ndim == 1:
            return F.cross_entropy(logits, target)
        places = torch.full((self.items + 1,), -1, device=target.device)
        places[self.candidates.to(target.device)] = torch.arange(self.outputs, device=target.device)
        # Code -1 selects the last element, which belongs to no item and is -1.
        place = places[target]
        known = place >= 0
        likelihood = logits.log_softmax(1).gather(1, place.clamp(min=0))
        return -(torch.where(known, likelihood, 0.0).sum(1) / known.sum(1).clamp(min=1)).mean()

    def predict(self, logits: "Tensor") -> "Tensor":
        """Return the codes of the most likely items, best first, int64 ``[rows, most]``, padded with -1."""
        from torch.nn import functional as F

        best = logits.topk(min(self.most, logits.shape[1])).indices
        return F.pad(self.candidates.to(best.device)[best], (0, self.most - best.shape[1]), value=-1)

    def tensor(self, frame: pd.DataFrame) -> "Tensor":
        """Return the codes of bought articles, int64 ``[rows, most]``, padded with -1.

        For training purchases the target is index 0, ``[rows]``, because networks put the bought article first among
        those compared.
        """
        import torch

        if "article" in frame:
            return torch.zeros(len(frame), dtype=torch.int64)
        return torch.tensor(frame.filter(regex=r"^t\d+$").to_numpy(), dtype=torch.int64)

    def prior(self) -> "tuple[Tensor, Tensor]":
        """Return zeros and the number of training rows."""
        import torch

        return torch.zeros(self.outputs), torch.full((self.outputs,), float(self.rows))

    def state(self) -> State:
        """Return what `from_state` needs; the candidates become an array."""
        return super().state() | {"candidates": self.candidates.numpy()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make the objective whose `state` this is."""
        import torch

        return super().from_state(state | {"candidates": torch.from_numpy(state["candidates"])})

    @classmethod
    def combine(cls, predictions: Sequence[Array]) -> Array:
        """Merge lists by the sum of each item's reciprocal ranks; a single list stays as it is."""
        first, *others = predictions
        if not others:
            return first
        lists = np.stack(predictions, axis=1).astype(np.int64)  # [rows, lists, most]
        rows, _, most = lists.shape
        weights = np.broadcast_to(1 / np.arange(1, most + 1), lists.shape)
        row = np.broadcast_to(np.arange(rows)[:, None, None], lists.shape)
        named = lists >= 0
        votes = pd.DataFrame({"row": row[named], "item": lists[named], "weight": weights[named]})
        # Equal sums are ordered by the item's code.
        ranked = votes.groupby(["row", "item"])[["weight"]].sum().reset_index()
        ranked = ranked.sort_values(["row", "weight", "item"], ascending=[True, False, True])
        place = ranked.groupby("row").cumcount().to_numpy()
        kept = place < most
        merged = np.full((rows, most), -1, dtype=np.int64)
        merged[ranked["row"].to_numpy()[kept], place[kept]] = ranked["item"].to_numpy()[kept]
        return merged

    @classmethod
    def handed_in(
        cls, predicted: Array, labels: pd.DataFrame, task: Task, sample: pd.DataFrame, decided: Array | None = None
    ) -> list[Any]:
        """Convert ranked codes to ids separated by spaces, without -1."""
        import pyarrow as pa
        import pyarrow.compute as pc

        recommended = predicted >= 0
        # An article's code is its row number.
        ids = pa.array(labels["article"], type=pa.large_string()).take(pa.array(predicted[recommended]))
        ends = np.append(0, np.cumsum(recommended.sum(axis=1))).astype(np.int32)
        lists = pa.ListArray.from_arrays(ends, ids)
        return [pc.binary_join(lists, pa.scalar(" ", pa.large_string())).to_pandas()]

    @classmethod
    def rules(cls, labels: pd.DataFrame, task: Task, sample: pd.DataFrame, *, positive: bool = False) -> list[Rule]:
        """Return lists of known articles, none of them twice."""
        return [columns.Lists(labels["article"], task.answers) for _ in sample]

    @classmethod
    def drawing(cls, target: Array, predicted: Array, task: Task) -> dict[str, Any]:
        """Return bars: how often the article at each position of the list was bought."""
        hits = [(predicted[:, [place]] == target).any(1).mean() for place in range(predicted.shape[1])]
        bars = [[str(place), float(share)] for place, share in enumerate(hits, start=1)]
        return {"kind": "bars", "title": "Share of customers who bought the article at each place", "bars": bars}


def candidates(frame: pd.DataFrame, articles: int, most: int) -> NDArray[np.int64]:
    """Choose the articles that may be recommended: the most recently sold, and of equal days the most sold.

    Parameters
    ----------
    frame
        All purchases so far.
    articles
        Number of articles.
    most
        How many to choose; articles that were never sold come last.

    Returns
    -------
    array of int64
        Their codes, ascending.
    """
    article, day = frame["article"].to_numpy(), frame["day"].to_numpy(np.int64)
    last, sold = np.full(articles, -1), np.bincount(article, minlength=articles)
    np.maximum.at(last, article, day)
    return np.sort(np.lexsort((-sold, -last))[:most])
