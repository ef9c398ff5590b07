"""Metrics of the competitions, on arrays for evaluation and on the device during training.

They use scikit-learn and torchmetrics where those are right in edge cases. The libraries are imported inside functions,
because evaluation needs no torch and looking up a metric's name needs neither.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from groundwork.errors import UserError
from groundwork.naming import ByName
from groundwork.objectives import metrics_labels as labels
from groundwork.objectives import metrics_numbers as numbers
from groundwork.objectives import metrics_probabilities as probabilities
from groundwork.objectives.metrics_labels import OfLabels
from groundwork.objectives.ranking import Array, OnDevice, Score, map_at, mrr, ndcg, recall, recall_at

if TYPE_CHECKING:
    from torch import Tensor

Needs: TypeAlias = Literal["labels", "probabilities", "numbers", "lists"]
EQUAL = "found equal targets only"


@dataclass(frozen=True)
class Metric:
    """A score of predictions.

    Attributes
    ----------
    name
        Its key in `METRICS`, or the name of a competition's own metric.
    higher_is_better
        Whether a higher score is better.
    judges
        Targets and predictions that it takes: ``classes`` (class codes ``[rows]``, probabilities ``[rows, classes]``),
        ``tags`` (0 or 1 and probabilities, both ``[rows, tags]``), ``numbers`` (both ``[rows]`` or ``[rows,
        targets]``), ``queries`` (numbers ``[rows]``, and the query of each row) or ``lists`` (codes, ``[customers, most
        purchases]`` and ``[customers, answers]``). A kind lists those that suit it in `Objective.judged_as`.
    score
        ``score(target, prediction, groups=None) -> float`` on arrays; nan if nothing can be scored. `groups` has the
        query of each row; metrics other than ``queries`` ignore it.
    on_device
        ``on_device(target, prediction)``, the same on tensors, a scalar tensor on their device. Without it, predictions
        are copied from the device and scored by `score`.
    link
        The function of the target under which the best constant is the mean, and its inverse; or None.
    positive
        Whether predictions must be above 0.
    needs
        What is handed in: ``labels``, ``probabilities``, ``numbers`` or ``lists``.
    of_labels
        For a metric that needs labels: the score of targets and answers (class codes, 0 or 1 for each tag, grades).
    decides
        Those of `judges` for which thresholds, weights or cut points that are chosen for the metric raise it: see
        `groundwork.objectives.decisions`.
    by_tag
        Whether the score of tags is a mean of the tags' own, so that each has a threshold of its own that is best.
    proper
        Whether it is best for the true probabilities, so that a loss that shifts them cannot suit it.
    graded
        Whether classes are grades, so that a near miss counts less than a far one.
    undefined
        Why the score is nan, for messages.
    """

    name: str
    higher_is_better: bool
    judges: tuple[str, ...]
    score: Score
    on_device: "OnDevice | None" = None
    link: tuple[np.ufunc, np.ufunc] | None = None
    positive: bool = False
    needs: Needs = "numbers"
    of_labels: OfLabels | None = None
    decides: tuple[str, ...] = ()
    by_tag: bool = False
    proper: bool = False
    graded: bool = False
    undefined: str = EQUAL

    @classmethod
    def of(
        cls,
        function: Callable[..., float],
        *,
        needs: Needs,
        higher_is_better: bool,
        name: str = "",
        judges: tuple[str, ...] = (),
        positive: bool = False,
    ) -> "Metric":
        """Make a competition's own metric from a function in its file.

        Parameters
        ----------
        function
            ``function(target, prediction) -> float`` on arrays: see `judges` for what they hold. A metric that needs
            labels gets answers in place of predictions: class codes, or 0 and 1 for each tag. A metric that judges
            ``queries`` gets the query of each row as a third argument.
        needs, higher_is_better, name, judges, positive
            See the class. The name is the function's, and `judges` follows from `needs`, unless they are given.
        """
        own = _Own(function, name or function.__name__, judges or JUDGES[needs])
        score = labels.of_predictions(own) if needs == "labels" else own
        metric = cls(own.name, higher_is_better, own.judges, score, needs=needs, positive=positive)
        return replace(metric, of_labels=own, decides=own.judges) if needs == "labels" else metric

    def form(self, judged_as: tuple[str, ...]) -> str:
        """Return which of `judges` a kind's predictions are; `judged_as` is the kind's. Empty if none is."""
        return next((form for form in judged_as if form in self.judges), "")

    def suits(self, judged_as: tuple[str, ...]) -> bool:
        """Whether it judges a kind's predictions; `judged_as` is the kind's."""
        return bool(self.form(judged_as))


JUDGES: dict[str, tuple[str, ...]] = {
    "labels": ("classes", "tags"),
    "probabilities": ("classes", "tags"),
    "numbers": ("numbers",),
    "lists": ("lists",),
}


@dataclass(frozen=True)
class _Own:
    """A competition's own function, whose mistakes are its author's to mend."""

    function: Callable[..., float]
    name: str
    judges: tuple[str, ...]

    def __call__(self, target: Array, prediction: Array, groups: Array | None = None, /) -> float:
        arrays: tuple[Any, ...] = (target, prediction, groups) if "queries" in self.judges else (target, prediction)
        try:
            return float(self.function(*arrays))
        except Exception as error:
            raise UserError(
                f"the competition's own metric {self.name}: {type(error).__name__}: {error}; expected a number from "
                f"targets {target.shape} and predictions {prediction.shape}",
                "fix the function in the competition's file in src/groundwork/competitions/",
            ) from error


def metric_of(metric: str | Metric) -> Metric:
    """Return the metric of a key of `METRICS`; a metric stays as it is."""
    return METRICS[metric] if isinstance(metric, str) else metric


def needs_of(metric: object) -> Needs:
    """Return what a competition's metric needs; labels if it is no metric, so that `validate` can list all mistakes."""
    found = METRICS.get(metric) if isinstance(metric, str) else metric
    return found.needs if isinstance(found, Metric) else "labels"


def is_positive(metric: object) -> bool:
    """Return whether a competition's metric takes predictions above 0 only."""
    found = METRICS.get(metric) if isinstance(metric, str) else metric
    return isinstance(found, Metric) and found.positive


def _accuracy_on_device(target: "Tensor", prediction: "Tensor") -> "Tensor":
    from torchmetrics.functional.classification import multiclass_accuracy

    return multiclass_accuracy(
        prediction, target, num_classes=prediction.shape[-1], average="micro", validate_args=False
    )


def _labels(
    name: str,
    function: OfLabels,
    judges: tuple[str, ...],
    decides: tuple[str, ...],
    on_device: "OnDevice | None" = None,
) -> Metric:
    score = labels.of_predictions(function)
    by_tag = "tags" in judges and not name.endswith(("micro", "samples"))
    metric = Metric(name, True, judges, score, on_device, needs="labels", of_labels=function)
    return replace(metric, decides=decides, by_tag=by_tag)


def _grades(name: str, power: int, judges: tuple[str, ...]) -> Metric:
    function, undefined = labels.kappa(power), "expected whole numbers that differ"
    score = labels.of_grades(function)
    metric = Metric(name, True, judges, score, needs="labels", graded=power > 0, undefined=undefined)
    return replace(metric, of_labels=function, decides=judges)


def _probabilities(name: str, higher: bool, score: Score, on_device: "OnDevice | None" = None) -> Metric:
    return Metric(name, higher, BOTH, score, on_device, needs="probabilities", proper=not higher)


def _numbers(name: str, score: Score, on_device: "OnDevice | None" = None, **options: Any) -> Metric:
    return Metric(name, False, ("numbers",), score, on_device, **options)


def _map(k: int) -> Metric:
    score = probabilities.map_at_classes(k, map_at(k))
    return Metric(f"map@{k}", True, ("classes", "lists"), *score, needs="lists")


def _lists(name: str, scores: tuple[Score, OnDevice]) -> Metric:
    return Metric(name, True, ("lists",), *scores, needs="lists")


def _top(k: int) -> Metric:
    return Metric(f"top{k}_accuracy", True, ("classes",), probabilities.top(k), needs="probabilities")


CLASSES, TAGS, BOTH, QUERIES = ("classes",), ("tags",), ("classes", "tags"), ("queries",)
# In product search, relevance is the mean of three or more raters' 1 (irrelevant), 2 (partially or somewhat relevant)
# or 3 (perfect match). A row counts as relevant if its mean is above 2. The smallest such mean is 2.2, so this
# threshold is robust to rounding.
_MORE_THAN_PARTIALLY = 2.1
_ABOVE_0 = "expected targets and predictions above 0"

METRICS: ByName[Metric] = {
    # --- labels: the share of right ones ---
    "accuracy": _labels("accuracy", labels.accuracy, CLASSES, (), _accuracy_on_device),
    "balanced_accuracy": _labels("balanced_accuracy", labels.balanced_accuracy, CLASSES, CLASSES),
    # Of two classes the last one counts; of tags the mean, as f1_macro.
    "f1": _labels("f1", labels.f_binary(), BOTH, BOTH),
    "f2": _labels("f2", labels.f_binary(2), BOTH, BOTH),
    "f0.5": _labels("f0.5", labels.f_binary(0.5), BOTH, BOTH),
    # Of classes, f1_micro is the accuracy, which no decision raises.
    "f1_micro": _labels("f1_micro", labels.f_micro(), BOTH, TAGS),
    "f1_macro": _labels("f1_macro", labels.f_macro(), BOTH, BOTH),
    "f1_weighted": _labels("f1_weighted", labels.f_weighted(), BOTH, BOTH),
    "f1_samples": _labels("f1_samples", labels.f_samples(), TAGS, TAGS),
    "f2_micro": _labels("f2_micro", labels.f_micro(2), BOTH, TAGS),
    "f2_macro": _labels("f2_macro", labels.f_macro(2), BOTH, BOTH),
    "f2_samples": _labels("f2_samples", labels.f_samples(2), TAGS, TAGS),
    "f0.5_macro": _labels("f0.5_macro", labels.f_macro(0.5), BOTH, BOTH),
    "mcc": _labels("mcc", labels.matthews, BOTH, BOTH),
    "kappa": _grades("kappa", 0, CLASSES),
    "kappa_linear": _grades("kappa_linear", 1, ("classes", "numbers")),
    "kappa_quadratic": _grades("kappa_quadratic", 2, ("classes", "numbers")),
    # --- probabilities ---
    "auc": _probabilities("auc", True, probabilities.auc, probabilities.auc_on_device),
    "average_precision": _probabilities("average_precision", True, probabilities.average_precision),
    "log_loss": _probabilities("log_loss", False, probabilities.log_loss, probabilities.log_loss_on_device),
    "brier": _probabilities("brier", False, probabilities.brier),
    "gini": Metric("gini", True, ("classes", "numbers"), probabilities.gini, needs="probabilities"),
    "top3_accuracy": _top(3),
    "top5_accuracy": _top(5),
    # --- numbers ---
    # rmse_log is Kaggle's metric for house prices: errors of the logarithm, so that cheap and expensive houses count
    # equally; rmsle, of log(1 + x), allows zeros. Of several targets, each is the mean over them.
    "rmse": _numbers("rmse", numbers.rmse, numbers.rmse_on_device),
    "mcrmse": _numbers("mcrmse", numbers.rmse, numbers.rmse_on_device),
    "rmse_log": _numbers(
        "rmse_log",
        numbers.rmse_log,
        numbers.rmse_log_on_device,
        link=(np.log, np.exp),
        positive=True,
        undefined=_ABOVE_0,
    ),
    "rmsle": _numbers(
        "rmsle",
        numbers.rmsle,
        numbers.rmsle_on_device,
        link=(np.log1p, np.expm1),
        undefined="expected targets and predictions above -1",
    ),
    "mse": _numbers("mse", numbers.mse),
    "mae": _numbers("mae", numbers.mae, numbers.mae_on_device),
    "median_ae": _numbers("median_ae", numbers.median_ae),
    "mape": _numbers("mape", numbers.mape, undefined="expected targets other than 0"),
    "smape": _numbers("smape", numbers.smape),
    "r2": Metric("r2", True, ("numbers",), numbers.r2),
    "poisson_deviance": _numbers(
        "poisson_deviance",
        numbers.by_column(numbers.poisson),
        positive=True,
        undefined="expected targets of at least 0, and predictions above 0",
    ),
    "gamma_deviance": _numbers("gamma_deviance", numbers.by_column(numbers.gamma), positive=True, undefined=_ABOVE_0),
    "quantile_0.1": _numbers("quantile_0.1", numbers.quantile(0.1)),
    "quantile_0.25": _numbers("quantile_0.25", numbers.quantile(0.25)),
    "quantile_0.5": _numbers("quantile_0.5", numbers.quantile(0.5)),
    "quantile_0.75": _numbers("quantile_0.75", numbers.quantile(0.75)),
    "quantile_0.9": _numbers("quantile_0.9", numbers.quantile(0.9)),
    # --- the rows of a query. It has about six judged ones, so a larger k would include all of them in any order ---
    "ndcg@10": Metric("ndcg@10", True, QUERIES, ndcg(10)),
    "mrr": Metric("mrr", True, QUERIES, mrr(_MORE_THAN_PARTIALLY)),
    "recall@3": Metric("recall@3", True, QUERIES, recall(3, _MORE_THAN_PARTIALLY)),
    # --- lists, or the likeliest classes ---
    "map@3": _map(3),
    "map@5": _map(5),
    "map@7": _map(7),
    "map@12": _lists("map@12", map_at(12)),
    "recall@12": _lists("recall@12", recall_at(12)),
}
