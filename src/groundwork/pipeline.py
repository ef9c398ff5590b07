"""The main job: DVC runs the stages that need to, and the leaderboard shows what came of it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from groundwork.settings import Params

# Where the main job and the stages below it leave word for each other.
MESSAGES = "GROUNDWORK_MESSAGES"
STOPPED = "stopped"
ERRORS = "errors"


def repro(read: "Params", lanes: list[str] | None, results: Path) -> None:
    """Reproduce `lanes`, or all, then compare their experiments and say where everything lies.

    Raises
    ------
    UserError
        If params.yaml is not valid, or has no such lane.
    typer.Exit
        With 130 after Ctrl-C, with 2 when a stage failed; what stood at its outputs is back in place.
    """
    from groundwork.experiments.leaderboard import leaderboard
    from groundwork.stages.validate import validate

    names = list(lanes or read.competitions)
    for name in names:
        read.lane(name)
    validate(read)
    targets = [f"{stage}@{name}" for name in lanes or [] for stage in ("baselines", "evaluate", "predict")]
    with tempfile.TemporaryDirectory() as folder:
        messages = Path(folder)
        code = _dvc(messages, "repro", "--keep-going", *targets)
        if targets and not code:
            # By itself: it shows every lane, and as a target it would run them all first.
            code = _dvc(messages, "repro", "--single-item", "report")
        if code:
            # DVC puts a stage's outputs away before it runs, also when it then fails.
            _dvc(messages, "checkout", "--quiet", "--allow-missing")
        if (messages / STOPPED).exists():
            raise typer.Exit(130)
        if code:
            causes = (messages / ERRORS).read_text() if (messages / ERRORS).exists() else "see DVC's message above\n"
            typer.echo("\nNot every stage succeeded; former outputs of those that failed are back in place.", err=True)
            typer.echo(causes, err=True, nl=False)
            raise typer.Exit(2)
    typer.echo()
    leaderboard(names)
    for name in names:
        sample = read.lane(name).source == "sample"
        next_step = "made of a sample; for Kaggle set `source: kaggle`" if sample else f"`groundwork submit {name}`"
        typer.echo(f"submission  {results / name / 'submission.csv'}  ({next_step})")
    typer.echo(f"report      {results / 'report' / 'index.html'}")


def _dvc(messages: Path, *arguments: str) -> int:
    """Run DVC, whose stages leave their errors in `messages`; return its exit code."""
    # The stages' commands find `groundwork` beside this interpreter, in an activated environment or not.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, MESSAGES: str(messages)}
    process = subprocess.Popen([sys.executable, "-m", "dvc", *arguments], env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The stage got it too, and ends by itself. DVC would go on with the next lane: its stages see this file.
            (messages / STOPPED).touch()
