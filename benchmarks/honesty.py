"""Show that verdicts keep people honest, and write docs/honesty.md.

`make honesty` simulates comparisons whose truth is known: each repetition draws fresh rows and fresh seeds for two
ideas that are equally good, and judges them as `groundwork compare` does. `make honesty ARCHIVES=folder` also trains
seeds of titanic and house-prices on Kaggle's archives and compares them in independent pairs.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from benchmarks.honesty_seeds import real
from numpy.typing import NDArray
from scipy.stats import norm, t

from groundwork import competitions
from groundwork.objectives import KINDS
from groundwork.objectives.metrics import METRICS
from groundwork.verdict.luck import Luck
from groundwork.verdict.rows import Rows
from groundwork.verdict.verdict import Measured, Side, measured

PAGE = Path("docs/honesty.md")
ROWS, RESAMPLES = 300, 200
GAINS = (1, 2, 4)  # in standard errors of the true sampling distribution
EXPECTED = [norm.cdf(gain - norm.ppf(0.975)) for gain in GAINS]
DRAWS, STEPS = 40, 20  # of chains
LANES = {"titanic": 24, "house-prices": 12}  # seeds to train

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """What is simulated: the metric, the seeds of each side and of other experiments, and sizes of luck.

    Attributes
    ----------
    idea
        How much two ideas differ on single rows, in units of a logit, or of the target.
    quality
        How much a seed is better or worse as a whole.
    noise
        How much a seed is lucky on single rows.
    others
        The number of seeds of each of two other experiments of the lane.
    """

    metric: str
    seeds: int
    idea: float
    quality: float
    noise: float
    others: int = 0


SETTINGS = (
    Setting("accuracy", 3, 0.8, 0.06, 0.8),
    Setting("log_loss", 3, 0.8, 0.06, 0.8),
    Setting("auc", 3, 0.8, 0.06, 0.8),
    Setting("rmse", 3, 0.4, 0.03, 0.4),
    Setting("log_loss", 1, 0.8, 0.06, 0.8, others=5),
    Setting("log_loss", 5, 0.4, 0.1, 0.8),
    Setting("log_loss", 2, 0.4, 0.1, 0.8),
)


class World:
    """Fresh rows, on which predictors of equally good ideas and fresh seeds can be drawn."""

    def __init__(self, setting: Setting, rng: np.random.Generator, rows: int = ROWS) -> None:
        self.setting, self.rng, self.count = setting, rng, rows
        kind = KINDS["regression" if setting.metric == "rmse" else "classification"]
        if setting.metric == "rmse":
            self.target: Array = rng.normal(size=rows)
            self.sign = np.sign(rng.normal(size=rows))
        else:
            self.target = rng.integers(0, 2, rows)
            self.sign = 2 * self.target - 1
        self.seen = rng.normal(size=rows) + 1.2 * self.sign
        codes = np.arange(rows)
        self.rows = Rows(METRICS[setting.metric], kind.judged_as, kind.combine, codes, codes % 5, self.target, codes)

    def idea(self, name: str, seeds: int) -> Side:
        """Draw an idea: what all its seeds share, then each seed's own luck."""
        setting, rng = self.setting, self.rng
        shared = rng.normal(0, setting.idea, self.count)
        replicates = []
        for _ in range(seeds):
            own = rng.normal(0, setting.noise, self.count)
            quality = rng.normal(0, setting.quality)
            if setting.metric == "rmse":
                replicates.append(self.target + (shared + own + 0.7 * self.sign) * (1 - quality))
            else:
                logit = self.seen + shared + own + quality * self.sign
                probability = 1 / (1 + np.exp(-1.2 * logit))
                replicates.append(np.stack([1 - probability, probability], 1))
        return Side(name, replicates)

    def part(self, part: slice) -> Rows:
        """Return some of the rows."""
        codes, rows = np.arange(len(self.target[part])), self.rows
        return replace(rows, ids=codes, folds=codes % 5, units=codes, target=self.target[part])

    def score(self, side: Side, part: slice) -> float:
        """Score some of the rows; higher is better."""
        rows = self.part(part)
        answers = rows.answers(rows.combine(cut(side, part).replicates))
        return rows.score(rows.target, answers) * (1 if rows.metric.higher_is_better else -1)

    def measured(self, a: Side, b: Side) -> Measured:
        """Compare two ideas."""
        spread = [self.idea("other", self.setting.others).replicates for _ in "cd"] if self.setting.others else ()
        return measured(self.rows, a, b, spread=spread, resamples=RESAMPLES)


def rules(luck: Luck) -> dict[str, float]:
    """Return half the width of the interval by each rule: ours, and simpler ones."""
    normal = norm.ppf(0.975)
    by_rows, by_seeds = np.sqrt(luck.rows), np.sqrt(luck.share * luck.spread.variance)
    return {
        "ours": float(luck.half_width()),
        "rows alone": normal * by_rows,
        "the larger of both": max(normal * by_rows, t.ppf(0.975, luck.spread.freedom) * by_seeds),
        "the sum of both": normal * float(np.hypot(by_rows, by_seeds)),
    }


def simulated(setting: Setting, repetitions: int, rng: np.random.Generator) -> tuple[dict[str, list[float]], str]:
    """Return, by rule, the share of false "better" and the shares of true gains of `GAINS` that are found.

    Luck comes second: the parts of the variance in parts of a hundred.

    A gain is added to the difference: the interval does not depend on where it is.
    """
    gains, widths, parts = [], [], []
    for _ in range(repetitions):
        world = World(setting, rng)
        found = world.measured(world.idea("a", setting.seeds), world.idea("b", setting.seeds))
        gains.append(found.gain)
        widths.append(rules(found.luck))
        # Resamples of the mean show the seeds on rows too.
        both = found.luck.share * found.luck.spread.of_rows
        whole = found.luck.share * found.luck.spread.variance - both
        parts.append([found.luck.rows - both, whole, both])
    gain = np.array(gains)
    error = gain.std(ddof=1)
    halves = {rule: np.array([width[rule] for width in widths]) for rule in widths[0]}
    mean = np.mean(parts, axis=0)
    luck = " + ".join(f"{max(100 * part / mean.sum(), 0):.0f}" for part in mean)
    shares = {
        rule: [float((gain + true * error > half).mean()) for true in (0, *GAINS)] for rule, half in halves.items()
    }
    return shares, luck


def chains(setting: Setting, rng: np.random.Generator) -> dict[str, Array]:
    """Return how much the public score of what is kept in the end exceeds its private one, for each draw of rows.

    Each chain tries changes that are worth nothing, one after the other, on half of the rows, and keeps what is better:
    by the score alone, or by verdict.
    """
    optimism: dict[str, list[float]] = {"the score": [], "the verdict": []}
    for _ in range(DRAWS):
        world = World(setting, rng, 2 * ROWS)
        public, private = slice(None, ROWS), slice(ROWS, None)
        first, *changes = [world.idea(str(step), setting.seeds) for step in range(STEPS + 1)]
        by_score = by_verdict = first
        for side in changes:
            if world.score(side, public) > world.score(by_score, public):
                by_score = side
            found = measured(world.part(public), cut(side, public), cut(by_verdict, public), resamples=RESAMPLES)
            if found.gain > found.luck.half_width():
                by_verdict = side
        for rule, kept in zip(optimism, (by_score, by_verdict), strict=True):
            optimism[rule].append(world.score(kept, public) - world.score(kept, private))
    return {rule: np.array(values) for rule, values in optimism.items()}


def cut(side: Side, part: slice) -> Side:
    """Return predictions of some of the rows."""
    return replace(side, replicates=[one[part] for one in side.replicates])


HEAD = """# Do verdicts keep people honest?

Written by `make honesty`. What is judged, and how, is in [verdict.md](verdict.md).

## Simulated: luck and gains whose size is known

In each of {repetitions:,} repetitions, two equally good ideas are drawn with {rows} fresh rows and fresh seeds, and
compared as `groundwork compare` does, with {resamples} resamples.

- *Seeds*: of each side. 1 + 5, 5 is one seed of each side, and two other experiments of five seeds.
- *Luck*: the variance of the difference in percent: of ideas on rows, of seeds as a whole, of seeds on rows.
- *False*: how often the first idea is called better, in percent. 1 to 4 is asked for.
- *Found*: how often a true gain of 1, 2 and 4 standard errors of the true sampling distribution is called better, in
  percent. A test that knew the variance would find {expected}; within 5 of that is asked for. † misses it.

| Metric | Seeds | Luck | False | Found | False, rows alone | False, larger of both | False and found, sum of both |
|---|---|---|---|---|---|---|---|
"""
CHAINS = """
Rows alone ignore seeds. The larger of the two sources leaves one out where both matter. Their sum counts the luck of
seeds on rows twice, and finds less. Where seeds differ much as a whole, few of them cannot show a gain: Student's t is
wide for few degrees of freedom.

## Chains of random changes

{steps} changes that are worth nothing are tried one after the other (accuracy, three seeds each, {rows} rows), and what
is better is kept. How much higher is the score of what is kept in the end on the rows that chose it than on as many
private rows? Means of {draws} draws, with intervals of 95 %.

| Kept by | Optimism |
|---|---|
"""
PAIRS = """
## Real seeds

Independent pairs of single seeds of the shipped parameters on Kaggle's archives; a quarter of the seeds shows the
spread. No pair differs in more than its seed, so 5 % should be called different.

| Lane | Seeds | Pairs | Called different | Interval of 95 % |
|---|---|---|---|---|
"""


def row(setting: Setting, repetitions: int, rng: np.random.Generator) -> str:
    """Simulate a setting; return its row of the first table."""
    found, luck = simulated(setting, repetitions, rng)
    ours, total = found["ours"], found["the sum of both"]
    false = _percent(ours[0]) + ("" if 0.01 <= ours[0] <= 0.04 else " †")
    near = [
        _percent(got, 0) + ("" if abs(got - due) <= 0.05 else " †") for got, due in zip(ours[1:], EXPECTED, strict=True)
    ]
    seeds = f"{setting.seeds}" + (f" + {setting.others}, {setting.others}" if setting.others else "")
    return (
        f"| {setting.metric} | {seeds} | {luck} | {false} | {', '.join(near)} | {_percent(found['rows alone'][0])} | "
        f"{_percent(found['the larger of both'][0])} | {_percent(total[0])}; "
        f"{', '.join(_percent(share, 0) for share in total[1:])} |\n"
    )


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write docs/honesty.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archives", nargs="?", type=Path, help="folder with <slug>.zip: also train real seeds")
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    expected = ", ".join(_percent(share, 0) for share in EXPECTED)
    page = HEAD.format(repetitions=options.repetitions, rows=ROWS, resamples=RESAMPLES, expected=expected)
    for setting in SETTINGS:
        page += (line := row(setting, options.repetitions, rng))
        print(line, end="", flush=True)
    page += CHAINS.format(steps=STEPS, rows=ROWS, draws=DRAWS)
    for rule, values in chains(SETTINGS[0], rng).items():
        half = t.ppf(0.975, DRAWS - 1) * values.std(ddof=1) / np.sqrt(DRAWS)
        page += (line := f"| {rule} | {values.mean():+.4f} ± {half:.4f} |\n")
        print(line, end="", flush=True)
    if options.archives:
        page += PAIRS
        for lane_name, seeds in LANES.items():
            slug = competitions.load(lane_name.replace("-", "_")).slug
            page += (line := real(lane_name, options.archives / f"{slug}.zip", seeds))
            print(line, end="", flush=True)
    options.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
