"""Metrics of resamples: computed again on each one, as fast as the metric allows.

A metric that is made of sums over rows, queries or customers is computed for all resamples at once, from the sums of
each unit (`SUMS`). A metric of ranks is computed from one order of the rows and the weights in it (`RANKED`). Every
other metric, such as a competition's own, is called for each resample on the rows themselves (`called`). The tests
compare the first two with the last for every metric.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np

from groundwork.objectives.metrics import METRICS
from groundwork.objectives.ranking import Array, MeanOver, map_at
from groundwork.verdict.ranked import RANKED
from groundwork.verdict.rows import Rows
from groundwork.verdict.sums import SUMS, ratio

# ``score(counts)``: how often each unit is in each resample, ``[resamples, units]`` -> the metric, ``[resamples]``.
Resampled: TypeAlias = Callable[[Array], Array]


def resampled(rows: Rows, answers: Array) -> Resampled:
    """Return the function that scores resamples.

    Parameters
    ----------
    answers
        What `Rows.answers` gives for all rows.
    """
    metric = rows.metric
    if (of_units := mean_over(rows)) is not None:
        values = of_units.values(rows.target, answers, rows.queries)
        counted = ~np.isnan(values)
        sums = np.column_stack([np.where(counted, values, 0.0), counted])
        return partial(_of_sums, per_unit(sums, units_of_values(rows)), ratio)
    known = METRICS.get(metric.name) is metric  # a competition's own metric may have any name
    if known and metric.name in SUMS:
        sums, finish = SUMS[metric.name](rows.target, answers)
        return partial(_of_sums, per_unit(sums, rows.units), finish)
    if known and metric.name in RANKED:
        return partial(_of_weights, rows.units, RANKED[metric.name](rows.target, answers))
    return partial(called, rows, answers)


def mean_over(rows: Rows) -> MeanOver | None:
    """Return the metric as a mean over queries or customers; None if it is not one."""
    name, score = rows.metric.name, rows.metric.score
    if METRICS.get(name) is rows.metric and name.startswith("map@") and rows.target.ndim == 2:
        score = map_at(int(name.removeprefix("map@")))[0]
    return score if isinstance(score, MeanOver) else None


def units_of_values(rows: Rows) -> Array:
    """Return the unit of each value that `mean_over` gives: of each query, or of each row."""
    if rows.queries is None:
        return rows.units
    _, first = np.unique(query_codes(rows.queries), return_index=True)
    return rows.units[first]


def query_codes(queries: Array) -> Array:
    """Return the number of each row's query, in the order in which queries appear."""
    import pandas as pd

    return pd.factorize(queries, use_na_sentinel=False)[0]


def per_unit(values: Array, units: Array) -> Array:
    """Sum the columns of ``[rows, sums]`` over the rows of each unit."""
    count = int(units.max()) + 1
    return np.column_stack([np.bincount(units, column, minlength=count) for column in values.T])


def called(rows: Rows, answers: Array, counts: Array) -> Array:
    """Call the metric on the rows of each resample; a query that is drawn twice is two queries."""
    codes = None if rows.queries is None else query_codes(rows.queries)
    scores = np.empty(len(counts))
    for number, drawn in enumerate(counts):
        times = drawn[rows.units]
        copies = [np.flatnonzero(times > copy) for copy in range(int(times.max()))]
        chosen = np.concatenate(copies)
        queries = None
        if codes is not None:
            queries = np.concatenate([codes[copy] + many * len(codes) for many, copy in enumerate(copies)])
        scores[number] = rows.score(rows.target[chosen], answers[chosen], queries)
    return scores


def _of_sums(sums: Array, finish: Callable[[Array], Array], counts: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return finish(counts @ sums)


def _of_weights(units: Array, score: Callable[[Array], Array], counts: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return score(counts[:, units])
