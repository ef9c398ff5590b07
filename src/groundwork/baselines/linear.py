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
from groundwork.naming import ByName
from groundwork.objectives import KINDS
from groundwork.objectives.metrics import METRICS

# Dense or sparse, [rows, features].
Matrix: TypeAlias = Any
Features = Callable[[pd.DataFrame, Array, pd.DataFrame], tuple[Matrix, Matrix]]
Head = Callable[[Matrix, Array, Matrix], Array]


@dataclass(frozen=True)
class Linear:
    """A model on features.

    Attributes
    ----------
    name
        What the leaderboard calls it.
    encode
        ``encode(train, target, valid)``: matrices of both, fitted on the training rows.
    head
        ``head(seen, target, asked)``: what a model that has seen the first matrix says to the second.
    """

    name: str
    encode: Features
    head: Head

    def fit_predict(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> Array:
        """Fit on `train` and predict `valid`; see `Baseline`."""
        seen, asked = self.encode(train, target, valid)
        return self.head(seen, target, asked)


def constant(competition: Labelled, labels: pd.DataFrame) -> Linear:
    """Make the best constant in the metric's sense: shares of the classes or tags, or a mean."""
    return Linear("constant", _nothing, head(competition, labels, DummyClassifier(), DummyRegressor()))


def linear(
    competition: Labelled,
    labels: pd.DataFrame,
    seen: str,
    features: Features,
    classifier: BaseEstimator,
    regressor: BaseEstimator,
) -> Linear:
    """Make a linear model of what suits the kind of problem; its name says what it has `seen`."""
    classifies = KINDS[competition.kind].class_count(labels, competition.task) > 0
    name = "logistic regression" if classifies else "ridge"
    return Linear(f"{seen} + {name}" if seen else name, features, head(competition, labels, classifier, regressor))


def head(competition: Labelled, labels: pd.DataFrame, classifier: BaseEstimator, regressor: BaseEstimator) -> Head:
    """Choose what suits the kind of problem: one of two unfitted models of scikit-learn's.

    Parameters
    ----------
    labels
        The table in which every label stands.
    """
    return HEADS[KINDS[competition.kind].head](competition, labels, classifier, regressor)


def _of_classes(competition: Labelled, labels: pd.DataFrame, classifier: BaseEstimator, _: object) -> Head:
    return partial(_classes, classifier, KINDS[competition.kind].class_count(labels, competition.task))


def _of_tags(competition: Labelled, labels: pd.DataFrame, classifier: BaseEstimator, _: object) -> Head:
    return partial(_tags, classifier)


def _of_numbers(competition: Labelled, labels: pd.DataFrame, _: object, regressor: BaseEstimator) -> Head:
    link = (np.log, np.exp) if competition.task.log else METRICS[competition.metric].link
    to, back = link or (None, None)
    return partial(_numbers, TransformedTargetRegressor(regressor, func=to, inverse_func=back, check_inverse=False))


# By `Objective.head`.
HEADS: ByName[Callable[[Any, pd.DataFrame, Any, Any], Head]] = {
    "classes": _of_classes,
    "tags": _of_tags,
    "numbers": _of_numbers,
}


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
