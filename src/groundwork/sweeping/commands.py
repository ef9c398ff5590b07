"""The command ``sweep``: from ranges of keys to a verdict on the best of many trials."""

import json
import sys
from typing import Annotated

import typer

from groundwork.arguments import LaneName


def sweep(
    lane_name: LaneName = "",
    trials: Annotated[
        int, typer.Option("--trials", min=1, help="How many trials, those of an earlier start included.")
    ] = 50,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0, help="Start no fold that would probably end later.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, help="How often to train each fold; by default as params.yaml says."),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="Why: for the records.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Search a lane's settings between the values of sweeps/<lane>.yaml, and judge the best trial.

    Optuna proposes trials. Each starts with fold 0, and goes on while it is promising beside the current settings.
    params.yaml, dvc.lock and the lane's results stay as they are. After a stop the same command goes on; several may
    run at once.
    """
    from groundwork.sweeping.plan import plan

    wanted = plan(lane_name, seeds)
    # Loaded now, so that the fingerprints that are a part of the folds' keys cover all the code.
    from groundwork.experiments.sweeps import OUTCOME
    from groundwork.files import write_json
    from groundwork.sweeping.outcome import outcome
    from groundwork.sweeping.run import Sweep
    from groundwork.sweeping.show import as_text, to_json

    stream = sys.stderr if as_json else sys.stdout
    running = Sweep(wanted, trials, note, minutes, stream)
    found = outcome(running, running.run())
    content = to_json(found)
    write_json(running.trials.folder / OUTCOME, content)
    typer.echo(json.dumps(content, indent=2, allow_nan=False) if as_json else as_text(found))
