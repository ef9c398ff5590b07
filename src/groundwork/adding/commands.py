"""The commands ``groundwork add`` and ``groundwork remove``."""

from pathlib import Path
from typing import Annotated

import typer


def add(
    slug: Annotated[str, typer.Argument(help="The competition's name in Kaggle's addresses, or its address.")],
    archive: Annotated[Path | None, typer.Option("--archive", help="Kaggle's zip file, if you have it.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the lane; by default the slug.")] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="The metric, such as rmse, auc or f1.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Target column; several with commas.")] = None,
    row_id: Annotated[str | None, typer.Option("--id", help="Id column.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="classification, regression or tagging.")] = None,
    train: Annotated[str | None, typer.Option("--train", help="File of the training rows.")] = None,
    test: Annotated[str | None, typer.Option("--test", help="File of the test rows.")] = None,
    labels: Annotated[
        str | None, typer.Option("--labels", help="File of the training rows' targets, if they lack them.")
    ] = None,
    submission: Annotated[str | None, typer.Option("--submission", help="File of the sample submission.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show everything and write nothing.")] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Also write a small synthetic generator, for CI.")] = False,
) -> None:
    """Add a competition: look at its archive, write its file and its lane."""
    from groundwork.adding.run import Wishes, add

    wishes = Wishes(
        archive=archive,
        name=name,
        metric=metric,
        targets=[part.strip() for part in target.split(",")] if target else (),
        id=row_id,
        kind=kind,
        train=train,
        test=test,
        labels=labels,
        submission=submission,
        yes=yes,
        dry_run=dry_run,
        sample=sample,
    )
    typer.echo(add(slug, wishes))


def remove(
    lane_name: Annotated[str, typer.Argument(metavar="LANE", help="A key under `competitions` in params.yaml.")],
) -> None:
    """Remove a lane, and its competition's file if no other lane uses it; data and results stay."""
    from groundwork.adding.run import remove

    typer.echo(remove(lane_name))
