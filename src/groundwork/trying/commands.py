"""The commands ``try``, ``keep``, ``note`` and ``remember``: from an idea to a verdict, and what is kept of it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from groundwork import arguments
from groundwork.arguments import LaneNames, RunId

RESULTS = Path("results")


def try_(
    lane_name: Annotated[
        str,
        typer.Argument(
            metavar="LANE", help="A lane of params.yaml, such as titanic.", autocompletion=arguments.completed_lanes
        ),
    ],
    changes: Annotated[
        list[str],
        typer.Argument(metavar="key=v1,v2...", help="A key of the lane, short where that is clear, and its values."),
    ],
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, help="How often to train each fold; by default as params.yaml says."),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="Why: for the records.")] = "",
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0, help="Start no fold that would probably end later.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Train other settings of a lane on its own folds, and compare them with the current ones.

    All combinations of the values are tried. params.yaml, dvc.lock and the lane's results stay as they are. Finished
    folds are kept: after a stop the same command goes on, and what was tried trains nothing again.
    """
    from groundwork.trying.plan import plan

    wanted = plan(lane_name, changes, seeds)
    # Loaded now, so that the fingerprints that are a part of the folds' keys cover all the code.
    from groundwork.trying.run import Trial
    from groundwork.trying.show import as_text, to_json

    stream = sys.stderr if as_json else sys.stdout
    tried = Trial(wanted, note, minutes, stream).run()
    typer.echo(to_json(wanted, tried) if as_json else as_text(wanted, tried))


def keep(
    run_id: RunId,
    with_seeds: Annotated[
        bool, typer.Option("--with-seeds", help="Keep its number of seeds, too, as training.seeds.")
    ] = False,
) -> None:
    """Write the settings of a run into params.yaml; `groundwork repro` then takes its folds and trains nothing."""
    from groundwork.trying.keep import keep

    typer.echo(keep(run_id, with_seeds=with_seeds))


def note(run_id: RunId, why: Annotated[str, typer.Argument(help="What you want to know of it later.")]) -> None:
    """Write a note into a run's small record, and let git track the record."""
    from groundwork.experiments import memory

    path = memory.note(run_id, why, RESULTS)
    typer.echo(f"{path}\n{_commit([path])}")


def remember(
    lane_names: LaneNames = None,
) -> None:
    """Let git track a small record of each run, for fresh clones and colleagues; `keep` does so for its lane."""
    from groundwork.errors import UserError, meant
    from groundwork.experiments import memory
    from groundwork.experiments.records import lanes

    known = lanes(RESULTS)
    for name in lane_names or ():
        if name not in known:
            raise UserError(f"{RESULTS}: no experiments of {name!r}{meant(name, known)}", "`groundwork leaderboard`")
    new = memory.remember(lane_names or known, RESULTS)
    typer.echo("\n".join([*map(str, new), _commit(new) if new else "every run is remembered already"]))


def _commit(paths: list[Path]) -> str:
    return f"  -> commit {'it' if len(paths) == 1 else 'them'}: `git add {RESULTS / 'memory'} && git commit`"
