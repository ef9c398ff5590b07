"""Score the shipped parameters on Kaggle's real archives and write docs/scores.md.

`make scores ARCHIVES=folder` runs it; the folder holds `<slug>.zip` for each competition. Each lane is prepared, its
baselines are scored, its network is trained and evaluated by the very commands of the pipeline, in a folder of its own.
Finished folds stay there, so a run that was stopped goes on; the page has a lane's row as soon as the lane is done, and
keeps it until the lane is scored again (`make scores ARCHIVES=folder ARGS="titanic --seeds 5"`).
"""

import argparse
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.real import Workspace, add_work

from groundwork import params

PAGE = Path("docs/scores.md")
# One fold says enough where it takes minutes and the others would take as long again.
FOLDS = {"digit-recognizer": 1}
# How many seeds where a seed takes less than a minute; one elsewhere.
SEEDS = {"titanic": 20, "house-prices": 10}
HEAD = """# Scores of the shipped parameters

Written by `make scores ARCHIVES=...` on Kaggle's real files: {machine}. Five folds with seed 0; for forecasts, the last
two weeks. Each score is computed on rows that the network, its transforms and early stopping have not seen. Test
rows were not used, since their answers are not public. The settings were chosen by a person who looked at out-of-fold
scores on these rows, mostly with fold seed 0, so expect a slightly lower score on new rows. The score of
`house-prices` depends more on its folds than on its network: try another `folds_seed`. Three data sets are substitutes
for Kaggle's: a fortieth of the comments, product titles without their descriptions, and ratings of films instead of
purchases of clothes.

- *One seed*: the out-of-fold score of each seed by itself; its mean and standard deviation over seeds. Where *Seeds* is
  1, it is the score of the one seed 0, which may be a lucky or an unlucky one.
- *Averaged*: the out-of-fold score of the predictions averaged over these seeds, and *Folds* its mean and standard
  deviation over the folds, of which *Trained* were trained.
- *Best baseline*: scored on the same folds, by their mean.
- *Seconds*: of a seed, all its folds; other work may have run beside.

| Lane | Metric | Seeds | One seed | Averaged | Folds | Trained | Best baseline | Further metrics | Seconds |
|---|---|---|---|---|---|---|---|---|---|
"""


def score(space: Workspace, name: str, seeds: int) -> str:
    """Run one lane; return its row of the table."""
    space.configure(name, {"training.folds": FOLDS.get(name, "all"), "training.seeds": seeds})
    space.prepare(name)
    for stage in ("baselines", "train", "evaluate"):
        space.run(stage, name)
    metrics, run = space.read(f"metrics/{name}.json"), space.read(f"{name}/run.json")
    further = ", ".join(f"{metric} {value:.4f}" for metric, value in metrics["further"].items())
    alone = f"{metrics['seeds']['mean']:.4f} ± {metrics['seeds']['sd']:.4f}" if seeds > 1 else f"{metrics['oof']:.4f}"
    mean = f"{metrics['oof']:.4f}" if seeds > 1 else "–"
    seconds = sum(fold["seconds"] for folds in (run["folds"], *run.get("replicates", ())) for fold in folds.values())
    return (
        f"| `{name}` | {metrics['metric']} | {seeds} | {alone} | {mean} "
        f"| {metrics['mean']:.4f} ± {metrics['sd']:.4f} | {len(metrics['folds'])} "
        f"| {best(space.read(f'{name}/baselines.json'), metrics)} | {further} | {seconds / seeds:.0f} |\n"
    )


def best(baselines: list[dict[str, Any]], metrics: dict[str, Any]) -> str:
    """Name the baseline with the best mean over the folds that `metrics` has, and give that mean."""
    trained = len(metrics["folds"])
    means = {baseline["name"]: fmean(baseline["metrics"]["folds"][:trained]) for baseline in baselines}
    name = (max if metrics["higher_is_better"] else min)(means, key=means.__getitem__)
    return f"{name} {means[name]:.4f}"


def main() -> None:
    """Score the lanes and write their rows into the page."""
    lanes = list(params.load().competitions)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", type=Path, help="folder that holds <slug>.zip")
    parser.add_argument("lanes", nargs="*", help="keys of params.yaml; none means all")
    parser.add_argument("--seeds", type=int, help=f"how often to train each lane; by default {SEEDS}, others once")
    add_work(parser)
    arguments = parser.parse_args()
    space = Workspace(arguments.work, arguments.archives)
    rows = dict(written(PAGE.read_text(encoding="utf-8"))) if PAGE.exists() else {}
    for name in arguments.lanes or lanes:
        rows[name] = score(space, name, arguments.seeds or SEEDS.get(name, 1))
        print(rows[name], end="", flush=True)
        table = "".join(rows[lane] for lane in lanes if lane in rows)
        head = HEAD.format(machine=f"{os.cpu_count()} {platform.machine()} cores, no GPU")
        PAGE.write_text(head + table, encoding="utf-8")


def written(page: str) -> Iterator[tuple[str, str]]:
    """Yield the lanes of the page's table and their rows, if it has this table's columns."""
    head, _, table = page.partition("|---|\n")
    if HEAD.splitlines()[-2] in head:
        for row in table.splitlines(keepends=True):
            yield row.split("`")[1], row


if __name__ == "__main__":
    main()
