"""The main job: DVC runs the stages that need to, and the leaderboard shows what came of it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from groundwork.processes import GRACE, MAIN

if TYPE_CHECKING:
    from groundwork.settings import Params

# Where the main job and the stages below it leave word for each other.
MESSAGES = "GROUNDWORK_MESSAGES"
STOPPED = "stopped"
ERRORS = "errors"
BEGUN = "begun"
VALIDATED = "validated"

BUSY = Path(".dvc/tmp/groundwork/repro.lock")
# What the layouts before this one left, and nobody reads any more.
FORMER = (Path("data/params.valid"), Path("results/.resume"))

# DVC in a process that ends with ours, however ours ends.
BOOT = (
    "import sys; from groundwork.processes import follow; follow(int(sys.argv.pop(1)));"
    "from dvc.cli import main; sys.exit(main(sys.argv[1:]))"
)


def repro(read: "Params", lane_names: list[str] | None, results: Path) -> None:
    """Reproduce `lane_names`, or all, then compare their experiments and say where everything lies.

    Raises
    ------
    UserError
        If params.yaml is not valid, has no such lane, or the folder is no place to work in.
    typer.Exit
        With 128 and the signal's number after one (130 after Ctrl-C), with 2 when a stage failed.
    """
    from groundwork.checkout import require_checkout
    from groundwork.experiments import lockfile
    from groundwork.experiments.leaderboard import leaderboard
    from groundwork.files import taking_turns
    from groundwork.stages.report import report
    from groundwork.stages.validate import validate, write_fingerprints

    require_checkout()
    names = list(lane_names or read.competitions)
    for name in names:
        read.lane(name)
    validate(read)
    targets = [f"{stage}@{name}" for name in lane_names or [] for stage in ("baselines", "evaluate", "predict")]
    doing = " ".join(["groundwork repro", *(lane_names or ())])
    with taking_turns(BUSY, doing), tempfile.TemporaryDirectory() as folder:
        messages = Path(folder)
        for line in (*lockfile.repair(), *_clear_former()):
            typer.echo(line, err=True)
        write_fingerprints(read)
        (messages / VALIDATED).touch()
        code = _dvc(messages, "repro", "--keep-going", *targets)
        if targets and not code:
            # As a target it would run every lane first: it shows them all.
            report(results / "report" / "index.html")
        lied = _forget_lies(read)
        lockfile.keep()
        if code or lied:
            _explain(messages, lied)
        if (messages / STOPPED).exists():
            typer.echo("stopped; the same command goes on from where it was", err=True)
            raise typer.Exit(128 + int((messages / STOPPED).read_text()))
        if code or lied:
            raise typer.Exit(2)
    typer.echo()
    leaderboard(names)
    for name in names:
        sample = read.lane(name).source == "sample"
        next_step = "made of a sample; for Kaggle set `source: kaggle`" if sample else f"`groundwork submit {name}`"
        typer.echo(f"submission  {results / name / 'submission.csv'}  ({next_step})")
    typer.echo(f"report      {results / 'report' / 'index.html'}")


def status(read: "Params", lane_names: list[str] | None) -> None:
    """Refresh the fingerprints of the code, then let DVC say what it would run again.

    Raises
    ------
    typer.Exit
        With DVC's exit code where that is not 0.
    """
    from groundwork.stages.validate import validate, write_fingerprints

    validate(read)
    write_fingerprints(read)
    stages = ("fetch", "prepare", "baselines", "train", "evaluate", "predict")
    targets = [f"{stage}@{name}" for name in lane_names or read.competitions for stage in stages]
    with tempfile.TemporaryDirectory() as folder:
        if code := _dvc(Path(folder), "status", *targets):
            raise typer.Exit(code)


def _explain(messages: Path, lied: list[str]) -> None:
    """Say why stages failed, and what has become of what they had made before."""
    from groundwork.experiments.outs import restore

    errors = messages / ERRORS
    causes = [*(errors.read_text(encoding="utf-8").splitlines() if errors.exists() else []), *lied]
    begun = (messages / BEGUN).read_text(encoding="utf-8").split() if (messages / BEGUN).exists() else []
    typer.echo("\nNot every stage succeeded.", err=True)
    for line in restore(dict.fromkeys(begun)):
        typer.echo(line, err=True)
    for line in causes or ["see DVC's message above"]:
        typer.echo(line, err=True)


def _forget_lies(read: "Params") -> list[str]:
    """Take out of dvc.lock what it says of results that were made from something else; name each."""
    from groundwork.experiments import lockfile, seal
    from groundwork.experiments.dvcfiles import declared, locked

    lock = locked()
    found = {}
    for lane_name in read.competitions:
        for stage in declared(lane_name).values():
            if wrong := seal.wrongly_recorded(lock, stage):
                found[stage.name] = wrong
    if found:
        lockfile.forget(list(found))
    return [
        f"error: {name}: edited just when it ended: {', '.join(wrong[:5])}; dvc.lock would have recorded the edited "
        "state\n  -> its entry is taken out: the same command makes it again"
        for name, wrong in found.items()
    ]


def _clear_former() -> list[str]:
    """Remove what former layouts left beside the outs of DVC; say so in one line."""
    former = [path for path in FORMER if path.exists()]
    for path in former:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    if not former:
        return []
    return [
        f"results of an earlier version of Groundwork lie here: {', '.join(map(str, former))} served it alone and is "
        "removed; every stage runs again once, since its code has changed"
    ]


def _dvc(messages: Path, *arguments: str) -> int:
    """Run DVC, whose stages leave their errors in `messages`; return its exit code."""
    # The stages' commands find `groundwork` beside this interpreter, in an activated environment or not.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, MESSAGES: str(messages), MAIN: str(os.getpid())}
    command = [sys.executable, "-c", BOOT, str(os.getpid()), *arguments]
    with _signals_noted(messages) as received:
        process = subprocess.Popen(command, env=environment)
        patience = GRACE
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=0.5)
            if received and time.monotonic() - received[-1] > patience:
                # Who has not ended by now has not heard, or hangs.
                _end_all_below(os.getpid(), [])
                patience *= 2


@contextmanager
def _signals_noted(messages: Path) -> Iterator[Sequence[float]]:
    """Note Ctrl-C, TERM and HUP for the stages to see, and yield the times at which they came.

    A terminal sends Ctrl-C to the stages as well. The other two may have come to this process alone: they are passed on
    to the stages, and DVC ends by itself once its stage has.
    """
    received: list[float] = []

    def note(number: int, _: Any) -> None:
        received.append(time.monotonic())
        # DVC goes on with the next lane: its stages see this file and end.
        (messages / STOPPED).write_text(str(number))
        if number != signal.SIGINT:
            _end_all_below(os.getpid(), _children(os.getpid()))

    former = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield received
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _children(pid: int) -> list[int]:
    import psutil

    with suppress(psutil.Error):
        return [child.pid for child in psutil.Process(pid).children()]
    return []


def _end_all_below(pid: int, spared: Sequence[int]) -> None:
    """Ask all processes below `pid` to end, but those that are `spared`."""
    import psutil

    with suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            if process.pid not in spared:
                with suppress(psutil.Error):
                    process.terminate()
