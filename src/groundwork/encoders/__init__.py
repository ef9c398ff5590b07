"""Defines the interface of encoders, which turn prepared columns into tensors and are fitted on training rows only."""

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.encoders.ragged import Augment, Encoded
from groundwork.state import State

Numbers = NDArray[np.float64]


class Encoder(ABC):
    """Base class of the encoders: fitted on a fold's training rows, applied to any rows.

    `transform` returns the tensors that its section of the settings names in `gives`.
    """

    @classmethod
    @abstractmethod
    def of(cls, encoding: Any, competition: Any, prepared: Any, bins: int) -> Self:
        """Create the encoder for a lane's settings, not yet fitted.

        Parameters
        ----------
        encoding
            The section `encoding` of params.yaml, whose ``inputs`` is a key of `groundwork.training.build.ENCODERS`.
        competition, prepared
            The competition, of a layout that the encoder can read, and its prepared data.
        bins
            Number of quantile bins whose edges the network needs, 0 for trees; encoders without numbers ignore it.
        """

    @abstractmethod
    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Fit on training rows and encode them. `target`, ``[rows, signals]``, is what the network learns."""

    @abstractmethod
    def transform(self, frame: pd.DataFrame) -> Encoded:
        """Encode rows other than the training rows."""

    @abstractmethod
    def state(self) -> State:
        """Return everything that `transform` needs, as data."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild an encoder from `state`; raise ValueError or KeyError if it is invalid."""

    def examples(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the training rows that `fit_transform` encodes; the others only serve as history."""
        return frame

    def augment(self) -> Augment | None:
        """Return the augmentation of training mini-batches, or None if there is none."""
        return None
