"""Decisions: how probabilities and numbers become the labels that a metric scores best.

The likeliest class is the best answer for the accuracy, and for few other metrics. So for a metric of labels a decision
is chosen on out-of-fold predictions: a threshold for two classes, one for each tag, a weight for each of several
classes, or cut points between grades. A score of rows on which the decision was chosen would be too high. Therefore
`decide` chooses one for each fold, on the other folds, and these give the score; the decision for the test rows is
chosen on all out-of-fold rows, and is used only where the former raised the score.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from groundwork.naming import ByName
from groundwork.objectives import oof as rows_of
from groundwork.objectives.metrics import Metric
from groundwork.objectives.ranking import Array
from groundwork.objectives.thresholds import Cuts, Decision, Threshold, Thresholds, Weights

DECISIONS: ByName[type[Decision]] = {
    "threshold": Threshold,
    "thresholds": Thresholds,
    "weights": Weights,
    "cuts": Cuts,
}


def from_json(content: Mapping[str, Any] | None) -> Decision | None:
    """Make the decision that ``to_json`` wrote, as ``decision`` of ``experiment.json`` has it; None for none."""
    if content is None:
        return None
    numbers = {key: tuple(values) for key, values in content.items() if key != "name"}
    return DECISIONS[content["name"]](**numbers)


def decision_for(metric: Metric, judged_as: tuple[str, ...], predicted: Array) -> type[Decision] | None:
    """Return what kind of decision suits a metric and predictions; None where the obvious answers are best.

    Parameters
    ----------
    judged_as
        The kind's `Objective.judged_as`.
    """
    form = metric.form(judged_as)
    if metric.of_labels is None or form not in metric.decides or (form == "numbers" and predicted.ndim == 2):
        return None
    if form == "classes":
        return Threshold if predicted.shape[1] == 2 else Cuts if metric.graded else Weights
    return Thresholds if form == "tags" else Cuts


def decide(
    metric: Metric, judged_as: tuple[str, ...], target: Array, predicted: Array, folds: Array
) -> tuple[Array, Decision] | None:
    """Choose a decision for each fold on the other folds, and one on all rows.

    Parameters
    ----------
    judged_as
        The kind's `Objective.judged_as`.
    target, predicted
        Out-of-fold rows: see `Metric.judges`.
    folds
        The fold of each row.

    Returns
    -------
    tuple or None
        The labels of all rows, each by the decision of its fold, which has not seen the row; and the decision for the
        test rows. None where no decision suits, or where there is one fold only.
    """
    choice, numbers = decision_for(metric, judged_as, predicted), np.unique(folds)
    if choice is None or len(numbers) < 2 or len(np.unique(target)) < 2:
        return None
    labels = np.zeros(target.shape, dtype=np.int64)
    for fold in numbers:
        inside = folds == fold
        labels[inside] = choice.fit(metric, target[~inside], predicted[~inside]).apply(predicted[inside])
    return labels, choice.fit(metric, target, predicted)


def evaluated(
    oof: pd.DataFrame, metric: Metric, judged_as: tuple[str, ...], further: Sequence[str | Metric] = ()
) -> tuple[dict[str, Any], Decision | None]:
    """Score out-of-fold predictions as `cross_validate` does, with a decision where that raises the score.

    Parameters
    ----------
    judged_as
        The kind's `Objective.judged_as`.

    Returns
    -------
    metrics
        As `cross_validate` gives them. For a metric with decisions they also have ``decision``: whether it is
        ``used``, and ``oof``, ``mean``, ``sd`` and ``folds`` ``with`` and ``without`` it.
    decision
        The decision for the test rows; None where the obvious answers are as good.
    """
    metrics = rows_of.cross_validate(oof, metric, further)
    target, folds = rows_of.targets(oof), oof["fold"].to_numpy()
    found = decide(metric, judged_as, target, rows_of.predictions(oof), folds)
    if found is None:
        return metrics, None
    labels, decision = found
    of_labels = metric.of_labels
    assert of_labels is not None  # decisions are for metrics of labels
    scores = [of_labels(target[folds == fold], labels[folds == fold]) for fold in np.unique(folds)]
    chosen = {
        "oof": of_labels(target, labels),
        "mean": float(np.mean(scores)),
        "sd": float(np.std(scores)),
        "folds": scores,
    }
    without = {name: metrics[name] for name in chosen}
    better = chosen["mean"] - without["mean"]
    used = bool(better > 0 if metric.higher_is_better else better < 0)
    record = {"used": used, "with": chosen, "without": without}
    return {**metrics, **(chosen if used else {}), "decision": record}, decision if used else None


def answers(metric: Metric, judged_as: tuple[str, ...], predicted: Array, decision: Decision | None = None) -> Array:
    """Return what is handed in, in codes: the predictions, or labels where the metric needs them.

    Parameters
    ----------
    judged_as
        The kind's `Objective.judged_as`.
    predicted
        Predictions of the test rows: see `Metric.judges`.
    decision
        The lane's decision, as ``experiment.json`` has it (`from_json`), or None.

    Returns
    -------
    array
        For a metric that needs labels: class codes ``[rows]``, 0 or 1 for each tag ``[rows, tags]``, or whole numbers
        ``[rows]`` or ``[rows, targets]``; int64. For others `predicted` itself.
    """
    if metric.needs != "labels":
        return predicted
    if decision is not None:
        return decision.apply(predicted)
    form = metric.form(judged_as)
    if form == "classes":
        return predicted.argmax(1)
    return (np.rint(predicted) if form == "numbers" else predicted > 0.5).astype(np.int64)
