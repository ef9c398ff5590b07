"""Chains of changes, and how much luck they collect: what is tried one after the other, and kept if it is better."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from groundwork.verdict.luck import FEW
from groundwork.verdict.rows import Rows
from groundwork.verdict.verdict import Side, measured

RESAMPLES = 500
EARLIER = 5  # experiments that show the spread beside the two
RULES = ("the score", "the verdict")
COLUMNS = """| Kept by | Changes kept | Gain on the rows that chose | Gain on private rows | Optimism |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Kept:
    """What a chain ends with, against what it began with; gains are positive where the score is better.

    Attributes
    ----------
    changes
        How many changes were kept.
    public, private
        The gain of the last kept over the first, on the rows that chose, and on the others.
    """

    changes: int
    public: float
    private: float


def chain(rows: Rows, public: NDArray[np.int64], private: NDArray[np.int64], sides: Sequence[Side]) -> dict[str, Kept]:
    """Try changes of the first side, one after the other, on the public rows; return what each rule of `RULES` keeps.

    As in `groundwork try`, the spread of seeds comes from both sides, and from what was tried before where these have
    too few seeds.

    Parameters
    ----------
    public, private
        Positions of the rows that choose, and of those that nobody looks at.
    sides
        What the chain begins with, then the changes.
    """
    shown, hidden = part(rows, public), part(rows, private)
    ours = {rule: [0] for rule in RULES}
    scores = [score(shown, cut(side, public)) for side in sides]
    for step in range(1, len(sides)):
        if scores[step] > scores[ours["the score"][-1]]:
            ours["the score"].append(step)
        kept = ours["the verdict"][-1]
        tried, best = cut(sides[step], public), cut(sides[kept], public)
        own = sum(len(side.replicates) - 1 for side in (tried, best))
        newest = [other for other in range(step) if other != kept][-EARLIER:]
        earlier = [cut(sides[other], public).replicates for other in newest]
        found = measured(shown, tried, best, spread=earlier if own < FEW else (), resamples=RESAMPLES)
        if found.luck.spread.freedom and found.gain > found.luck.half_width():
            ours["the verdict"].append(step)
    before = score(hidden, cut(sides[0], private))
    return {
        rule: Kept(len(kept) - 1, scores[kept[-1]] - scores[0], score(hidden, cut(sides[kept[-1]], private)) - before)
        for rule, kept in ours.items()
    }


def table(chains: Sequence[dict[str, Kept]], first: str = "") -> str:
    """Return the rows of the table with `COLUMNS`: means over chains, with intervals of 95 %.

    Parameters
    ----------
    first
        A first cell for each row, such as ``| `titanic` ``.
    """
    lines = ""
    for rule in RULES:
        kept = [chain[rule] for chain in chains]
        changes = np.mean([one.changes for one in kept])
        values = (
            [one.public for one in kept], [one.private for one in kept], [one.public - one.private for one in kept],
        )  # fmt: skip
        lines += f"{first}| {rule} | {changes:.1f} | {' | '.join(map(interval, values))} |\n"
    return lines


def interval(values: Sequence[float]) -> str:
    """Write a mean with its interval of 95 %, by Student's t."""
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):+.4f} ± {half:.4f}"


def score(rows: Rows, side: Side) -> float:
    """Score predictions averaged by seed; higher is better."""
    answers = rows.answers(rows.combine(side.replicates))
    return rows.score(rows.target, answers) * (1 if rows.metric.higher_is_better else -1)


def part(rows: Rows, positions: NDArray[np.int64]) -> Rows:
    """Return some of the rows, each of which is a unit."""
    assert rows.queries is None
    assert rows.count == len(rows.ids)
    chosen = {name: getattr(rows, name)[positions] for name in ("ids", "folds", "target")}
    return replace(rows, **chosen, units=np.arange(len(positions)))


def cut(side: Side, positions: NDArray[np.int64]) -> Side:
    """Return predictions of some of the rows."""
    return replace(side, replicates=[one[positions] for one in side.replicates])
