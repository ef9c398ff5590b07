"""Finds the metric of this workspace that Kaggle means by its name of one, and the kinds that a metric suits."""

import re

from groundwork.objectives import KINDS
from groundwork.objectives.metrics import METRICS

# Kaggle's names, in small letters and without what stands in brackets.
KAGGLE = {
    "accuracy": "accuracy",
    "accuracy score": "accuracy",
    "accuracy_score": "accuracy",
    "categorization accuracy": "accuracy",
    "categorizationaccuracy": "accuracy",
    "area under receiver operating characteristic curve": "auc",
    "auc": "auc",
    "roc auc score": "auc",
    "roc_auc_score": "auc",
    "mean columnwise area under receiver operating characteristic curve": "auc",
    "mean columnwise auc": "auc",
    "log loss": "log_loss",
    "logloss": "log_loss",
    "multiclass loss": "log_loss",
    "multi-class log loss": "log_loss",
    "f1 score": "f1",
    "f1-score": "f1",
    "macro f1 score": "f1_macro",
    "quadratic weighted kappa": "kappa_quadratic",
    "cohen kappa score": "kappa_quadratic",
    "matthews correlation coefficient": "mcc",
    "root mean squared error": "rmse",
    "rmse": "rmse",
    "mean columnwise root mean squared error": "mcrmse",
    "root mean squared logarithmic error": "rmsle",
    "mean absolute error": "mae",
    "median absolute error": "median_ae",
    "r2 score": "r2",
    "normalized gini index": "gini",
}


def named(kaggle_name: str) -> str | None:
    """Return the key of the metric that Kaggle calls so; None if it is not known."""
    plain = re.sub(r"\s*\(.*?\)|^custom metric:?\s*", "", kaggle_name.strip().lower()).strip()
    name = KAGGLE.get(plain, plain if plain in METRICS else None)
    return name if name in METRICS else None


def kinds_of(name: str) -> tuple[str, ...]:
    """Return the kinds of problem that the metric suits; empty if it is not known."""
    metric = METRICS.get(name)
    return tuple(kind for kind, of in KINDS.items() if metric is not None and metric.judges in of.judged_as)
