"""The commands about W&B; imported at every start of the command line, so it loads nothing heavy."""

from pathlib import Path

import typer


def sync() -> None:
    """Send the runs that W&B does not have yet."""
    from groundwork.tracking.sync import sync

    sync(Path("."))


def dashboard() -> None:
    """Make the project's workspace, and a report of all lanes, in your W&B account (extra `dashboard`)."""
    from groundwork import competitions, params
    from groundwork.tracking.dashboard import dashboard

    settings = params.load()
    lanes = settings.competitions.items()
    metrics = {name: competitions.load(lane.competition).scorer.name for name, lane in lanes}
    for address in dashboard(settings.tracking, metrics):
        typer.echo(address)
