"""Fitted transforms: what turns prepared columns into a network's tensors, learned from training rows alone."""

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundwork.encoders.ragged import Augment, Encoded
from groundwork.state import State

Numbers = NDArray[np.float64]


class Encoder(ABC):
    """Fitted on a fold's training rows, applied to any rows.

    What `transform` gives is what the section of its settings says in `gives`.
    """

    @classmethod
    @abstractmethod
    def of(cls, encoding: Any, competition: Any, prepared: Any, bins: int) -> Self:
        """Make the encoder that a lane's settings describe; it is not fitted yet.

        Parameters
        ----------
        encoding
            Its section of params.yaml, whose ``inputs`` name it in `groundwork.training.build.ENCODERS`.
        competition, prepared
            The competition, whose layout has what the encoder reads, and its tables.
        bins
            Bins between quantiles that the network wants the edges of; an encoder without numbers ignores it.
        """

    @abstractmethod
    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Fit on training rows and encode them. `target` is what the network learns, ``[rows, signals]``."""

    @abstractmethod
    def transform(self, frame: pd.DataFrame) -> Encoded:
        """Encode rows that were not fitted on."""

    @abstractmethod
    def state(self) -> State:
        """Return all that `transform` needs, as data."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild an encoder from `state`; raise ValueError or KeyError where that is not one."""

    def examples(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the training rows that `fit_transform` encodes; the others are only looked back at."""
        return frame

    def augment(self) -> Augment | None:
        """Return the random change of training batches, or None where there is none."""
        return None
