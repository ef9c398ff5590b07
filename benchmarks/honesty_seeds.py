"""Real seeds and real changes on Kaggle's archives: a part of `make honesty`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.honesty_chains import COLUMNS, RESAMPLES, Kept, chain, table
from benchmarks.real import Workspace
from numpy.typing import NDArray
from scipy.stats import beta, norm

from groundwork import params
from groundwork.objectives.metrics import METRICS
from groundwork.verdict.rows import Rows
from groundwork.verdict.verdict import Side, judge, measured

Array = NDArray[Any]
# Seeds to train: a multiple of two trios.
SEEDS = {"titanic": 48, "house-prices": 12}
OTHERS = 6  # seeds of the lane that show the spread where a side has one seed
CHANGES = {"titanic": 20}  # 40 seeds of house-prices would take an hour on a busy machine
SEEDS_OF_CHANGE = 2
DRAWS = 40  # of private rows
# A change multiplies two of these by numbers within a half octave of one.
KEYS = (
    "training.learning_rate", "training.weight_decay", "training.epochs", "training.batch_size", "model.width",
    "model.dropout", "model.embedding", "model.bins", "encoding.group_smoothing",
)  # fmt: skip
FURTHER = {"titanic": ("log_loss",)}  # metrics by which the seeds are compared, beside the competition's own

HEADING = "\n## Real seeds\n"
PAIRS = """
Independent pairs of mere seeds of the shipped parameters on Kaggle's archives: no seed is in two pairs, and no
difference is real, so 5 % should be called different, half of them better. A side has one seed ({others} other seeds of
the lane show the spread) or the mean of three. *Different* is the count with its interval of 95 % by Clopper and
Pearson. The last column has all pairs of single seeds, which are not independent, for a share with less
luck in it: by ours, and by rows alone. All pairs share their rows, folds and training data: they can show the luck of
seeds, not that of rows.

| Lane | Metric | Seeds of a side | Pairs | Called better, worse | Different | By rows alone | All pairs |
|---|---|---|---|---|---|---|---|
"""
REAL_CHAINS = """
## Chains of real changes

{steps} random small changes of a lane's shipped parameters are trained with {seeds} seeds each, and tried one after the
other as above. A change multiplies two of these by numbers between 0.71 and 1.41:
{keys}.
In each of {draws} draws another random half of the training rows is private, the order of the changes is another, and
the chain begins with the shipped parameters with {seeds} other seeds. Here a change may be worth something. The
trainings and the rows are the same in all draws, and the intervals are over draws only.

"""


def sided(rows: Rows, name: str, seeds: Sequence[pd.DataFrame]) -> Side:
    """Return the predictions of each seed, in the order of the rows."""
    return Side(name, [rows.predictions(frame, name) for frame in seeds])


def pairs(seeds: Sequence[Array], of: int) -> list[tuple[Side, Side, list[list[Array]]]]:
    """Return independent pairs of sides of `of` seeds each, and what else shows the spread: no seed is in two pairs."""
    sides = [Side("mere seeds", seeds[start : start + of]) for start in range(0, len(seeds) - of + 1, of)]
    found = []
    for start in range(0, len(sides) - 1, 2):
        others = [(2 * of * (start // 2 + 1) + further) % len(seeds) for further in range(OTHERS)] if of == 1 else []
        found.append((sides[start], sides[start + 1], [[seeds[other] for other in others]] if others else []))
    return found


def compared(lane_name: str, rows: Rows, seeds: Sequence[Array]) -> Iterator[str]:
    """Compare mere seeds in pairs; yield rows of the table of the page."""
    for metric in (rows.metric, *(METRICS[name] for name in FURTHER.get(lane_name, ()))):
        for of in (1, 3):
            judged = replace(rows, metric=metric)
            several = pairs(seeds, of)
            outcomes = [judge(judged, a, b, spread=spread).outcome for a, b, spread in several]
            better, worse = outcomes.count("better"), outcomes.count("worse")
            alone = sum(different(judged, a, b)[1] for a, b, _ in several)
            yield (
                f"| `{lane_name}` | {metric.name} | {of} | {len(several)} | {better}, {worse} "
                f"| {share(better + worse, len(several))} | {share(alone, len(several))} "
                f"| {of_all(judged, seeds) if of == 1 else '–'} |\n"
            )


def different(rows: Rows, a: Side, b: Side, spread: Sequence[Sequence[Array]] = ()) -> tuple[bool, bool]:
    """Whether two sides are called different: by our interval, and by that of resampled rows alone."""
    found = measured(rows, a, b, spread=spread, resamples=RESAMPLES)
    luck, gain = found.luck, abs(found.gain)
    return bool(luck.spread.freedom and gain > luck.half_width()), bool(gain > norm.ppf(0.975) * np.sqrt(luck.rows))


def of_all(rows: Rows, seeds: Sequence[Array]) -> str:
    """Compare each seed with each other one; return the shares that are called different, by ours and rows alone."""
    rng, found = np.random.default_rng(3), []
    for a, b in combinations(range(len(seeds)), 2):
        rest = [seed for seed in range(len(seeds)) if seed not in (a, b)]
        spread = [seeds[seed] for seed in rng.choice(rest, OTHERS, replace=False)]
        found.append(different(rows, Side("a", [seeds[a]]), Side("b", [seeds[b]]), [spread]))
    ours, alone = 100 * np.mean(found, axis=0)
    return f"{ours:.1f} %, {alone:.1f} % of {len(found):,}"


def small_changes(lane_name: str, count: int) -> Iterator[Mapping[str, Any]]:
    """Yield random small changes of a lane, by dotted key: the same in each run."""
    rng, lane = np.random.default_rng(1), params.load().lane(lane_name).model_dump()
    for _ in range(count):
        changes = {}
        for key in rng.choice(KEYS, 2, replace=False):
            section, name = key.split(".")
            value = lane[section][name] * 2 ** rng.uniform(-0.5, 0.5)
            changes[str(key)] = max(1, round(value)) if isinstance(lane[section][name], int) else float(f"{value:.3g}")
        yield changes


def chains(rows: Rows, shipped: Sequence[Array], changes: Sequence[Side]) -> list[dict[str, Kept]]:
    """Draw half of the rows as private ones again and again, and try the changes in random order on the other half."""
    rng, found = np.random.default_rng(2), []
    for _ in range(DRAWS):
        private, public = np.array_split(rng.permutation(len(rows.ids)), 2)
        first = Side("shipped", [shipped[seed] for seed in rng.choice(len(shipped), SEEDS_OF_CHANGE, replace=False)])
        order = rng.permutation(len(changes))
        found.append(chain(rows, np.sort(public), np.sort(private), [first, *(changes[place] for place in order)]))
    return found


def measured_on_archives(space: Workspace) -> str:
    """Train what is missing, compare mere seeds in pairs, and try changes; return their part of the page."""
    compared_rows = chain_rows = ""
    for lane_name, count in SEEDS.items():
        space.configure(lane_name, {})
        space.prepare(lane_name)
        (frames,) = space.trained(lane_name, count)
        rows = Rows.of(space.competition(lane_name), frames[0])
        seeds = sided(rows, "shipped", frames).replicates
        compared_rows += (lines := "".join(compared(lane_name, rows, seeds)))
        print(lines, end="", flush=True)
        if lane_name in CHANGES:
            tried = list(small_changes(lane_name, CHANGES[lane_name]))
            _, *several = space.trained(lane_name, SEEDS_OF_CHANGE, tried)
            changes = [sided(rows, str(changed), one) for changed, one in zip(tried, several, strict=True)]
            chain_rows += table(chains(rows, seeds, changes), f"| `{lane_name}` ")
    keys = fill(", ".join(f"`{key}`" for key in KEYS), 120)
    steps = " and ".join(map(str, sorted(set(CHANGES.values()))))
    return (
        HEADING
        + PAIRS.format(others=OTHERS)
        + compared_rows
        + REAL_CHAINS.format(steps=steps, keys=keys, seeds=SEEDS_OF_CHANGE, draws=DRAWS)
        + "| Lane "
        + COLUMNS.replace("|---", "|---|---", 1)
        + chain_rows
    )


def share(found: int, of: int) -> str:
    """Write a count, and the interval of 95 % of the share, by Clopper and Pearson."""
    low = beta.ppf(0.025, found, of - found + 1) if found else 0.0
    high = beta.ppf(0.975, found + 1, of - found) if found < of else 1.0
    return f"{found}: {100 * low:.0f} to {100 * high:.0f} %"
