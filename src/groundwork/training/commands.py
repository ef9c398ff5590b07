"""The command ``groundwork store`` lists and prunes the fold store."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

FOLDER = Path("results/.folds")

app = typer.Typer(help="List the finished folds in results/.folds, or prune them.")


@app.callback(invoke_without_command=True)
def store(context: typer.Context) -> None:
    """List finished folds, the one that was used last first.

    A fold is trained once and then loaded from the store, for example when `dvc repro` runs after a parameter was set
    back. Each line has its lane, its key (a hash of everything that determines it), the fold, its size, when it was
    last used, and why pruning keeps it, if it does. `rows` marks a fold whose weights were pruned: its out-of-fold rows
    are still there.
    """
    if context.invoked_subcommand:
        return
    from rich.console import Console
    from rich.table import Table

    from groundwork import params
    from groundwork.training.eviction import entries, shown
    from groundwork.training.store import FoldStore

    limit = params.load().store
    folds = entries(FoldStore(FOLDER))
    table = Table("Lane", "Key", "Fold", "Size", "Last used", "Kept", box=None, header_style="bold", pad_edge=False)
    table.columns[3].justify = "right"
    for entry in folds:
        used = f"{datetime.fromtimestamp(entry.used):%Y-%m-%d %H:%M}"
        size = shown(entry.size) + ("" if entry.whole else " rows")
        table.add_row(entry.lane_name, entry.key, entry.part, size, used, ", ".join(entry.reasons))
    if folds:
        console = Console(highlight=False)
        # A pipe gets one line for each fold, however long.
        (console if console.is_terminal else Console(highlight=False, width=10_000)).print(table)
    total = shown(sum(entry.size for entry in folds))
    typer.echo(f"{FOLDER}: {len(folds)} folds, {total} of `store: {limit}` in params.yaml")


@app.command()
def prune(
    to: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="The size to prune to, such as 2GB; by default `store` of params.yaml."),
    ] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Remove out-of-fold rows and history, too, after all weights.")
    ] = False,
) -> None:
    """Remove the weights of the least recently used folds until the store is small enough.

    Folds in use, folds that are marked to be kept, and those of the current results stay. Out-of-fold rows stay, too,
    without --rows.
    """
    from groundwork import params
    from groundwork.sections.base import size_in_bytes
    from groundwork.training import eviction
    from groundwork.training.store import FoldStore

    store = FoldStore(FOLDER)
    limit = size_in_bytes(to or params.load().store)
    pruned = eviction.prune(store, limit, rows)
    size = sum(entry.size for entry in eviction.entries(store))
    typer.echo(eviction.summary(pruned) if pruned else "nothing was removed")
    why = "" if size <= limit else "; the rest is in use, marked to be kept, part of results/, or out-of-fold rows"
    typer.echo(f"{FOLDER}: {eviction.shown(size)} of {eviction.shown(limit)}{why}")
