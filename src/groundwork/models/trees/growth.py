"""Grows boosted trees: a hold-out of the training rows decides on the rounds, then all rows are learned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.models.trees import BoostedTrees, Inputs
from groundwork.models.trees.booster import Grown
from groundwork.objectives.base import Objective

# A curve of more points than this shows nothing more.
MOST_POINTS = 200


@dataclass(frozen=True)
class Growth:
    """Grown trees, with the encoder and the objective that were fitted with them.

    Attributes
    ----------
    history
        For some rounds: ``epoch``, the number of the round from 0, and the losses after it.
    """

    objective: Objective
    encoder: Any
    network: BoostedTrees
    history: list[dict[str, float]]


def grow(
    fit: Callable[[pd.DataFrame], tuple[Objective, Any, Inputs]],
    build: Callable[[Any, Objective], Any],
    train: pd.DataFrame,
    split: tuple[pd.DataFrame, pd.DataFrame] | None,
    sizes: Mapping[str, Any],
    loss: Mapping[str, Any],
    seed: int,
) -> Growth:
    """Grow trees on training rows.

    Parameters
    ----------
    fit
        Fits objective and encoder on rows; returns both, and the rows' tensors by name.
    build
        Makes the trees, still to be grown, for a fitted encoder and objective.
    train
        All training rows.
    split
        The training rows in two parts: the second decides after how many rounds trees that learn from the first have
        the lowest loss. None: all rounds of `sizes` are made.
    sizes, loss, seed
        See `BoostedTrees.grow`.
    """
    rounds: list[int] | None = None
    first: list[Grown] = []
    if split is not None:
        kept, held_out = split
        objective, encoder, inputs = fit(kept)
        watched = encoder.transform(held_out), objective.learned(held_out)
        first = build(encoder, objective).grow(inputs, objective.learned(kept), watched, sizes, loss, seed)
        rounds = [booster.rounds for booster in first]
    objective, encoder, inputs = fit(train)
    network = build(encoder, objective)
    grown = network.grow(inputs, objective.learned(train), None, sizes, loss, seed, rounds)
    return Growth(objective, encoder, network, _history(first or grown))


def _history(boosters: list[Grown]) -> list[dict[str, float]]:
    """Average the boosters' losses after each round; a booster that has stopped keeps its last."""
    length = max(len(booster.losses["train_loss"]) for booster in boosters)
    shown = np.unique(np.linspace(0, length - 1, min(length, MOST_POINTS)).round().astype(int))

    def curve(name: str) -> NDArray[np.float64]:
        curves = [booster.losses[name] for booster in boosters]
        return np.mean([np.pad(values, (0, length - len(values)), "edge") for values in curves], axis=0)

    curves = {"epoch": np.arange(length), **{name: curve(name) for name in boosters[0].losses}}
    return [{name: float(values[number]) for name, values in curves.items()} for number in shown]
