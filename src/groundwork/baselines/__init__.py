"""Baselines for the networks: constants, linear and lexical models, and recommendations by counting."""

from typing import Any, Protocol

import pandas as pd
from numpy.typing import NDArray

Array = NDArray[Any]


class Baseline(Protocol):
    """A model without settings, which is fitted on a fold's training rows and predicts its validation rows."""

    @property
    def name(self) -> str:
        """The name on the leaderboard."""
        ...

    def fit_predict(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> Array:
        """Fit on `train` and predict `valid`.

        Parameters
        ----------
        train, valid
            Prepared rows, as `groundwork.data.prepared.Prepared` gives them for a fold.
        target
            The targets of `train`: class indices or numbers ``[rows]``, tags ``[rows, tags]``, articles ``[rows]``.

        Returns
        -------
        array
            As the metrics take it: probabilities ``[rows, classes or tags]``, numbers ``[rows]``, or articles, best
            first, int64 ``[rows, answers]``, padded with -1.
        """
        ...
