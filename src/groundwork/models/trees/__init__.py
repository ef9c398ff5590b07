"""Boosted trees as networks: modules that take a table's tensors by name and return logits.

Their state dict is the boosters' own form (LightGBM's text, CatBoost's file), as arrays of bytes. So a fold's file
holds trees as it holds weights, and no pickle.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from groundwork.models.trees.booster import Array, Examples, Grown, Library, Order, Score
from groundwork.models.trees.catboost import CATBOOST
from groundwork.models.trees.lightgbm import LIGHTGBM
from groundwork.naming import ByName
from groundwork.objectives.base import Objective

Inputs = Mapping[str, Any]


class Columns(Protocol):
    """A fitted encoder of numbers and categories: bin edges, and the number of codes of each categorical feature."""

    edges: Tensor
    categories: list[int]


@dataclass(frozen=True)
class Head:
    """How boosters give the logits of a kind of problem.

    Attributes
    ----------
    boosters, values
        How many boosters there are, and how many numbers each of them gives for a row.
    logits
        Converts what all boosters give, ``[rows, boosters * values]``, to logits ``[rows, outputs]``.
    """

    boosters: int
    values: int
    logits: Callable[[Tensor], Tensor]


def _log_odds(raw: Tensor) -> Tensor:
    """Convert the log-odds of the second of two classes, ``[rows, 1]``, to logits of both."""
    return torch.cat([torch.zeros_like(raw), raw], dim=1)


def _same(raw: Tensor) -> Tensor:
    return raw


def _of_classes(outputs: int) -> Head:
    return Head(1, 1, _log_odds) if outputs == 2 else Head(1, outputs, _same)


def _of_columns(outputs: int) -> Head:
    return Head(outputs, 1, _same)


# By `Objective.head`, from the number of logits: classes share a booster, each tag and each number has its own.
HEADS: ByName[Callable[[int], Head]] = {
    "classes": _of_classes,
    "tags": _of_columns,
    "numbers": _of_columns,
}


class BoostedTrees(nn.Module):
    """Boosted trees that return logits.

    Parameters
    ----------
    library
        Trains and reads the boosters.
    head
        How boosters give logits.
    categories
        Number of codes of each categorical feature.
    """

    def __init__(self, library: Library, head: Head, categories: Sequence[int]) -> None:
        super().__init__()
        self.library, self.head, self.categories = library, head, categories
        self.scores: list[Score] = []
        for number in range(head.boosters):
            self.register_buffer(f"booster_{number}", torch.empty(0, dtype=torch.uint8))

    def grow(
        self,
        inputs: Inputs,
        learned: Array,
        watched: tuple[Inputs, Array] | None,
        sizes: Mapping[str, Any],
        loss: Mapping[str, Any],
        seed: int,
        rounds: Sequence[int] | None = None,
    ) -> list[Grown]:
        """Train the boosters.

        Parameters
        ----------
        inputs, learned
            Tensors by name, as `forward` takes them, and what the logits estimate: `Objective.learned`.
        watched
            The same of rows that decide when to stop, or None.
        sizes, loss
            The sections ``model`` and ``objective`` of params.yaml.
        seed
            See `groundwork.models.trees.booster.Order`.
        rounds
            The rounds of each booster, in place of those in `sizes`.
        """
        rows = _examples(inputs, learned)
        watching: list[Any] = [None] * len(rows) if watched is None else _examples(*watched)
        grown = []
        for number, (own, others) in enumerate(zip(rows, watching, strict=True)):
            changed = {**sizes, "rounds": rounds[number]} if rounds else sizes
            order = Order(changed, loss, self.categories, self.head.values, seed)
            grown.append(self.library.train(own, others, order))
        contents = [torch.frombuffer(bytearray(booster.content), dtype=torch.uint8) for booster in grown]
        self.load_state_dict({f"booster_{number}": content for number, content in enumerate(contents)})
        return grown

    def forward(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        """Map numbers ``[rows, numeric]`` and codes ``[rows, categorical]`` to logits ``[rows, outputs]``."""
        features = _features(numeric, categorical)
        raw = np.column_stack([score(features) for score in self.scores])
        return self.head.logits(torch.from_numpy(raw)).to(numeric.device, torch.float32)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Take the boosters, whose lengths differ; raise ValueError if they are not the library's."""
        for name in self.state_dict():
            if name not in state_dict or state_dict[name].dtype != torch.uint8:
                raise ValueError(f"found no bytes {name!r}")
            self.register_buffer(name, state_dict[name])
        answer = super().load_state_dict(state_dict, strict, assign)
        self.scores = [self.library.load(bytes(content.cpu().numpy()), self.head.values) for content in self.buffers()]
        return answer


def _features(numeric: Tensor, categorical: Tensor) -> Array:
    return np.column_stack([numeric.cpu().numpy(), categorical.cpu().numpy()]).astype(np.float32)


def _examples(inputs: Inputs, learned: Array) -> list[Examples]:
    """Return the rows with the target of each booster."""
    features = _features(inputs["numeric"], inputs["categorical"])
    targets = [learned] if learned.ndim == 1 else np.ascontiguousarray(learned.T)
    return [Examples(features, target) for target in targets]


def of_lightgbm(settings: Mapping[str, Any], encoder: Columns, objective: Objective) -> BoostedTrees:
    """Make trees of LightGBM for what `encoder` gives, still to be grown."""
    return BoostedTrees(LIGHTGBM, HEADS[objective.head](objective.outputs), encoder.categories)


def of_catboost(settings: Mapping[str, Any], encoder: Columns, objective: Objective) -> BoostedTrees:
    """Make trees of CatBoost for what `encoder` gives, still to be grown."""
    return BoostedTrees(CATBOOST, HEADS[objective.head](objective.outputs), encoder.categories)
