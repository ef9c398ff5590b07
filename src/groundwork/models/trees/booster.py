"""What a library of boosted trees takes and gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
# ``score(features)``: float64 ``[rows, values]``, before a link such as softmax.
Score = Callable[[Array], NDArray[np.float64]]


@dataclass(frozen=True)
class Examples:
    """Rows to learn from.

    Attributes
    ----------
    matrix
        float32 ``[rows, features]``; nan where a number is missing.
    target
        What a booster learns, ``[rows]``: classes, 0 or 1, or numbers.
    """

    matrix: Array
    target: Array


@dataclass(frozen=True)
class Order:
    """How a booster is to be trained.

    Attributes
    ----------
    sizes
        The section ``model`` of params.yaml, without the network's name.
    loss
        The section ``objective`` of params.yaml.
    categories
        The last features are codes of categories: how many codes each has.
    values
        How many numbers the booster gives for a row: the classes if there are more than two, else 1.
    seed
        Seed of the shares of rows and features that trees see.
    """

    sizes: Mapping[str, Any]
    loss: Mapping[str, Any]
    categories: Sequence[int]
    values: int
    seed: int


@dataclass(frozen=True)
class Grown:
    """A trained booster.

    Attributes
    ----------
    content
        The booster in its library's own form.
    rounds
        The number of its rounds: the best one for the watched rows, or all.
    losses
        ``train_loss`` after each round and, where rows were watched, their ``val_loss``, patience included.
    """

    content: bytes
    rounds: int
    losses: Mapping[str, list[float]]


@dataclass(frozen=True)
class Library:
    """A library of boosted trees.

    Attributes
    ----------
    train
        ``train(rows, watched, order)``: trains a booster. The `watched` rows decide when to stop; where they are None,
        all rounds are made.
    load
        ``load(content, values)``: reads a booster that gives so many numbers for a row; raises ValueError if the
        content is not the library's, or of another booster.
    """

    train: Callable[[Examples, Examples | None, Order], Grown]
    load: Callable[[bytes, int], Score]
