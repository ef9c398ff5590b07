"""The experiments of each competition beside one another, best first, in the terminal."""

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

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


RUN_ID = 1  # its column


def leaderboard(chosen: Sequence[str] | None = None, results: Path = RESULTS, ledger: Path = LEDGER) -> None:
    """Print one table for each lane of `chosen` (all that have experiments by default).

    Raises
    ------
    UserError
        If a lane was chosen that has no experiments.
    """
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        # Whoever reads through a pipe wants one line for an experiment, however long.
        console = Console(highlight=False, width=10_000)
    known = lanes(results)
    if not known and not chosen:
        console.print("No experiments yet: `dvc repro` makes one of each lane, or takes them from DVC's cache.")
    for lane in chosen or known:
        if lane not in known:
            raise _unknown(lane, known, results)
        experiments, problems = load(lane, results, ledger)
        beside, broken = baselines(experiments[0], results) if experiments else ([], [])
        for problem in problems + broken:
            print(f"warning: {problem}", file=sys.stderr)
        if experiments:
            _print(console, lane, experiments, beside)


def _print(console: "Console", lane: str, experiments: list[Experiment], beside: list[Baseline]) -> None:
    ranked, others, shown = split(experiments)
    keys = differing(ranked)
    console.print()
    console.print(lane, style="bold", markup=False)
    _block(console, ranked, {one.run_id: _changed(one, keys) for one in ranked if keys}, beside)
    notes = ["▸ what results/ holds now"] if shown.current else []
    notes += ["* with uncommitted changes"] if any(one.dirty for one in experiments) else []
    if notes:
        console.print(" " + " · ".join(notes), style="dim", markup=False)
    if others:
        console.print(f"\n Other rows or folds than {shown.run_id}'s: not comparable", markup=False)
        _block(console, others, {one.run_id: _changed(one, differing([shown, one])) for one in others})


def _block(
    console: "Console", experiments: list[Experiment], changed: Mapping[str, str], beside: Sequence[Baseline] = ()
) -> None:
    """Print a table of `experiments`; what differs (by run id) beside it, or below it where the screen is narrow."""
    from rich.measure import Measurement
    from rich.table import Table

    def fits(table: "Table", within: str) -> bool:
        measured = Measurement.get(console, console.options.update(width=10_000), table)
        return bool(getattr(measured, within) <= console.width)

    whole = _table(experiments, changed, beside)
    if fits(whole, "maximum"):
        console.print(whole)
        return
    short = _table(experiments, {}, beside)
    # Where a competition has many metrics, they go before the commit and the time.
    console.print(short if fits(short, "minimum") else _table(experiments, {}, beside, dated=False))
    if changed:
        below = Table(box=None, show_header=False, padding=(0, 1))
        below.add_column(justify="right", no_wrap=True)
        below.add_column(overflow="fold")
        for rank, one in enumerate(experiments, start=1):
            below.add_row(str(rank) if one.comparable else one.run_id, changed[one.run_id])
        console.print(" What differs:")
        console.print(below)


def _table(
    experiments: list[Experiment], changed: Mapping[str, str], beside: Sequence[Baseline], dated: bool = True
) -> "Table":
    """Lay out comparable experiments with the baselines among them, or others without rank."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    best = experiments[0]
    submitted = any(one.public_score for one in experiments)
    further = further_names([*experiments, *beside])
    rows: list[tuple[float, list[str], str]] = []
    for rank, one in enumerate(experiments, start=1):
        cells = [str(rank) if one.comparable else "–", f"{'▸' if one.current else ' '} {one.run_id}"]
        cells += _scores(one, further) + ([one.public_score or ""] if submitted else [])
        when = f"{one.started.astimezone():{'%Y-%m-%d %H:%M' if changed else '%d %b %H:%M'}}"
        cells += ([one.commit, when] if dated else []) + ([changed[one.run_id]] if changed else [])
        rows.append((one.score, cells, "bold" if one.current else ""))
    rows += [(one.score, ["", f"  {one.name}", *_scores(one, further)], "dim") for one in beside]
    # Stable: an experiment stands above a baseline that is as good.
    rows.sort(key=lambda row: -row[0] if best.higher_is_better else row[0])
    titles = ["#", "  run id", f"{best.metric} {'↑' if best.higher_is_better else '↓'}", "pooled", *further, "folds"]
    titles += (["public"] if submitted else []) + (["commit", "when"] if dated else [])
    titles += ["what differs"] if changed else []
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for place, title in enumerate(titles):
        # A baseline's name may take several lines, nothing else may.
        whole = [cells[place] for _, cells, _ in rows if place < len(cells) and (place != RUN_ID or cells[0])]
        right = title in {"#", "pooled", *further, "folds", "public"}
        table.add_column(
            title,
            justify="right" if right else "left",
            no_wrap=place != RUN_ID,
            min_width=max(map(len, (title, *whole))),
        )
    for _, cells, style in rows:
        table.add_row(*(Text(cell) for cell in cells), style=style)
    return table


def _scores(one: Experiment | Baseline, further: Iterable[str]) -> list[str]:
    """Write score, pooled score, further metrics (an older experiment may lack some) and the number of folds."""
    others = [number(one.further[name]) if name in one.further else "" for name in further]
    return [f"{number(one.score)} ± {number(one.sd)}", number(one.oof), *others, str(len(one.folds))]


def _changed(experiment: Experiment, keys: Iterable[str]) -> str:
    return "  ".join(f"{key}={setting(experiment.settings.get(key))}" for key in keys)


def _unknown(lane: str, known: list[str], results: Path) -> UserError:
    there = f"there are experiments of {', '.join(known)}; " if known else ""
    return UserError(
        f"{results}: no experiments of {lane!r}{meant(lane, known)}", f"{there}make one of each lane: `dvc repro`"
    )
