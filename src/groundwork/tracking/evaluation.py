"""Makes what a W&B run shows of its out-of-fold rows: a comparable score, the worst rows, plots and mean curves."""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from groundwork import mistakes
from groundwork.competitions import Competition
from groundwork.mistakes import Judged
from groundwork.objectives import KINDS
from groundwork.objectives.decisions import evaluated
from groundwork.objectives.oof import predictions, targets
from groundwork.objectives.ranking import Array
from groundwork.objectives.skill import comparable

PLOTTED = 2000  # rows, so that a plot has at most some 100 KB
CLASSES = 20  # of a confusion matrix: more cannot be read
PICTURES = 24

# Values by epoch and name, of each fold.
Curves = Mapping[str, Mapping[float, Mapping[str, float]]]


def summary(competition: Competition, oof: pd.DataFrame, metrics: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Name the scores of out-of-fold rows for a run's summary.

    Parameters
    ----------
    oof
        Out-of-fold rows, with the columns of ``oof.parquet``.
    metrics
        What the evaluate stage makes of them; None to compute it here.

    Returns
    -------
    dict
        ``cv/metric``, ``cv/mean``, ``cv/sd`` (over folds, ddof 0), ``cv/fold_<k>``, ``cv/oof`` (over all rows at once)
        and ``cv/score``, by which runs of all lanes can be sorted: see `groundwork.objectives.skill.comparable`.
    """
    metric, judged_as = competition.scorer, KINDS[competition.kind].judged_as
    if metrics is None:
        metrics, _ = evaluated(oof, metric, judged_as)
    values = {"cv/metric": metric.name, "cv/mean": metrics["mean"], "cv/sd": metrics["sd"], "cv/oof": metrics["oof"]}
    values |= {f"cv/fold_{fold}": value for fold, value in enumerate(metrics["folds"])}
    score = comparable(metric, judged_as, oof, metrics["mean"])
    return values if score is None else {"cv/score": score, **values}


def mean_curves(curves: Curves) -> Iterator[dict[str, float]]:
    """Yield the mean of the folds' curves at each epoch that all have reached, and a standard deviation either way.

    Yields
    ------
    dict
        ``epoch``, and for each name ``mean/<name>``, ``low/<name>`` and ``high/<name>``; ddof 0.
    """
    if len(curves) < 2:
        return
    folds = list(curves.values())
    for epoch in sorted(set.intersection(*(set(fold) for fold in folds))):
        row = {"epoch": epoch}
        for name in folds[0][epoch]:
            values = [fold[epoch].get(name, np.nan) for fold in folds]
            if np.isfinite(values).all():
                mean, sd = float(np.mean(values)), float(np.std(values))
                row |= {f"mean/{name}": mean, f"low/{name}": mean - sd, f"high/{name}": mean + sd}
        yield row


def panels(competition: Competition, oof: pd.DataFrame, rows: pd.DataFrame | None, most: int) -> dict[str, Any]:
    """Return the table of the worst rows, the pictures among them, and plots, all by W&B's own helpers.

    Parameters
    ----------
    rows
        The labelled rows of the prepared data, or None.
    most
        Rows of the table; with 0, nothing is drawn that has a value for each row.
    """
    drawn = oof.sample(PLOTTED, random_state=0) if len(oof) > PLOTTED else oof
    found = None if rows is None else mistakes.judged(competition, oof, rows)
    made = _plots(competition, targets(drawn), predictions(drawn), found, of_rows=most > 0)
    return made if found is None or not most else {**_worst(found, most), **made}


def _worst(found: Judged, most: int) -> dict[str, Any]:
    import wandb

    wrong = mistakes.worst(found, most)
    with_picture = any(one.picture is not None for one in wrong)
    data: list[Any] = [
        [
            one.id,
            one.actual,
            one.predicted,
            round(one.error, 6),
            *([wandb.Image(one.picture)] if with_picture else []),
            *map(_plain, one.cells),
        ]
        for one in wrong
    ]
    picture = ["picture"] if with_picture else []
    columns: list[str | int] = ["id", "actual", "predicted", found.measure, *picture, *mistakes.shown(found)]
    panel: dict[str, Any] = {}
    if with_picture:
        panel["oof/mistakes"] = [
            wandb.Image(one.picture, caption=f"{one.actual}, predicted {one.predicted}") for one in wrong[:PICTURES]
        ]
    return {**panel, "oof/worst_rows": wandb.Table(columns=columns, data=data, allow_mixed_types=True)}


def _plain(value: Any) -> Any:
    """Return a number as Python has it, so that W&B can sort by it; anything else as text."""
    if isinstance(value, np.number):
        value = value.item()
    return value if isinstance(value, int | float) and np.isfinite(value) else mistakes.cell(value)


def _plots(
    competition: Competition, target: Array, predicted: Array, found: Judged | None, *, of_rows: bool
) -> dict[str, Any]:
    import wandb

    if target.ndim == 1 and predicted.ndim == 2:
        return _of_classes(target.astype(int), predicted, mistakes.class_names(found) if found else {})
    drawing = KINDS[competition.kind].drawing(target, predicted, competition.task)
    if drawing["kind"] == "scatter":
        if not of_rows:
            return {}  # prediction and residual are the target
        pairs = zip(drawing["predicted"], drawing["actual"], strict=True)
        table = wandb.Table(columns=["predicted", "residual"], data=[[of, of - actual] for of, actual in pairs])
        return {
            "oof/residuals": wandb.plot.scatter(table, "predicted", "residual", title="Residuals: predicted - actual")
        }
    table = wandb.Table(columns=["name", "value"], data=[[str(name), value] for name, value in drawing["bars"]])
    return {"oof/bars": wandb.plot.bar(table, "name", "value", title=drawing["title"])}


def _of_classes(target: Array, predicted: Array, names: Mapping[int, str]) -> dict[str, Any]:
    import wandb

    if predicted.shape[1] > CLASSES:
        return {}
    labels = [names.get(code, str(code)) for code in range(predicted.shape[1])]
    made: dict[str, Any] = {
        "oof/confusion": wandb.plot.confusion_matrix(
            y_true=target.tolist(), preds=predicted.argmax(1).tolist(), class_names=labels, title="Confusion"
        )
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # W&B takes the columns to be those of the classes that occur, and the labels to be those of all classes.
        stated = predicted[:, np.unique(target)].tolist()
        made["oof/roc"] = wandb.plot.roc_curve(target.tolist(), stated, labels=labels, title="ROC")
        made["oof/pr"] = wandb.plot.pr_curve(target.tolist(), stated, labels=labels, title="Precision and recall")
    return made
