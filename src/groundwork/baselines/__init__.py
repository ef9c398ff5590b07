"""What a network must beat: constants, linear and lexical models, and lists that need no learning."""

from typing import Any, Protocol

import pandas as pd
from numpy.typing import NDArray

Array = NDArray[Any]


class Baseline(Protocol):
    """A model without settings of its own: fitted on a fold's training rows, asked once."""

    @property
    def name(self) -> str:
        """What the leaderboard calls it."""
        ...

    def fit_predict(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> Array:
        """Fit on `train` alone and predict `valid`.

        Parameters
        ----------
        train, valid
            Prepared rows, as `groundwork.data.prepared.Prepared` gives them for a fold.
        target
            The answers of `train`: class indices or numbers ``[rows]``, tags ``[rows, tags]``, articles ``[rows]``.

        Returns
        -------
        array
            As the metrics take it: probabilities ``[rows, classes or tags]``, numbers ``[rows]``, or articles, best
            first, int64 ``[rows, answers]``, filled up with -1.
        """
        ...
