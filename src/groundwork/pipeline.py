"""Runs DVC's pipeline for `groundwork repro` and `groundwork status`, and reports the results and errors."""

import logging
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

# Names the folder through which `groundwork repro` and its stages exchange messages, and the files in it.
MESSAGES = "GROUNDWORK_MESSAGES"
STOPPED = "stopped"
ERRORS = "errors"
BEGUN = "begun"
VALIDATED = "validated"
VALIDATE = "validate"  # this stage always runs

BUSY = Path(".dvc/tmp/groundwork/repro.lock")
# Files of earlier versions that are no longer read.
FORMER = (Path("data/params.valid"), Path("results/.resume"))

# Runs DVC in a process that ends when ours does, for whatever reason. DVC parses params.yaml once for each stage, and
# looking for cycles among so many small objects takes a tenth of a run that finds nothing to do.
# Its messages on stages that did not change, and its hints on git, are left out: warnings and errors are not.
BOOT = (
    "import gc, logging, sys; gc.set_threshold(100_000); from groundwork.processes import follow;"
    "follow(int(sys.argv.pop(1))); from dvc.cli import main; level = int(sys.argv.pop(1));"
    "[logging.getLogger(name).setLevel(level) for name in ('dvc', 'dvc_data', 'dvc_objects')];"
    "from dvc.ui import ui; ui.enable = ui.enable if level <= logging.INFO else lambda: None;"
    "sys.exit(main(sys.argv[1:]))"
)


def repro(settings: "Params", lane_names: list[str] | None, results: Path, *, verbose: bool = False) -> None:
    """Reproduce `lane_names`, or all lanes, then compare their experiments and print the paths of the results.

    Each stage that runs is named, with what it says; `verbose` adds what DVC says of every stage.

    Raises
    ------
    UserError
        If params.yaml is invalid or has no such lane, or the folder is not a usable checkout.
    typer.Exit
        With 128 plus the signal's number after a signal (130 after Ctrl-C), with 2 if a stage failed.
    """
    from groundwork.checkout import require_checkout
    from groundwork.experiments import lockfile
    from groundwork.experiments.dvcfiles import BLEND, dvc_name
    from groundwork.experiments.leaderboard import leaderboard
    from groundwork.experiments.replaced import replaced
    from groundwork.files import taking_turns
    from groundwork.reporting.page import report
    from groundwork.stages.validate import validate, write_fingerprints

    require_checkout()
    selected = list(lane_names or settings.names)
    for lane_name in selected:
        settings.lane(lane_name)
    validate(settings)
    # Not DVC's stage `report`: it shows all lanes, so DVC would run every lane first, and it has no outputs to record.
    # A stage's name alone means all lanes; DVC reads dvc.yaml and dvc.lock once for each target.
    last, blends = ["baselines", "evaluate", "submission"], settings.blends
    chosen = [name for name in lane_names or blends if name in blends]
    targets = [f"{stage}@{name}" for name in lane_names or () if name not in blends for stage in last]
    targets = [*(targets if lane_names else last), *(dvc_name(BLEND, name) for name in chosen)]
    doing = " ".join(["groundwork repro", *(lane_names or ())])
    with taking_turns(BUSY, doing), tempfile.TemporaryDirectory() as folder:
        messages = Path(folder)
        for line in (*lockfile.repair(), *_clear_former()):
            typer.echo(line, err=True)
        write_fingerprints(settings)
        (messages / VALIDATED).touch()
        lanes = {lane_name for name in selected for lane_name in settings.lanes_of(name)}
        again = {f"fetch@{name}": path for name, path in replaced(settings).items() if name in lanes}
        for stage, path in again.items():
            typer.echo(f"{path}: is not the file that the lane was fetched from: {stage} runs again", err=True)
        # Forced: without it DVC restores the former archive from its cache.
        level = logging.INFO if verbose else logging.WARNING
        code = _dvc(messages, level, "repro", "--force", "--single-item", *again) if again else 0
        code = _dvc(messages, level, "repro", "--keep-going", *targets) or code
        if not code and {*_begun(messages)} <= {VALIDATE}:
            typer.echo("nothing changed: the results are those of these settings, data and code")
        if not code:
            report(results / "report" / "index.html")
        for line in lockfile.repair():
            typer.echo(line, err=True)
        stale = _remove_stale_entries(settings)
        lockfile.keep()
        if code or stale:
            _explain(messages, stale)
        if (messages / STOPPED).exists():
            typer.echo("stopped; run the same command to continue", err=True)
            raise typer.Exit(128 + int((messages / STOPPED).read_text()))
        if code or stale:
            raise typer.Exit(2)
    typer.echo()
    leaderboard(selected)
    for lane_name in selected:
        sample = settings.lane(lane_name).source == "sample"
        next_step = (
            "made of a sample; for Kaggle set `source: kaggle`" if sample else f"`groundwork submit {lane_name}`"
        )
        typer.echo(f"submission  {results / lane_name / 'submission.csv'}  ({next_step})")
    typer.echo(f"report      {results / 'report' / 'index.html'}")


def begin_stage() -> None:
    """Note in the messages of `groundwork repro`, if it runs above, that a stage has begun.

    Raises
    ------
    typer.Exit
        With 130 if somebody has stopped `groundwork repro`: DVC would start the next stage.
    """
    if messages := os.environ.get(MESSAGES):
        if Path(messages, STOPPED).exists():
            raise typer.Exit(130)
        if name := os.environ.get("DVC_STAGE"):
            with Path(messages, BEGUN).open("a", encoding="utf-8") as file:
                file.write(f"{name}\n")
            if name != VALIDATE:
                typer.echo(f"· {name}")


def _explain(messages: Path, stale: list[str]) -> None:
    """Print why stages failed, and what happened to their earlier outputs."""
    from groundwork.experiments.outs import restore

    errors = messages / ERRORS
    causes = [*(errors.read_text(encoding="utf-8").splitlines() if errors.exists() else []), *stale]
    typer.echo("\nNot every stage succeeded.", err=True)
    for line in restore(dict.fromkeys(_begun(messages))):
        typer.echo(line, err=True)
    for line in causes or ["see DVC's message above"]:
        typer.echo(line, err=True)


def _begun(messages: Path) -> list[str]:
    """Return the names of the stages that have begun."""
    return (messages / BEGUN).read_text(encoding="utf-8").split() if (messages / BEGUN).exists() else []


def _remove_stale_entries(settings: "Params") -> list[str]:
    """Remove entries of dvc.lock whose inputs changed while the stage ran; return an error message for each."""
    from groundwork.experiments import lockfile, seal
    from groundwork.experiments.dvcfiles import locked, with_members

    lock = locked()
    changed = {}
    for name in settings.names:
        for stage in with_members(name, settings.members).values():
            if names := seal.wrongly_recorded(lock, stage):
                changed[stage.name] = names
    if changed:
        lockfile.forget(list(changed))
    return [
        f"error: {name}: edited just when it ended: {', '.join(names[:5])}; dvc.lock would have recorded the edited "
        "state\n  -> run the same command again: the entry is removed from dvc.lock"
        for name, names in changed.items()
    ]


def _clear_former() -> list[str]:
    """Remove files of earlier versions next to DVC's outputs; return one line that says so."""
    former = [path for path in FORMER if path.exists()]
    for path in former:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    if not former:
        return []
    return [
        f"removed files of an earlier version of Groundwork: {', '.join(map(str, former))}; every stage runs again "
        "once, because its code has changed"
    ]


def _dvc(messages: Path, level: int, *arguments: str) -> int:
    """Run DVC, whose stages write their errors into `messages`, and which logs from `level`; return its exit code."""
    # The stages' commands find `groundwork` next to this interpreter, whether or not its environment is activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, MESSAGES: str(messages), MAIN: str(os.getpid())}
    command = [sys.executable, "-c", BOOT, str(os.getpid()), str(level), *arguments]
    with _signals_noted(messages) as received:
        process = subprocess.Popen(command, env=environment)
        patience = GRACE
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=0.5)
            if received and time.monotonic() - received[-1] > patience:
                # A process that has not ended by now did not get the signal, or hangs.
                _end_all_below(os.getpid(), [])
                patience *= 2


@contextmanager
def _signals_noted(messages: Path) -> Iterator[Sequence[float]]:
    """Record Ctrl-C, TERM and HUP for the stages, and yield the times at which they arrived.

    A terminal sends Ctrl-C to the stages as well. The other two may arrive at this process only: they are forwarded to
    the stages, and DVC ends once its stage has ended.
    """
    received: list[float] = []

    def note(number: int, _: Any) -> None:
        received.append(time.monotonic())
        # DVC continues with the next lane, whose stages see this file and exit.
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
    """Terminate all descendants of `pid` except those in `spared`."""
    import psutil

    with suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            if process.pid not in spared:
                with suppress(psutil.Error):
                    process.terminate()
