"""The commands ``groundwork leaderboard``, ``groundwork compare`` and ``groundwork private``."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from groundwork.arguments import LaneName, LaneNames

if TYPE_CHECKING:
    from groundwork.experiments.compare import Compared

SCHEMA = 1
# 1 and 2 are errors.
CODES = {"better": 3, "worse": 4}

Named = Annotated[
    str,
    typer.Argument(
        help="A run's id, a lane (its current run), baseline, baseline:NAME, or a commit.", show_default=False
    ),
]


def leaderboard(
    lane_names: LaneNames = None,
    top: Annotated[int | None, typer.Option("--top", "-n", min=1, help="How many to show of each lane.")] = None,
    sort: Annotated[
        str,
        typer.Option(
            "--sort",
            metavar="COLUMN",
            help="score, pooled, sd, public, when, seconds, run, a further metric, or a setting such as dropout.",
        ),
    ] = "score",
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE|7d", help="Show what was trained since then.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; docs/leaderboard.md documents it.")] = False,
) -> None:
    """Compare the experiments of each competition; ranks are by score, whatever is shown."""
    from groundwork.experiments import board, leaderboard, selection

    chosen = selection.Selection(top, sort, None if since is None else selection.since(since))
    if not as_json:
        leaderboard.leaderboard(lane_names, selection=chosen)
        return
    lanes = [one.to_json() for one in board.boards(lane_names, chosen)]
    typer.echo(json.dumps({"schema": board.SCHEMA, "lanes": lanes}, ensure_ascii=False, indent=1, allow_nan=False))


def compare(
    a: Named,
    b: Named,
    lane_name: Annotated[str | None, typer.Option("--lane", help="The lane, where neither name tells it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; docs/verdict.md documents it.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print what a pull request shows of two commits.")
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 3 if A is better than B in a lane, 4 if it is worse in one.")
    ] = False,
) -> None:
    """Say whether A is better than B on the same out-of-fold rows, beyond the luck of rows and seeds.

    Rows (or groups, queries, customers) are resampled in pairs, and the spread of seeds is taken from replicates of
    both (`training.seeds`), or of other runs of the lane. Two commits are compared in each lane whose metrics differ.
    """
    from groundwork.experiments.compare import Finder, compare

    compared = compare(a, b, lane_name)
    if as_json:
        content = {"schema": SCHEMA, "verdicts": [_plain(one) for one in compared]}
        typer.echo(json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False))
    elif markdown:
        from groundwork.experiments.committed import markdown as written
        from groundwork.experiments.records import RESULTS

        finder = Finder(RESULTS)
        commits = None not in [finder.commit(name) for name in (a, b)]
        typer.echo(written(a, b, compared, finder) if commits else _listed(compared))
    else:
        typer.echo("\n".join(_lines(compared)) or f"{a} and {b} have equal metrics in every lane")
    if exit_code:
        outcomes = {one.verdict.outcome for one in compared if one.verdict}
        raise typer.Exit(max((CODES.get(outcome, 0) for outcome in outcomes), default=0))


def private(
    lane_name: LaneName = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; docs/private.md documents it.")] = False,
) -> None:
    """Score the current experiment on the lane's private rows; each opening is noted and counted."""
    from dataclasses import asdict

    from groundwork import competitions, params
    from groundwork.experiments import openings
    from groundwork.experiments.private import RESULTS, open_private

    settings = params.load()
    found = open_private(lane_name, settings, competitions.load(settings.lane(lane_name).competition))
    last, counted = found[-1], openings.counted(found)
    if as_json:
        count = sum(one.rows_sha256 == last.rows_sha256 for one in found)
        content = {"schema": SCHEMA, **asdict(last), "openings": count, "sentence": counted}
        typer.echo(json.dumps(content, indent=1, allow_nan=False))
        return
    typer.echo(f"{lane_name} {last.run_id}: {last.sentence}\n  {counted}: the more often, the less they prove")
    typer.echo(f"  -> commit the ledger: `git add {RESULTS / openings.FOLDER} && git commit`")


def _plain(one: "Compared") -> dict[str, Any]:
    if one.verdict is None:
        return {"lane": one.lane_name, "outcome": "none", "sentence": one.refused and one.refused.problem}
    return {"lane": one.lane_name, **one.verdict.to_json()}


def _lines(compared: "list[Compared]") -> list[str]:
    several, lines = len(compared) > 1, []
    for one in compared:
        lines += [*([f"{one.lane_name}:"] if several else []), *_told(one)]
    return lines


def _listed(compared: "list[Compared]") -> str:
    return "\n".join(f"- **{one.lane_name}**: {_told(one)[0].splitlines()[0]}" for one in compared)


def _told(one: "Compared") -> list[str]:
    return one.verdict.lines if one.verdict else [f"no verdict: {one.refused}"]
