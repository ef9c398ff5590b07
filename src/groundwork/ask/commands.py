"""The command ``importance``: which columns a lane's networks rely on."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from groundwork.arguments import LaneName
from groundwork.errors import UserError

PREPARED, RESULTS = Path("data/prepared"), Path("results")


def importance(
    lane_name: LaneName = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; docs/report.md documents it.")] = False,
) -> None:
    """Measure how much the metric loses where a column's values are shuffled; the report then shows it.

    Each fold's networks predict the rows of their own fold, which they were not trained on. Nothing is trained.
    """
    from groundwork import competitions, params
    from groundwork.ask.importance import importance, with_columns
    from groundwork.data.load import load
    from groundwork.experiments.importance import kept
    from groundwork.files import write_json

    settings = params.load()
    competition = competitions.load(settings.lane(lane_name).competition)
    if lane_name in settings.blends:
        members = ", ".join(settings.lanes_of(lane_name))
        raise UserError(f"{lane_name}: found a blend, which has no networks of its own", f"name one of: {members}")
    with_columns(lane_name, competition)
    found = importance(lane_name, competition, load(competition, PREPARED / lane_name), RESULTS / lane_name)
    write_json(kept(lane_name), found)
    typer.echo(json.dumps(found, indent=2, allow_nan=False) if as_json else as_text(lane_name, found))


def as_text(lane_name: str, found: dict[str, Any]) -> str:
    """Return the columns, the most important first, with the spread of their loss over the folds."""
    columns = found["columns"]
    folds, width = len(columns[0]["folds"]), max(len(column["name"]) for column in columns)
    lines = [
        f"{lane_name}: how much worse {found['metric']} is where a column's values are shuffled, run {found['run_id']}",
        f"  {found['rows']:,} rows, each predicted by networks that were not trained on it; "
        f"{found['shuffles']} shuffle{'s' if found['shuffles'] > 1 else ''} of each fold; "
        + (f"± one standard deviation over {folds} folds" if folds > 1 else "one fold tells no spread"),
        "",
    ]
    for column in columns:
        spread = f" ± {column['sd']:.4f}" if column["sd"] is not None else ""
        loss = f"{round(column['loss'], 4) + 0.0:+.4f}".replace("-", "−")
        lines.append(f"  {column['name']:<{width}}  {loss}{spread}")
    return "\n".join(
        [
            *lines,
            "",
            "  Columns that say the same stand in for each other, so that each of them looks unimportant.",
            "  -> `groundwork report --open` shows it",
        ]
    )
