"""The command ``groundwork checks``."""

import contextlib
import io
from pathlib import Path
from typing import Annotated

import typer

from groundwork.arguments import LaneName


def checks(
    lane_name: LaneName = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; docs/checks.md documents it.")] = False,
) -> None:
    """Look for leaks, copies and shifts in the prepared data; alarms stop nothing."""
    from groundwork import competitions, params
    from groundwork.checks.alarms import CHECKS
    from groundwork.stages import job

    settings = params.load()
    lane = settings.lane(lane_name)
    said = io.StringIO()
    with contextlib.redirect_stdout(said) if as_json else contextlib.nullcontext():
        job.run("checks", lane_name, settings, lane, competitions.load(lane.competition))
    if as_json:
        typer.echo(Path(job.RESULTS, lane_name, CHECKS).read_text(encoding="utf-8").rstrip())
