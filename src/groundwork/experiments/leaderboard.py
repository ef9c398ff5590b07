"""Prints each lane's experiments and baselines in the terminal, best first."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.errors import UserError, meant
from groundwork.experiments.records import (
    LEDGER,
    RESULTS,
    Baseline,
    Experiment,
    baselines,
    differing,
    further_names,
    lanes,
    load,
    number,
    setting,
    split,
)
from groundwork.experiments.verdicts import told

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


RUN_ID = 1  # index of this column


def leaderboard(chosen: Sequence[str] | None = None, results: Path = RESULTS, ledger: Path = LEDGER) -> None:
    """Print a table for each lane of `chosen`, or for every lane that has experiments.

    Raises
    ------
    UserError
        If a chosen lane has no experiments.
    """
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        # A pipe gets one line for each experiment, however long.
        console = Console(highlight=False, width=10_000)
    known = lanes(results)
    if not known and not chosen:
        console.print("No experiments yet: `dvc repro` runs each lane, or takes its results from DVC's cache.")
    for lane_name in chosen or known:
        if lane_name not in known:
            raise _unknown(lane_name, known, results)
        experiments, problems = load(lane_name, results, ledger)
        compared, broken = baselines(experiments[0], results) if experiments else ([], [])
        for problem in problems + broken:
            print(f"warning: {problem}", file=sys.stderr)
        if experiments:
            _print(console, lane_name, experiments, compared, results)


def _print(
    console: "Console", lane_name: str, experiments: list[Experiment], compared: list[Baseline], results: Path
) -> None:
    ranked, others, shown = split(experiments)
    keys = differing(ranked)
    console.print()
    console.print(lane_name, style="bold", markup=False)
    noted = any(experiment.note for experiment in ranked)
    changed = {experiment.run_id: _changed(experiment, keys) for experiment in ranked if keys or noted}
    _block(console, ranked, changed, compared)
    notes = ["▸ what results/ holds now"] if shown.current else []
    notes += ["* with uncommitted changes"] if any(experiment.dirty for experiment in experiments) else []
    if notes:
        console.print(" " + " · ".join(notes), style="dim", markup=False)
    for verdict in told(shown, ranked, compared, results):
        console.print(f" {verdict['sentence']}", markup=False)
    if others:
        console.print(f"\n Other rows or folds than {shown.run_id}'s: not comparable", markup=False)
        changed = {other.run_id: _changed(other, differing([shown, other])) for other in others}
        _block(console, others, changed)


def _block(
    console: "Console", experiments: list[Experiment], changed: Mapping[str, str], compared: Sequence[Baseline] = ()
) -> None:
    """Print a table of `experiments`, with what differs (by run id) in a column, or below it on a narrow screen."""
    from rich.measure import Measurement
    from rich.table import Table

    def fits(table: "Table", within: str) -> bool:
        measured = Measurement.get(console, console.options.update(width=10_000), table)
        return bool(getattr(measured, within) <= console.width)

    whole = _table(experiments, changed, compared)
    if fits(whole, "maximum"):
        console.print(whole)
        return
    short = _table(experiments, {}, compared)
    # Where a competition has many metrics, the commit and the time are left out to make room.
    console.print(short if fits(short, "minimum") else _table(experiments, {}, compared, dated=False))
    if changed:
        below = Table(box=None, show_header=False, padding=(0, 1))
        below.add_column(justify="right", no_wrap=True)
        below.add_column(overflow="fold")
        for rank, experiment in enumerate(experiments, start=1):
            below.add_row(str(rank) if experiment.comparable else experiment.run_id, changed[experiment.run_id])
        console.print(" What differs:")
        console.print(below)


def _table(
    experiments: list[Experiment], changed: Mapping[str, str], compared: Sequence[Baseline], dated: bool = True
) -> "Table":
    """Make a table of comparable experiments and baselines, or of other experiments without ranks."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    best = experiments[0]
    submitted = any(experiment.public_score for experiment in experiments)
    further = further_names([*experiments, *compared])
    rows: list[tuple[float, list[str], str]] = []
    for rank, experiment in enumerate(experiments, start=1):
        mark = "▸" if experiment.current else " "
        cells = [str(rank) if experiment.comparable else "–", f"{mark} {experiment.run_id}"]
        cells += _scores(experiment, further) + ([experiment.public_score or ""] if submitted else [])
        when = f"{experiment.started.astimezone():{'%Y-%m-%d %H:%M' if changed else '%d %b %H:%M'}}"
        cells += ([experiment.commit, when] if dated else []) + ([changed[experiment.run_id]] if changed else [])
        rows.append((experiment.score, cells, "bold" if experiment.current else ""))
    rows += [(model.score, ["", f"  {model.name}", *_scores(model, further)], "dim") for model in compared]
    # The sort is stable: an experiment comes before a baseline that is as good.
    rows.sort(key=lambda row: -row[0] if best.higher_is_better else row[0])
    titles = ["#", "  run id", f"{best.metric} {'↑' if best.higher_is_better else '↓'}", "pooled", *further, "folds"]
    titles += (["public"] if submitted else []) + (["commit", "when"] if dated else [])
    titles += ["what differs"] if changed else []
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for index, title in enumerate(titles):
        # Only a baseline's name may take several lines.
        whole = [cells[index] for _, cells, _ in rows if index < len(cells) and (index != RUN_ID or cells[0])]
        right = title in {"#", "pooled", *further, "folds", "public"}
        table.add_column(
            title,
            justify="right" if right else "left",
            no_wrap=index != RUN_ID,
            min_width=max(map(len, (title, *whole))),
        )
    for _, cells, style in rows:
        table.add_row(*(Text(cell) for cell in cells), style=style)
    return table


def _scores(model: Experiment | Baseline, further: Iterable[str]) -> list[str]:
    """Write score, pooled score, further metrics (an older experiment may lack some) and the number of folds."""
    others = [number(model.further[name]) if name in model.further else "" for name in further]
    return [f"{number(model.score)} ± {number(model.sd)}", number(model.oof), *others, str(len(model.folds))]


def _changed(experiment: Experiment, keys: Iterable[str]) -> str:
    differs = [f"{key}={setting(experiment.settings.get(key))}" for key in keys]
    return "  ".join([*differs, *([f"“{experiment.note}”"] if experiment.note else [])])


def _unknown(lane_name: str, known: list[str], results: Path) -> UserError:
    existing = f"there are experiments of {', '.join(known)}; " if known else ""
    return UserError(
        f"{results}: no experiments of {lane_name!r}{meant(lane_name, known)}", f"{existing}run each lane: `dvc repro`"
    )
