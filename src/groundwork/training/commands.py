"""``groundwork store``: what the fold store holds, and giving up what is too much."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

FOLDER = Path("results/.folds")

app = typer.Typer(help="Finished folds that are kept in results/.folds; without a command: list them.")


@app.callback(invoke_without_command=True)
def store(context: typer.Context) -> None:
    """List finished folds, the one that was used last first.

    A fold is trained once: whoever needs it again (`dvc repro` after a parameter went back) takes it from here. A line
    says its lane, its key (a hash of all that decides it), which fold it is, its size, when it was last used, and why
    it is kept whatever the store's size, if it is. `rows` marks a fold whose weights were given up: its out-of-fold
    rows are still there.
    """
    if context.invoked_subcommand:
        return
    from rich.console import Console
    from rich.table import Table

    from groundwork import params
    from groundwork.training.eviction import entries, shown
    from groundwork.training.store import FoldStore

    limit = params.load().store
    found = entries(FoldStore(FOLDER))
    table = Table("Lane", "Key", "Fold", "Size", "Last used", "Kept", box=None, header_style="bold", pad_edge=False)
    table.columns[3].justify = "right"
    for entry in found:
        used = f"{datetime.fromtimestamp(entry.used):%Y-%m-%d %H:%M}"
        size = shown(entry.size) + ("" if entry.whole else " rows")
        table.add_row(entry.lane_name, entry.key, entry.part, size, used, ", ".join(entry.reasons))
    if found:
        console = Console(highlight=False)
        # Whoever reads through a pipe wants one line for a fold, however long.
        (console if console.is_terminal else Console(highlight=False, width=10_000)).print(table)
    total = shown(sum(entry.size for entry in found))
    typer.echo(f"{FOLDER}: {len(found)} folds, {total} of `store: {limit}` in params.yaml")


@app.command()
def prune(
    to: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Such as 2GB or 500 MB; by default what `store` in params.yaml says."),
    ] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Give up out-of-fold rows and history, too, after all weights.")
    ] = False,
) -> None:
    """Give up the weights of folds used longest ago until the store has that size.

    Folds in use, noted ones, and those that results/ stands for stay, and so do out-of-fold rows without --rows.
    """
    from groundwork import params
    from groundwork.sections.base import size_in_bytes
    from groundwork.training import eviction
    from groundwork.training.store import FoldStore

    store = FoldStore(FOLDER)
    limit = size_in_bytes(to or params.load().store)
    given_up = eviction.prune(store, limit, rows)
    left = sum(entry.size for entry in eviction.entries(store))
    typer.echo(eviction.of_prune(given_up) if given_up else "nothing was given up")
    why = "" if left <= limit else "; the rest is in use, noted, part of results/, or out-of-fold rows"
    typer.echo(f"{FOLDER}: {eviction.shown(left)} of {eviction.shown(limit)}{why}")
