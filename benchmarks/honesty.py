"""Show that verdicts keep people honest, and write docs/honesty.md.

`make honesty` simulates comparisons whose truth is known: each repetition draws fresh rows and fresh seeds for two
ideas that are equally good, and judges them as `groundwork compare` does. `make honesty ARCHIVES=folder` trains seeds
of titanic and house-prices on Kaggle's archives, compares them in independent pairs, and tries chains of random
changes: see `benchmarks.honesty_seeds`. What is trained stays in ``results/.benchmarks``, for a later run. Each of the
two commands writes its part of the page.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks import honesty_seeds
from benchmarks.honesty_chains import COLUMNS, Kept, chain, table
from benchmarks.real import Workspace, add_work
from numpy.typing import NDArray
from scipy.stats import norm, t

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
        The number of seeds of each of the lane's other experiments.
    elsewhere
        How much seeds of these differ as a whole, in multiples of `quality`.
    """

    metric: str
    seeds: int
    idea: float
    quality: float
    noise: float
    others: tuple[int, ...] = ()
    elsewhere: float = 1.0


SETTINGS = (
    Setting("accuracy", 3, 0.8, 0.06, 0.8),
    Setting("log_loss", 3, 0.8, 0.06, 0.8),
    Setting("auc", 3, 0.8, 0.06, 0.8),
    Setting("rmse", 3, 0.4, 0.03, 0.4),
    Setting("log_loss", 1, 0.8, 0.06, 0.8, others=(5, 5)),
    Setting("log_loss", 5, 0.4, 0.1, 0.8),
    Setting("log_loss", 2, 0.4, 0.1, 0.8),
    Setting("log_loss", 2, 0.4, 0.1, 0.8, others=(2,) * 5),
    Setting("log_loss", 2, 0.4, 0.1, 0.8, others=(2,) * 5, elsewhere=0.5),
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

    def idea(self, name: str, seeds: int, spread: float = 1.0) -> Side:
        """Draw an idea: what all its seeds share, then each seed's own luck, `spread` times as much as a whole."""
        setting, rng = self.setting, self.rng
        shared = rng.normal(0, setting.idea, self.count)
        replicates = []
        for _ in range(seeds):
            own = rng.normal(0, setting.noise, self.count)
            quality = rng.normal(0, spread * setting.quality)
            if setting.metric == "rmse":
                replicates.append(self.target + (shared + own + 0.7 * self.sign) * (1 - quality))
            else:
                logit = self.seen + shared + own + quality * self.sign
                probability = 1 / (1 + np.exp(-1.2 * logit))
                replicates.append(np.stack([1 - probability, probability], 1))
        return Side(name, replicates)

    def measured(self, a: Side, b: Side) -> Measured:
        """Compare two ideas."""
        setting = self.setting
        spread = [self.idea("other", seeds, setting.elsewhere).replicates for seeds in setting.others]
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


def chains(setting: Setting, rng: np.random.Generator) -> list[dict[str, Kept]]:
    """Try changes that are worth nothing, one after the other, on half of the rows, in fresh worlds again and again."""
    found = []
    for _ in range(DRAWS):
        world = World(setting, rng, 2 * ROWS)
        public, private = np.split(np.arange(2 * ROWS), 2)
        sides = [world.idea(str(step), setting.seeds) for step in range(STEPS + 1)]
        found.append(chain(world.rows, public, private, sides))
    return found


HEAD = """# Do verdicts keep people honest?

Written by `make honesty`, from *Real seeds* on by `make honesty ARCHIVES=folder`. What is judged, and how, is in
[verdict.md](verdict.md).

## Simulated: luck and gains whose size is known

In each of {repetitions:,} repetitions, two equally good ideas are drawn with {rows} fresh rows and fresh seeds, and
compared as `groundwork compare` does, with {resamples} resamples.

- *Seeds*: of each side. 1 + 5, 5 is one seed of each side, and two other experiments of the lane of five seeds; × 0.5
  says that these seeds differ half as much as those of the sides.
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
wide for few degrees of freedom. Earlier experiments of the lane mend most of that: their seeds count as well where both
sides together have fewer than four degrees of freedom. If those differ less than the seeds of the sides, luck is called
better more often. So from three seeds on, the seeds of the sides count alone.

## Chains of random changes

{steps} changes that are worth nothing are tried one after the other (accuracy, three seeds each, {rows} rows), and what
is better is kept: by the score alone, or by verdict. The gain is that of the last kept over the first, on the rows
that chose it and on as many private rows, which took no part. Their difference is the optimism. Means of {draws} fresh
draws of everything, with intervals of 95 %.

"""


def row(setting: Setting, repetitions: int, rng: np.random.Generator) -> str:
    """Simulate a setting; return its row of the first table."""
    found, luck = simulated(setting, repetitions, rng)
    ours, total = found["ours"], found["the sum of both"]
    false = _percent(ours[0]) + ("" if 0.01 <= ours[0] <= 0.04 else " †")
    near = [
        _percent(got, 0) + ("" if abs(got - due) <= 0.05 else " †") for got, due in zip(ours[1:], EXPECTED, strict=True)
    ]
    seeds = f"{setting.seeds}" + (f" + {', '.join(map(str, setting.others))}" if setting.others else "")
    seeds += "" if setting.elsewhere == 1 else f" × {setting.elsewhere}"
    return (
        f"| {setting.metric} | {seeds} | {luck} | {false} | {', '.join(near)} | {_percent(found['rows alone'][0])} | "
        f"{_percent(found['the larger of both'][0])} | {_percent(total[0])}; "
        f"{', '.join(_percent(share, 0) for share in total[1:])} |\n"
    )


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}"


def simulations(repetitions: int) -> str:
    """Simulate comparisons and chains; return their part of the page."""
    rng = np.random.default_rng(0)
    expected = ", ".join(_percent(share, 0) for share in EXPECTED)
    page = HEAD.format(repetitions=repetitions, rows=ROWS, resamples=RESAMPLES, expected=expected)
    for setting in SETTINGS:
        page += (line := row(setting, repetitions, rng))
        print(line, end="", flush=True)
    return page + CHAINS.format(steps=STEPS, rows=ROWS, draws=DRAWS) + COLUMNS + table(chains(SETTINGS[0], rng))


def parts(page: str) -> tuple[str, str]:
    """Cut the page into what is simulated and what is measured on archives."""
    simulated, heading, rest = page.partition(honesty_seeds.HEADING)
    return simulated, heading + rest


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a part of docs/honesty.md; the other stays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archives", nargs="?", type=Path, help="folder with <slug>.zip: train, do not simulate")
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--page", type=Path, default=PAGE)
    add_work(parser)
    options = parser.parse_args(arguments)
    simulated, real = parts(options.page.read_text(encoding="utf-8") if options.page.exists() else "")
    if options.archives:
        real = honesty_seeds.measured_on_archives(Workspace(options.work, options.archives))
    else:
        simulated = simulations(options.repetitions)
    options.page.write_text(simulated + real, encoding="utf-8")


if __name__ == "__main__":
    main()
