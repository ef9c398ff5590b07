"""The commands ``groundwork submit`` and ``groundwork submissions``."""

from typing import Annotated

import typer

from groundwork.arguments import LaneName
from groundwork.errors import UserError


def submit(
    lane_name: LaneName = "",
    message: Annotated[str, typer.Option("--message", "-m", help="Description of this submission.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything except the upload.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the score.")] = True,
    despite: Annotated[
        str,
        typer.Option("--despite", metavar="REASON", help="Why the gate's suspicion is unfounded; the ledger keeps it."),
    ] = "",
) -> None:
    """Check the lane's submission, upload it, wait for its score, record it in the ledger."""
    from groundwork import competitions, params
    from groundwork.kaggle.submit import submit

    if not message and not dry_run:
        raise UserError(
            "found no description of the submission; Kaggle lists it, and the ledger keeps it",
            f'`groundwork submit {lane_name} --message "what is new"`, or `--dry-run` to upload nothing',
        )
    settings = params.load()
    competition = competitions.load(settings.lane(lane_name).competition)
    submit(lane_name, competition, message, dry_run=dry_run, wait=wait, despite=despite, blends=settings.members)


def submissions(
    lane_name: LaneName = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; docs/leaderboard.md documents it.")] = False,
) -> None:
    """Refresh the scores of the competition's submissions, and say which two to select."""
    from groundwork import competitions, params
    from groundwork.kaggle.submissions import submissions

    settings = params.load()
    name = settings.lane(lane_name).competition
    alike = [other for other in settings.names if settings.lane(other).competition == name]
    submissions(lane_name, competitions.load(name), alike, as_json=as_json)
