"""Compares a variant with the current settings by the one function that says what is better."""

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

import pandas as pd

from groundwork.experiments import records
from groundwork.experiments.evidence import Evidence, spread_of
from groundwork.experiments.verdicts import verdict_between
from groundwork.trying.plan import PREPARED, RESULTS, Plan
from groundwork.verdict.verdict import Verdict

Sided: TypeAlias = tuple[str, str, Sequence[pd.DataFrame]]


def verdict(plan: Plan, sides: Sequence[Sided], folds_sha256: str, tried: int) -> Verdict:
    """Return the verdict on a variant against the current settings.

    Parameters
    ----------
    sides
        The variant, then the current settings: the name, what identifies the folds (as in
        `groundwork.experiments.evidence.of_experiment`), and the out-of-fold rows of each seed.
    folds_sha256
        Hash of rows, folds and targets.
    tried
        How many variants are tried in one go: the interval is widened for them.
    """
    a, b = evidence(plan, sides, folds_sha256)
    # Earlier experiments of the lane show the spread over seeds where the two have one seed each.
    spread = spread_of(records.load(plan.lane_name, RESULTS)[0], RESULTS)
    return verdict_between(a, b, spread, tried=tried, prepared=PREPARED)


def evidence(plan: Plan, sides: Sequence[Sided], folds_sha256: str) -> list[Evidence]:
    """Return the sides as `groundwork.experiments.verdicts` compares them."""
    competition = plan.current.lane.competition
    return [
        Evidence(name, plan.lane_name, competition, folds_sha256, identity, partial(list, frames))
        for name, identity, frames in sides
    ]
