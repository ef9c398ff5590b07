"""Starts, ends and reads back W&B runs on this machine, and never delays a training by more than 9 s in all."""

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from groundwork.files import is_full, strerror
from groundwork.locks import locked
from groundwork.tracking import journal
from groundwork.tracking.server import first_line, offline_reason, without_invalid_address

if TYPE_CHECKING:
    import wandb

Mode = Literal["offline", "online", "disabled"]

# Together, these limit what an unresponsive server can cost a training. W&B's defaults are 101 s at the start and over
# 240 s at the end.
INIT_SECONDS = 4.0
FINISH_SECONDS = 3.0
# Limits what a full disk can cost; W&B normally writes the end of a run within hundredths of a second.
WRITE_SECONDS = 2.0

LOCK = "training.lock"
FREE = "free some space (`df -h wandb`)"
LATER = "`groundwork sync` sends it later"


class FirstWarning:
    """Prints the first warning that it is called with on stderr, and ignores all later ones."""

    def __init__(self) -> None:
        self._printed = False

    def __call__(self, text: str) -> None:
        """Print `text`, unless a warning was printed before."""
        if not self._printed:
            self._printed = True
            print(f"warning: W&B: {text}", file=sys.stderr, flush=True)


def choose_mode(settings: Mode, warn: FirstWarning) -> Mode:
    """Return the mode in WANDB_MODE, which W&B itself prefers to every setting, or else the mode in the settings."""
    requested = os.environ.get("WANDB_MODE", "").strip().lower() or settings
    modes: dict[str, Mode] = {mode: mode for mode in ("offline", "online", "disabled")}
    modes |= {"dryrun": "offline", "run": "online"}
    if requested in modes:
        return modes[requested]
    warn(f"WANDB_MODE is {requested!r}, expected online, offline or disabled; going on {settings}")
    # W&B would refuse to start.
    os.environ["WANDB_MODE"] = settings
    return settings


def start_run(project: str, mode: Mode, root: Path, warn: FirstWarning, **details: Any) -> "wandb.Run | None":
    """Start a run. Fall back from online to offline; return None if no run can be started at all."""
    if mode == "disabled":
        return None
    problem = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        if mode == "online":
            try:
                problem = offline_reason()
                if problem is None:
                    return _init(project, "online", root, **details)
            except Exception as error:
                problem = first_line(error)
                _forget(root, details["id"])
        with without_invalid_address():
            run = _init(project, "offline", root, **details)
    except Exception as error:
        reasons = "; ".join(dict.fromkeys(reason for reason in (problem, first_line(error)) if reason))
        warn(f"this run is not tracked ({reasons}); training goes on")
        return None
    # Only now is it known whether the run is stored.
    folder = Path(run.settings.sync_dir)
    if not folder.is_relative_to(root.absolute() / "wandb"):
        warn(f"{root / 'wandb'} cannot be written; this run is kept in {folder}, where `groundwork sync` does not look")
    elif disk_error := is_full(folder):
        warn(f"{folder}: {strerror(disk_error)}; this run is not kept whole, {FREE}; training goes on")
    elif problem:
        warn(f"{problem}; this run is kept offline, {LATER}")
    return run


def _init(project: str, mode: Mode, root: Path, **details: Any) -> "wandb.Run":
    # W&B would send its own error reports even from offline runs, and wait for them at the end.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    settings = wandb.Settings(
        silent=True,
        program="groundwork",
        # Capturing the progress bar would be the largest cost of a small training.
        console="off",
        # Only what the caller passes leaves the machine: no arguments, no paths, no diff, no code.
        disable_code=True,
        disable_git=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_disable_stats=True,
        x_save_requirements=False,
        init_timeout=INIT_SECONDS,
        finish_timeout=FINISH_SECONDS,
        finish_timeout_raises=True,
    )
    # W&B's background process writes the run. It keeps the working directory of its first run, so a relative path would
    # lose the run without an error.
    folder = str(root.absolute())
    # W&B's own log must not print a traceback when its disk is full.
    previous, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        run = wandb.init(
            project=project, mode=mode, dir=folder, reinit="create_new", save_code=False, settings=settings, **details
        )
        for handler in logging.getLogger("wandb").handlers:
            handler.handleError = lambda record: None  # type: ignore[method-assign]  # only this handler
        return run
    finally:
        logging.raiseExceptions = previous


def _forget(root: Path, run_id: str) -> None:
    """Delete a run that failed to start, so that an offline run can reuse its id."""
    import wandb

    wandb.teardown()
    for folder in (root / "wandb").glob(f"run-*-{run_id}"):
        shutil.rmtree(folder, ignore_errors=True)


def finish_run(run: "wandb.Run", warn: FirstWarning, exit_code: int) -> None:
    """End a run, and mark it as sent if the server has all of it."""
    folder = Path(run.settings.sync_dir)
    try:
        run.finish(exit_code=exit_code)
        if not _wait_until_complete(folder):
            # W&B's background process does not report a full disk.
            reason = f" ({strerror(disk_error)})" if (disk_error := is_full(folder)) else ""
            warn(f"{folder}: the end of this run could not be written{reason}; {FREE}")
        if folder.name.startswith("offline-"):
            return
        # A key that is revoked during the run raises no exception: W&B only writes it into its log.
        if '"level":"ERROR"' in (folder / "logs" / "debug-internal.log").read_text(encoding="utf-8"):
            warn(f"the server did not take the whole run; {LATER}")
        else:
            mark_sent(folder)
    except TimeoutError:
        # W&B's background process is still writing: wait for it before `sync` may read the run.
        _wait_until_complete(folder)
        warn(f"the server did not take the whole run within {FINISH_SECONDS:.0f} s; {LATER}")
    except Exception as error:
        warn(f"the run did not finish ({first_line(error)}); {LATER}")


def _wait_until_complete(folder: Path) -> bool:
    """Wait until the run is complete: W&B's background process writes its end a moment after `finish`."""
    end = time.monotonic() + WRITE_SECONDS
    while not journal.is_whole(folder) and time.monotonic() < end:
        time.sleep(0.02)
    return journal.is_whole(folder)


def mark_sent(folder: Path) -> None:
    """Create the marker file by which `wandb sync` recognizes and skips a run that was sent."""
    for file in folder.glob("run-*.wandb"):
        file.with_suffix(".wandb.synced").touch()


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Read all records of a local run folder with W&B's own reader, in the order they were written.

    Raises
    ------
    OSError
        If the folder contains no readable run; the message is the reader's.
    """
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(folder)]
    # Far more time than a busy machine needs: only a reader that hangs is stopped.
    with without_invalid_address():
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        message = done.stderr.strip().splitlines() or [f"wandb leet inspect: exit status {done.returncode}"]
        # The last line states the error, whether W&B or Python wrote it.
        raise OSError(message[-1])
    return [json.loads(line) for line in done.stdout.splitlines()]


def read_back(folder: Path) -> dict[str, Any]:
    """Read project, group, name, config and summary back from a local run folder; raise as `read_records` does."""
    records = read_records(folder)
    first = next((record["run"] for record in records if record["type"] == "run"), None)
    if first is None:
        raise OSError(f"{folder}: nothing of a run is in it: it was stopped as it began")
    summary: dict[str, Any] = {}
    for record in records:
        summary |= record.get("summary", {}).get("update", {})
    return {
        "project": first["project"],
        "group": first.get("run_group"),
        "name": first.get("display_name"),
        "config": {key: value for key, value in first["config"]["update"].items() if key != "_wandb"},
        "summary": {key: value for key, value in summary.items() if not key.startswith("_")},
    }


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Lock the unfinished run in `folder` against `sync`, until the block or this process ends."""
    with locked(folder / LOCK, wait=False):
        yield


def is_held(folder: Path) -> bool:
    """Return whether a process has locked the run in `folder`."""
    if not (folder / LOCK).exists():
        return False
    with locked(folder / LOCK, wait=False) as free:
        return not free


def is_sent(folder: Path) -> bool:
    """Return whether the server has all of the run in `folder`."""
    return any(folder.glob("*.wandb.synced"))
