"""W&B runs on this machine: started, ended, read back, and never waited for longer than 9 s in all."""

import fcntl
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from groundwork.files import is_full, strerror
from groundwork.tracking import journal
from groundwork.tracking.server import first_line, offline_reason, without_an_address_that_is_none

if TYPE_CHECKING:
    import wandb

Mode = Literal["offline", "online", "disabled"]

# Added up, all that a server which does not answer can cost a training. W&B's own defaults wait 101 s at
# the start and over 240 s at the end.
INIT_SECONDS = 4.0
FINISH_SECONDS = 3.0
# What a full disk can cost: the end of a run follows within hundredths of a second.
WRITE_SECONDS = 2.0

LOCK = "training.lock"
FREE = "free some space (`df -h wandb`)"
LATER = "`groundwork sync` sends it later"


class OneWarning:
    """Says the first thing it is called with, on stderr."""

    def __init__(self) -> None:
        self._said = False

    def __call__(self, text: str) -> None:
        """Print `text`, unless something was printed before."""
        if not self._said:
            self._said = True
            print(f"warning: W&B: {text}", file=sys.stderr, flush=True)


def choose_mode(settings: Mode, warn: OneWarning) -> Mode:
    """WANDB_MODE, which W&B itself puts before everything, or what the settings say."""
    wanted = os.environ.get("WANDB_MODE", "").strip().lower() or settings
    modes: dict[str, Mode] = {mode: mode for mode in ("offline", "online", "disabled")}
    modes |= {"dryrun": "offline", "run": "online"}
    if wanted in modes:
        return modes[wanted]
    warn(f"WANDB_MODE is {wanted!r}, expected online, offline or disabled; going on {settings}")
    # W&B would refuse to start.
    os.environ["WANDB_MODE"] = settings
    return settings


def start_run(project: str, mode: Mode, root: Path, warn: OneWarning, **details: Any) -> "wandb.Run | None":
    """Start a run; offline if it was to be online and cannot be; None if it cannot be at all."""
    if mode == "disabled":
        return None
    trouble = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        if mode == "online":
            try:
                trouble = offline_reason()
                if trouble is None:
                    return _init(project, "online", root, **details)
            except Exception as error:
                trouble = first_line(error)
                _forget(root, details["id"])
        with without_an_address_that_is_none():
            run = _init(project, "offline", root, **details)
    except Exception as error:
        reasons = "; ".join(dict.fromkeys(reason for reason in (trouble, first_line(error)) if reason))
        warn(f"this run is not tracked ({reasons}); training goes on")
        return None
    # Whether it is kept is known only now.
    folder = Path(run.settings.sync_dir)
    if not folder.is_relative_to(root.absolute() / "wandb"):
        warn(f"{root / 'wandb'} cannot be written; this run is kept in {folder}, where `groundwork sync` does not look")
    elif refused := is_full(folder):
        warn(f"{folder}: {strerror(refused)}; this run is not kept whole, {FREE}; training goes on")
    elif trouble:
        warn(f"{trouble}; this run is kept offline, {LATER}")
    return run


def _init(project: str, mode: Mode, root: Path, **details: Any) -> "wandb.Run":
    # W&B's reports on its own errors would be sent from offline runs too, and waited for at the end.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    settings = wandb.Settings(
        silent=True,
        program="groundwork",
        # Capturing the progress bar is the largest cost of a small training.
        console="off",
        # Nothing but what the caller hands over leaves the machine: no arguments, no paths, no diff, no code.
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
    # W&B's second process writes the run, and stays in the folder that this one was in when its first run began: what
    # it is to write by a relative path from another folder is lost without a word.
    folder = str(root.absolute())
    # W&B's own log must not print a traceback when its disk is full.
    before, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        run = wandb.init(
            project=project, mode=mode, dir=folder, reinit="create_new", save_code=False, settings=settings, **details
        )
        for handler in logging.getLogger("wandb").handlers:
            handler.handleError = lambda record: None  # type: ignore[method-assign]  # of this one handler
        return run
    finally:
        logging.raiseExceptions = before


def _forget(root: Path, run_id: str) -> None:
    """Clear away a run that failed to start, so that an offline one may take its id."""
    import wandb

    wandb.teardown()
    for folder in (root / "wandb").glob(f"run-*-{run_id}"):
        shutil.rmtree(folder, ignore_errors=True)


def finish_run(run: "wandb.Run", warn: OneWarning, exit_code: int) -> None:
    """End a run; mark it as sent if every part of it was."""
    folder = Path(run.settings.sync_dir)
    try:
        run.finish(exit_code=exit_code)
        if not _becomes_whole(folder):
            # W&B's second process meets the full disk, and says nothing.
            reason = f" ({strerror(refused)})" if (refused := is_full(folder)) else ""
            warn(f"{folder}: the end of this run could not be written{reason}; {FREE}")
        if folder.name.startswith("offline-"):
            return
        # A key withdrawn during the run raises nothing: W&B writes it into its log alone.
        if '"level":"ERROR"' in (folder / "logs" / "debug-internal.log").read_text(encoding="utf-8"):
            warn(f"the server did not take the whole run; {LATER}")
        else:
            mark_sent(folder)
    except TimeoutError:
        # W&B's second process still writes: the run is let go of, for `sync` too, once it is there.
        _becomes_whole(folder)
        warn(f"the server did not take the whole run within {FINISH_SECONDS:.0f} s; {LATER}")
    except Exception as error:
        warn(f"the run did not finish ({first_line(error)}); {LATER}")


def _becomes_whole(folder: Path) -> bool:
    """Wait until the run is written to its end: W&B's second process does so a moment after `finish`."""
    end = time.monotonic() + WRITE_SECONDS
    while not journal.is_whole(folder) and time.monotonic() < end:
        time.sleep(0.02)
    return journal.is_whole(folder)


def mark_sent(folder: Path) -> None:
    """Leave the mark that `wandb sync` leaves (and skips by) beside the run file in `folder`."""
    for file in folder.glob("run-*.wandb"):
        file.with_suffix(".wandb.synced").touch()


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Read all that a local run folder holds with W&B's own reader, in the order it was written.

    Raises
    ------
    OSError
        If the folder holds no run that can be read, in the reader's own words.
    """
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(folder)]
    # Far more than a busy machine takes: only a reader that hangs is cut off.
    with without_an_address_that_is_none():
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"wandb leet inspect: exit status {done.returncode}"]
        # What went wrong is in the last line, whether W&B or Python says it.
        raise OSError(said[-1])
    return [json.loads(line) for line in done.stdout.splitlines()]


def read_back(folder: Path) -> dict[str, Any]:
    """Read project, group, name, config and summary back from a local run folder."""
    records = read_records(folder)
    first = next(record["run"] for record in records if record["type"] == "run")
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


def hold(folder: Path) -> IO[str]:
    """Keep `sync` from sending the run in `folder`, half as it is, until the result is closed or its process dies."""
    lock = (folder / LOCK).open("w")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def is_held(folder: Path) -> bool:
    """Whether some process holds the run in `folder`."""
    try:
        with (folder / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def is_sent(folder: Path) -> bool:
    """Whether the server has the run in `folder` whole."""
    return any(folder.glob("*.wandb.synced"))
