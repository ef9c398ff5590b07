"""The commands ``groundwork submit``, ``groundwork submissions`` and ``groundwork board``."""

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


def board(lane_name: LaneName = "") -> None:
    """Fetch the competition's public leaderboard, and say where the lane's experiments would stand on it."""
    from groundwork import competitions, params
    from groundwork.experiments.records import load
    from groundwork.experiments.selection import folded, number
    from groundwork.kaggle.board import fetch

    lane = params.load().lane(lane_name)
    standings = fetch(competitions.load(lane.competition))
    typer.echo(f"{len(standings.scores):,} teams; best {number(standings.scores[0])}")
    for name, score in standings.cuts.items():
        typer.echo(f"{name:<8} {number(score)}")
    experiments, _ = load(lane_name)
    real = [one for one in folded(experiments) if one.comparable and one.settings.get("source") == "kaggle"]
    for one in real[:5]:
        typer.echo(f"{one.run_id} {number(one.score)} {standings.words(one.score, estimated=True)}")
        if one.public_score:
            public = float(one.public_score)
            typer.echo(f"{one.run_id} {number(public)} on the leaderboard: {standings.words(public, estimated=False)}")
    if lane.source == "sample":
        typer.echo("the lane trains on a sample, whose scores stand nowhere: set `source: kaggle`")
