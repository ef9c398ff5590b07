"""Starts and ends W&B runs on this machine, and never delays a training by more than 10 s in all."""

import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from groundwork.files import is_full, strerror
from groundwork.locks import locked
from groundwork.tracking import journal
from groundwork.tracking.artifacts import publish
from groundwork.tracking.server import first_line, offline_reason, without_invalid_address

if TYPE_CHECKING:
    import wandb

Mode = Literal["offline", "online", "disabled"]

# Together, these limit what an unresponsive server can cost a training. W&B's defaults are 101 s at the start and over
# 240 s at the end.
INIT_SECONDS = 4.0
FINISH_SECONDS = 3.0
# W&B's limit does not count for tables and artifacts, for which it would ask a dead server for ten minutes.
HARD_SECONDS = 3.5
# Limits what a full disk can cost; W&B normally writes the end of a run within hundredths of a second.
WRITE_SECONDS = 2.0

# Its values that are not the user's.
DATA_DIR = "WANDB_DATA_DIR"
_set_here: set[str | None] = {None, ""}

LOCK = "training.lock"
FREE = "free some space (`df -h wandb`)"
LATER = "`groundwork sync` sends it later"


class _StoppedError(TimeoutError):
    """W&B's background process was ended."""


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


def start_run(
    project: str, mode: Mode, root: Path, warn: FirstWarning, *, load: bool = False, **details: Any
) -> "wandb.Run | None":
    """Start a run. Fall back from online to offline; return None if no run can be started at all.

    `load` logs the load of the machine, and what it is.
    """
    if mode == "disabled":
        return None
    problem = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        # A run that is continued has a folder already.
        same_id = f"run-*-{details['id']}"
        before = {*(root / "wandb").glob(same_id)}
        if mode == "online":
            try:
                problem = offline_reason()
                if problem is None:
                    return _init(project, "online", root, load, **details)
            except Exception as error:
                problem = first_line(error)
                forget({*(root / "wandb").glob(same_id)} - before)
        with without_invalid_address():
            run = _init(project, "offline", root, load, **details)
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


def _init(project: str, mode: Mode, root: Path, load: bool, **details: Any) -> "wandb.Run":
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
        x_disable_machine_info=not load,
        x_disable_stats=not load,
        x_save_requirements=False,
        init_timeout=INIT_SECONDS,
        finish_timeout=FINISH_SECONDS,
        finish_timeout_raises=True,
    )
    # Tables and artifacts wait here until they are sent. By default that would be a folder of the user's home, which
    # another disk may hold, and which `rm -r wandb` would not empty.
    if os.environ.get(DATA_DIR) in _set_here:
        os.environ[DATA_DIR] = str(root.absolute() / "wandb")
        _set_here.add(os.environ[DATA_DIR])
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
        # Tables are artifacts, too.
        run.log_artifact = partial(publish, run)  # type: ignore[method-assign, assignment]  # W&B's own waits
        return run
    finally:
        logging.raiseExceptions = previous


def forget(folders: Iterable[Path]) -> None:
    """Delete online runs that failed to start or to end, so that an offline run can take their id."""
    _end_service()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def finish_run(run: "wandb.Run", warn: FirstWarning, exit_code: int) -> bool:
    """End a run, and mark it as sent if the server has all of it.

    Returns
    -------
    bool
        False where W&B had to be stopped while the end of the run was not yet written: it must be written again.
    """
    folder = Path(run.settings.sync_dir)
    try:
        _finish(run, exit_code)
        if not _wait_until_complete(folder):
            # W&B's background process does not report a full disk.
            reason = f" ({strerror(disk_error)})" if (disk_error := is_full(folder)) else ""
            warn(f"{folder}: the end of this run could not be written{reason}; {FREE}")
        if folder.name.startswith("offline-"):
            return True
        # A key that is revoked during the run raises no exception: W&B only writes it into its log.
        if '"level":"ERROR"' in (folder / "logs" / "debug-internal.log").read_text(encoding="utf-8"):
            warn(f"the server did not take the whole run; {LATER}")
        else:
            mark_sent(folder)
    except TimeoutError as error:
        warn(f"the server did not take the whole run in time; {LATER}")
        # W&B's background process may still be writing: wait for it before `sync` may read the run.
        return journal.is_whole(folder) if isinstance(error, _StoppedError) else _wait_until_complete(folder)
    except Exception as error:
        warn(f"the run did not finish ({first_line(error)}); {LATER}")
    return True


def _finish(run: "wandb.Run", exit_code: int) -> None:
    """Finish a run; raise `TimeoutError` where W&B gives up, or does not within `HARD_SECONDS` and is stopped."""
    errors: list[BaseException] = []

    def finish() -> None:
        try:
            run.finish(exit_code=exit_code)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=finish, daemon=True)
    thread.start()
    thread.join(HARD_SECONDS)
    if thread.is_alive():
        _end_service()
        raise _StoppedError
    if errors:
        raise errors[0]


def _end_service() -> None:
    """End W&B's background process, for which this process would wait at its own end, too."""
    import psutil
    import wandb

    for child in psutil.Process().children():
        with suppress(psutil.Error):  # it may end by itself
            if child.name().startswith("wandb-core"):
                child.kill()
    # It reports the end of its process as an exit, and in its log.
    logging.getLogger("wandb.sdk.lib.asyncio_manager").setLevel(logging.CRITICAL)
    with suppress(Exception, SystemExit):
        wandb.teardown()


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
