"""The verdict: whether one predictor is better than another, beyond the luck of rows and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from groundwork.errors import UserError
from groundwork.objectives.ranking import Array
from groundwork.verdict import words
from groundwork.verdict.changed import Changed, changed
from groundwork.verdict.draws import Draws
from groundwork.verdict.luck import FEW, Luck, Spread
from groundwork.verdict.resampled import resampled
from groundwork.verdict.rows import Rows

Outcome = Literal["better", "worse", "no difference", "unknown"]
RESAMPLES = 2_000
LEVEL = 0.95


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
class Scored:
    """A side's scores.

    Attributes
    ----------
    score
        Of predictions averaged by seed, over all out-of-fold rows at once.
    folds, seeds
        The same for each fold, and of the predictions of each seed over all rows.
    """

    name: str
    score: float
    folds: tuple[float, ...]
    seeds: tuple[float, ...]
    seeded: bool = True


@dataclass(frozen=True)
class Verdict:
    """What is known of the difference between two sides; a gain is positive where `a` scores better, not just higher.

    Attributes
    ----------
    outcome
        ``better`` or ``worse`` (`a`, than `b`), ``no difference`` (the interval holds 0), or ``unknown``: the rows
        speak for a difference, but nothing is known of the spread over seeds.
    gain, low, high
        The difference of the scores, and its interval of 95 %, for all that were `tried` together.
    luck
        Where the interval comes from.
    seeds_needed, rows_needed
        About how many seeds of each side, or how many units, would give a verdict if the difference stayed what it is;
        None where no number does, or where there is a verdict.
    """

    metric: str
    higher_is_better: bool
    a: Scored
    b: Scored
    outcome: Outcome
    gain: float
    low: float
    high: float
    luck: Luck
    changed: Changed
    unit_name: str
    resamples: int
    limited: bool
    tried: int
    seeds_needed: int | None = None
    rows_needed: int | None = None

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        return words.sentence(self)

    @property
    def lines(self) -> list[str]:
        """The verdict and what it stands on, for a terminal."""
        return words.lines(self)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain data, as docs/verdict.md documents it."""
        return words.to_json(self)


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
        Predictions of several seeds of other experiments of the lane, from which the spread over seeds is also taken
        where the sides themselves have too few seeds to show it.
    tried
        How many variants are compared in one go: the interval is widened for them.
    resamples
        How often the units are drawn; fewer beyond 50 million drawn units, which the verdict says.

    Raises
    ------
    UserError
        If the metric cannot be computed, or there is a single unit.
    """
    found = measured(rows, a, b, spread=spread, resamples=resamples)
    gain, luck = found.gain, found.luck
    half = float(luck.half_width(tried, LEVEL))
    verdict = Verdict(
        metric=rows.metric.name,
        higher_is_better=rows.metric.higher_is_better,
        a=found.a.scored(a),
        b=found.b.scored(b),
        outcome=_outcome(gain, half, bool(luck.spread.freedom) or not luck.share),
        gain=gain,
        low=gain - half,
        high=gain + half,
        luck=luck,
        changed=changed(rows, found.a.mean.answers, found.b.mean.answers),
        unit_name=rows.unit_name,
        resamples=found.resamples,
        limited=found.resamples < resamples,
        tried=tried,
    )
    if verdict.outcome != "no difference" or not gain:
        return verdict
    seeds, times = luck.needed(gain, max(len(side.replicates) for side in (a, b)), tried, LEVEL)
    return replace(verdict, seeds_needed=seeds, rows_needed=round(times * rows.count) if np.isfinite(times) else None)


@dataclass(frozen=True)
class Measured:
    """A difference and its luck, before words: see `Verdict`."""

    a: "_Scorer"
    b: "_Scorer"
    gain: float
    luck: Luck
    resamples: int


def measured(
    rows: Rows, a: Side, b: Side, *, spread: Sequence[Sequence[Array]] = (), resamples: int = RESAMPLES
) -> Measured:
    """Measure the difference of two predictors and its luck; parameters and errors are those of `judge`."""
    if rows.count < 2:
        raise UserError(f"found one of {rows.unit_name}; expected two or more to draw from", "compare on more rows")
    sides = [_Scorer(rows, side) for side in (a, b)]
    groups = [side.seeds for side in sides if len(side.seeds) > 1]
    if sum(len(group) - 1 for group in groups) < FEW:
        groups += [[_Column(rows, one) for one in replicates] for replicates in spread if len(replicates) > 1]
    columns = [*(side.mean for side in sides), *(column for group in groups for column in group)]
    draws = Draws.limited(rows.count, resamples)
    scores = np.concatenate([np.stack([column.resampled(counts) for column in columns], 1) for counts in draws])
    # The columns of each group, after those of the two means.
    ends = np.cumsum([2, *map(len, groups)])
    luck = Luck(
        rows=float(np.nanvar(scores[:, 0] - scores[:, 1], ddof=1)),
        units=rows.count,
        spread=Spread.pooled(
            [
                (np.array([column.score for column in group]), scores[:, end - len(group) : end])
                for group, end in zip(groups, ends[1:], strict=True)
            ]
        ),
        share=sum(1 / len(side.replicates) for side in (a, b) if side.seeded),
    )
    gain = (sides[0].mean.score - sides[1].mean.score) * (1 if rows.metric.higher_is_better else -1)
    return Measured(sides[0], sides[1], gain, luck, draws.resamples)


class _Column:
    """The predictions of one seed, or of several averaged: answers, score, and scores of resamples."""

    def __init__(self, rows: Rows, predicted: Array) -> None:
        self.answers = rows.answers(predicted)
        self.resampled = resampled(rows, self.answers)
        self.score = float(self.resampled(np.ones((1, rows.count)))[0])
        if not np.isfinite(self.score):
            raise UserError(
                f"{rows.metric.name} cannot be computed: {rows.metric.undefined}",
                "choose another `metric` in the competition's file, or fix the data",
            )


class _Scorer:
    """A side's columns: of the predictions averaged by seed, and of each seed."""

    def __init__(self, rows: Rows, side: Side) -> None:
        self.rows = rows
        self.mean = _Column(rows, rows.combine(side.replicates))
        several = side.seeded and len(side.replicates) > 1
        self.seeds = [_Column(rows, one) for one in side.replicates] if several else [self.mean]

    def scored(self, side: Side) -> Scored:
        """Return the side's scores."""
        folds = tuple(self.rows.by_fold(self.mean.answers))
        return Scored(side.name, self.mean.score, folds, tuple(column.score for column in self.seeds), side.seeded)


def _outcome(gain: float, half: float, seeds_known: bool) -> Outcome:
    if abs(gain) <= half or not gain:
        return "no difference"
    if not seeds_known:
        return "unknown"
    return "better" if gain > 0 else "worse"
