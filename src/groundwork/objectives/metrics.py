"""Metrics of the competitions, on arrays for evaluation and on the device during training.

They use scikit-learn and torchmetrics where those are right in edge cases. The libraries are imported inside functions,
because evaluation needs no torch and looking up a metric's name needs neither.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from groundwork.naming import ByName
from groundwork.objectives.ranking import Array, OnDevice, Score, map_at, mrr, ndcg, recall, recall_at

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Metric:
    """A score of predictions.

    Attributes
    ----------
    name
        Its key in `METRICS`.
    higher_is_better
        Whether a higher score is better.
    judges
        Targets and predictions that it takes: ``classes`` (classes ``[rows]``, probabilities ``[rows, classes]``),
        ``tags`` (0 or 1 and probabilities, both ``[rows, tags]``), ``numbers`` (both ``[rows]``), ``queries`` (numbers,
        and the query of each row) or ``lists`` (codes, ``[customers, most purchases]`` and ``[customers, answers]``). A
        kind lists those that suit it in `Objective.judged_as`.
    score
        ``score(target, prediction, groups=None) -> float`` on arrays; nan if nothing can be scored. `groups` has the
        query of each row; metrics other than ``queries`` ignore it.
    on_device
        ``on_device(target, prediction)``, the same on tensors, a scalar tensor on their device; None for a metric that
        is computed after training only.
    link
        The function of the target under which the best constant is the mean, and its inverse; or None.
    positive
        Whether predictions must be above 0.
    """

    name: str
    higher_is_better: bool
    judges: str
    score: Score
    on_device: "OnDevice | None" = None
    link: tuple[np.ufunc, np.ufunc] | None = None
    positive: bool = False


def _accuracy(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(target, prediction.argmax(-1)))


def _accuracy_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    from torchmetrics.functional.classification import multiclass_accuracy

    return multiclass_accuracy(
        prediction, target, num_classes=prediction.shape[-1], average="micro", validate_args=False
    )


def auc(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    """Compute the mean area under the ROC curve over the tags that some rows have and others lack."""
    from sklearn.metrics import roc_auc_score

    # A column with a single class would make scikit-learn's macro average nan.
    tags = np.flatnonzero((target == 0).any(0) & (target == 1).any(0))
    return float(np.mean([roc_auc_score(target[:, tag], prediction[:, tag]) for tag in tags])) if len(tags) else np.nan


def _auc_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    from torchmetrics.functional.classification import multilabel_auroc

    # torchmetrics' macro average counts a column with a single class as an AUC of 0. It is right on probabilities only:
    # other values pass through a sigmoid in single precision, where large logits tie.
    tags = (target == 0).any(0) & (target == 1).any(0)
    if not tags.any():
        return prediction.new_tensor(float("nan"))
    return multilabel_auroc(
        prediction[:, tags], target[:, tags].long(), num_labels=int(tags.sum()), average="macro", validate_args=False
    )


def _rmse(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(target, prediction))


def _rmse_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    from torchmetrics.functional.regression import mean_squared_error

    return mean_squared_error(prediction, target, squared=False)


def _rmse_log(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    return _rmse(np.log(target), np.log(prediction))


def _rmse_log_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    return _rmse_on_device(target.log(), prediction.log())


def _rmsle(target: Array, prediction: Array, groups: Array | None = None, /) -> float:
    from sklearn.metrics import root_mean_squared_log_error

    return float(root_mean_squared_log_error(target, prediction))


def _rmsle_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    from torchmetrics.functional.regression import mean_squared_log_error

    return mean_squared_log_error(prediction, target).sqrt()


# In product search, relevance is the mean of three or more raters' 1 (irrelevant), 2 (partially or somewhat relevant)
# or 3 (perfect match). A row counts as relevant if its mean is above 2. The smallest such mean is 2.2, so this
# threshold is robust to rounding.
_MORE_THAN_PARTIALLY = 2.1

METRICS: ByName[Metric] = {
    "accuracy": Metric("accuracy", True, "classes", _accuracy, _accuracy_on_device),
    # The mean over the tags that some rows have and others lack.
    "auc": Metric("auc", True, "tags", auc, _auc_on_device),
    # rmse_log is Kaggle's metric for house prices: errors of the logarithm, so that cheap and expensive houses count
    # equally; rmsle, of log(1 + x), allows zeros.
    "rmse": Metric("rmse", False, "numbers", _rmse, _rmse_on_device),
    "rmse_log": Metric(
        "rmse_log", False, "numbers", _rmse_log, _rmse_log_on_device, link=(np.log, np.exp), positive=True
    ),
    "rmsle": Metric("rmsle", False, "numbers", _rmsle, _rmsle_on_device, link=(np.log1p, np.expm1)),
    # A query has about six judged rows, so a larger k would include all of them in any order.
    "ndcg@10": Metric("ndcg@10", True, "queries", ndcg(10)),
    "mrr": Metric("mrr", True, "queries", mrr(_MORE_THAN_PARTIALLY)),
    "recall@3": Metric("recall@3", True, "queries", recall(3, _MORE_THAN_PARTIALLY)),
    "map@12": Metric("map@12", True, "lists", *map_at(12)),
    "recall@12": Metric("recall@12", True, "lists", *recall_at(12)),
}
