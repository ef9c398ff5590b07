"""Finds the kinds of problem that a metric suits."""

from groundwork.objectives import KINDS
from groundwork.objectives.kaggle_names import named
from groundwork.objectives.metrics import METRICS

__all__ = ["kinds_of", "named"]


def kinds_of(name: str) -> tuple[str, ...]:
    """Return the kinds of problem that the metric suits; empty if it is not known."""
    metric = METRICS.get(name)
    return tuple(kind for kind, of in KINDS.items() if metric is not None and metric.suits(of.judged_as))
