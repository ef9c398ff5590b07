"""Linear models and constants on features of the rows: scikit-learn's, for each kind of problem."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning

from groundwork.baselines import Array
from groundwork.competitions import Labelled

# Dense or sparse, [rows, features].
Matrix: TypeAlias = Any
Features = Callable[[pd.DataFrame, Array, pd.DataFrame], tuple[Matrix, Matrix]]
Head = Callable[[Matrix, Array, Matrix], Array]

# What the metric takes of the target before it averages: there the best constant is the mean.
LINKS = {"rmse_log": (np.log, np.exp), "rmsle": (np.log1p, np.expm1)}


@dataclass(frozen=True)
class Linear:
    """A model on features.

    Attributes
    ----------
    name
        What the leaderboard calls it.
    features
        ``features(train, target, valid)``: matrices of both, fitted on the training rows.
    head
        ``head(seen, target, asked)``: what a model that has seen the first matrix says to the second.
    """

    name: str
    features: Features
    head: Head

    def fit_predict(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> Array:
        """Fit on `train` and predict `valid`; see `Baseline`."""
        seen, asked = self.features(train, target, valid)
        return self.head(seen, target, asked)


def constant(competition: Labelled, classes: int) -> Linear:
    """Make the best constant in the metric's sense: shares of the classes or tags, or a mean."""
    return Linear("constant", _nothing, head(competition, classes, DummyClassifier(), DummyRegressor()))


def head(competition: Labelled, classes: int, classifier: BaseEstimator, regressor: BaseEstimator) -> Head:
    """Choose what suits the kind of problem: one of two unfitted models of scikit-learn's.

    Parameters
    ----------
    classes
        How many there are, in a classification.
    """
    if competition.kind == "classification":
        return partial(_classes, classifier, classes)
    if competition.kind == "tagging":
        return partial(_tags, classifier)
    to, back = LINKS["rmse_log"] if competition.log_target else LINKS.get(competition.metric, (None, None))
    return partial(_numbers, TransformedTargetRegressor(regressor, func=to, inverse_func=back, check_inverse=False))


def _nothing(train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> tuple[Matrix, Matrix]:
    return np.zeros((len(train), 1)), np.zeros((len(valid), 1))


def _classes(classifier: BaseEstimator, classes: int, seen: Matrix, target: Array, asked: Matrix) -> Array:
    # A linear model refuses a single class, which a rare tag can come down to in a fold's training rows.
    model = clone(classifier) if len(np.unique(target)) > 1 else DummyClassifier()
    with warnings.catch_warnings():
        # Whoever chose a number of passes over the rows knows that they are few.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = model.fit(seen, target)
    probabilities = np.zeros((asked.shape[0], classes))
    # Classes that these training rows lack keep the probability 0.
    probabilities[:, fitted.classes_.astype(int)] = fitted.predict_proba(asked)
    return probabilities


def _tags(classifier: BaseEstimator, seen: Matrix, target: Array, asked: Matrix) -> Array:
    return np.column_stack([_classes(classifier, 2, seen, tag, asked)[:, 1] for tag in target.T])


def _numbers(regressor: BaseEstimator, seen: Matrix, target: Array, asked: Matrix) -> Array:
    # As the networks' regression does: what a line says far outside of the known rows is no price and no rating.
    predicted: Array = clone(regressor).fit(seen, target).predict(asked)
    return predicted.clip(target.min(), target.max())
