"""Linear models and constants of scikit-learn, for each kind of problem."""

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

# Dense or sparse, [rows, features].
Matrix: TypeAlias = Any
Features = Callable[[pd.DataFrame, Array, pd.DataFrame], tuple[Matrix, Matrix]]
Head = Callable[[Matrix, Array, Matrix], Array]


@dataclass(frozen=True)
class Linear:
    """A constant or linear model of a row's features.

    Attributes
    ----------
    name
        The name on the leaderboard.
    encode
        ``encode(train, target, valid)``: feature matrices of training and validation rows, fitted on the former.
    head
        ``head(train, target, valid)``: predictions for the second matrix by a model fitted on the first.
    """

    name: str
    encode: Features
    head: Head

    def fit_predict(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> Array:
        """Fit on `train` and predict `valid`; see `Baseline`."""
        train_features, valid_features = self.encode(train, target, valid)
        return self.head(train_features, target, valid_features)


def constant(competition: Labelled, labels: pd.DataFrame) -> Linear:
    """Make the constant that the metric scores best: shares of the classes or tags, or a mean."""
    return Linear("constant", _nothing, head(competition, labels, DummyClassifier(), DummyRegressor()))


def linear(
    competition: Labelled,
    labels: pd.DataFrame,
    label: str,
    features: Features,
    classifier: BaseEstimator,
    regressor: BaseEstimator,
) -> Linear:
    """Make the linear model that suits the kind of problem; its name starts with the `label` of its features."""
    classifies = KINDS[competition.kind].class_count(labels, competition.task) > 0
    name = "logistic regression" if classifies else "ridge"
    return Linear(f"{label} + {name}" if label else name, features, head(competition, labels, classifier, regressor))


def head(competition: Labelled, labels: pd.DataFrame, classifier: BaseEstimator, regressor: BaseEstimator) -> Head:
    """Choose the one of two unfitted scikit-learn models that suits the kind of problem.

    Parameters
    ----------
    labels
        The table of all labels.
    """
    return HEADS[KINDS[competition.kind].head](competition, labels, classifier, regressor)


def _of_classes(competition: Labelled, labels: pd.DataFrame, classifier: BaseEstimator, _: object) -> Head:
    return partial(_classes, classifier, KINDS[competition.kind].class_count(labels, competition.task))


def _of_tags(competition: Labelled, labels: pd.DataFrame, classifier: BaseEstimator, _: object) -> Head:
    return partial(_tags, classifier)


def _of_numbers(competition: Labelled, labels: pd.DataFrame, _: object, regressor: BaseEstimator) -> Head:
    link = (np.log, np.exp) if competition.task.log else competition.scorer.link
    to, back = link or (None, None)
    transformed = TransformedTargetRegressor(regressor, func=to, inverse_func=back, check_inverse=False)
    return partial(_numbers, transformed, competition.scorer.positive)


# By `Objective.head`.
HEADS: ByName[Callable[[Any, pd.DataFrame, Any, Any], Head]] = {
    "classes": _of_classes,
    "tags": _of_tags,
    "numbers": _of_numbers,
}


def _nothing(train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> tuple[Matrix, Matrix]:
    return np.zeros((len(train), 1)), np.zeros((len(valid), 1))


def _classes(classifier: BaseEstimator, classes: int, train: Matrix, target: Array, valid: Matrix) -> Array:
    # A linear model refuses a single class, which is all that a fold's training rows may have of a rare tag.
    model = clone(classifier) if len(np.unique(target)) > 1 else DummyClassifier()
    with warnings.catch_warnings():
        # The number of passes is small on purpose.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = model.fit(train, target)
    probabilities = np.zeros((valid.shape[0], classes))
    # Classes that are missing from these training rows have probability 0.
    probabilities[:, fitted.classes_.astype(int)] = fitted.predict_proba(valid)
    return probabilities


def _tags(classifier: BaseEstimator, train: Matrix, target: Array, valid: Matrix) -> Array:
    return np.column_stack([_classes(classifier, 2, train, tag, valid)[:, 1] for tag in target.T])


def _numbers(regressor: BaseEstimator, positive: bool, train: Matrix, target: Array, valid: Matrix) -> Array:
    # Predictions are clipped to the range of the training rows, as in `groundwork.objectives.regression`; where a
    # metric takes no prediction of 0, to the smallest target above 0.
    predicted: Array = clone(regressor).fit(train, target).predict(valid)
    low = np.where(target > 0, target, np.inf).min(0) if positive else target.min(0)
    return predicted.clip(low, target.max(0))
