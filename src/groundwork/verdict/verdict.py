"""The verdict: whether one predictor is better than another, beyond the luck of rows and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from groundwork.objectives.ranking import Array
from groundwork.verdict.rows import Rows

Outcome = Literal["better", "worse", "no difference", "unknown"]
RESAMPLES = 2_000


@dataclass(frozen=True)
class Side:
    """One of the two predictors that are compared.

    Attributes
    ----------
    name
        What sentences call it.
    replicates
        Its out-of-fold predictions, one array for each seed, in the order of the `Rows`.
    seeded
        Whether another seed would give other predictions; False for a baseline, which has one array.
    """

    name: str
    replicates: Sequence[Array]
    seeded: bool = True


@dataclass(frozen=True)
class Verdict:
    """What is known of the difference between two sides; differences are gains: positive where `a` scores better.

    Attributes
    ----------
    outcome
        ``better`` or ``worse`` (`a`, than `b`), ``no difference`` (the interval holds 0), or ``unknown``: the rows'
        interval does not hold 0, but nothing is known of the spread over seeds.
    sentence
        The verdict in words, which is the only place where they are chosen.
    """

    a: str
    b: str
    metric: str
    gain: float
    low: float
    high: float
    outcome: Outcome
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Return all of it, as ``docs/verdict.md`` documents it."""
        raise NotImplementedError


def judge(
    rows: Rows,
    a: Side,
    b: Side,
    *,
    spread: Sequence[Sequence[Array]] = (),
    tried: int = 1,
    resamples: int = RESAMPLES,
) -> Verdict:
    """Compare two predictors on the same rows.

    Parameters
    ----------
    spread
        Predictions of several seeds of other experiments of the lane, from which the spread over seeds is taken where
        a side has one seed only.
    tried
        How many variants are compared in one go: the interval is widened for them.
    resamples
        How often the units are drawn; fewer beyond 50 million drawn units, which the verdict says.
    """
    raise NotImplementedError
