"""Prints each lane's experiments and baselines in the terminal, best first."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.experiments.board import EVERYTHING, Board, boards
from groundwork.experiments.records import LEDGER, RESULTS, Baseline, Experiment, lanes
from groundwork.experiments.selection import SCORE, Selection, differing, further_names, number, setting

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


RUN_ID = 1  # index of this column


def leaderboard(
    chosen: Sequence[str] | None = None,
    results: Path = RESULTS,
    ledger: Path = LEDGER,
    selection: Selection = EVERYTHING,
) -> None:
    """Print a table for each lane of `chosen`, or for every lane that has experiments.

    Raises
    ------
    UserError
        If a chosen lane has no experiments, or there is no such column to sort by.
    """
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        # A pipe gets one line for each experiment, however long.
        console = Console(highlight=False, width=10_000)
    if not chosen and not lanes(results):
        console.print("No experiments yet: `dvc repro` runs each lane, or takes its results from DVC's cache.")
    for board in boards(chosen, selection, results, ledger):
        _print(console, board, by_score=selection.sort == SCORE)


def _print(console: "Console", board: Board, by_score: bool) -> None:
    from rich.text import Text

    keys = differing(board.ranked)
    console.print()
    title = Text(board.lane_name, style="bold")
    if board.shown.settings.get("source") == "sample":
        title.append("  SAMPLE DATA", style="bold yellow")
    console.print(title)
    noted = any(experiment.note for experiment in board.rows)
    changed = {experiment.run_id: _changed(experiment, keys) for experiment in board.rows if keys or noted}
    if board.rows:
        _block(console, board.rows, changed, board.ranks, board.compared, by_score)
    notes = [f"{len(board.rows)} of {len(board.ranked)} experiments"] if len(board.rows) < len(board.ranked) else []
    shown = [*board.rows, *board.others]
    notes += ["▸ what results/ holds now"] if any(experiment.current for experiment in shown) else []
    notes += ["* with uncommitted changes"] if any(experiment.dirty for experiment in shown) else []
    if any(experiment.retrained for experiment in shown):
        notes.append("×2: trained twice, with equal settings, code and data")
    if notes:
        console.print(" " + " · ".join(notes), style="dim", markup=False)
    for sentence in (*(verdict["sentence"] for verdict in board.verdicts), *([board.private] if board.private else [])):
        console.print(f" {sentence}", markup=False)
    if board.others:
        console.print(f"\n Other rows or folds than {board.shown.run_id}'s: not comparable", markup=False)
        changed = {other.run_id: _changed(other, differing([board.shown, other])) for other in board.others}
        _block(console, board.others, changed, {})


def _block(
    console: "Console",
    experiments: Sequence[Experiment],
    changed: Mapping[str, str],
    ranks: Mapping[str, int],
    compared: Sequence[Baseline] = (),
    by_score: bool = True,
) -> None:
    """Print a table of `experiments`, with what differs (by run id) in a column, or below it on a narrow screen."""
    from rich.measure import Measurement
    from rich.table import Table

    def fits(table: "Table", within: str) -> bool:
        measured = Measurement.get(console, console.options.update(width=10_000), table)
        return bool(getattr(measured, within) <= console.width)

    whole = _table(experiments, changed, ranks, compared, by_score)
    if fits(whole, "maximum"):
        console.print(whole)
        return
    short = _table(experiments, {}, ranks, compared, by_score)
    # Where a competition has many metrics, the commit and the time are left out to make room.
    narrow = _table(experiments, {}, ranks, compared, by_score, dated=False)
    console.print(short if fits(short, "minimum") else narrow)
    if changed:
        below = Table(box=None, show_header=False, padding=(0, 1))
        below.add_column(justify="right", no_wrap=True)
        below.add_column(overflow="fold")
        for experiment in experiments:
            below.add_row(str(ranks.get(experiment.run_id, experiment.run_id)), changed[experiment.run_id])
        console.print(" What differs:")
        console.print(below)


def _table(
    experiments: Sequence[Experiment],
    changed: Mapping[str, str],
    ranks: Mapping[str, int],
    compared: Sequence[Baseline],
    by_score: bool,
    dated: bool = True,
) -> "Table":
    """Make a table of experiments and baselines; those without ranks cannot be compared."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    best = experiments[0]
    submitted = any(experiment.public_score for experiment in experiments)
    further = further_names([*experiments, *compared])
    rows: list[tuple[float, list[str], str]] = []
    for experiment in experiments:
        mark, times = "▸" if experiment.current else " ", 1 + len(experiment.retrained)
        cells = [str(ranks.get(experiment.run_id, "–"))]
        cells += [f"{mark} {experiment.run_id}" + (f" ×{times}" if times > 1 else "")]
        cells += _scores(experiment, further) + ([experiment.public_score or ""] if submitted else [])
        when = f"{experiment.started.astimezone():{'%Y-%m-%d %H:%M' if changed else '%d %b %H:%M'}}"
        cells += ([experiment.commit, when] if dated else []) + ([changed[experiment.run_id]] if changed else [])
        rows.append((experiment.score, cells, "bold" if experiment.current else ""))
    rows += [(model.score, ["", f"  {model.name}", *_scores(model, further)], "dim") for model in compared]
    if by_score:
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
