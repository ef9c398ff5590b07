"""Reach the W&B server, and send it the runs that it does not have yet."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from groundwork.errors import UserError
from groundwork.tracking.runs import NO_KEY, is_held, is_sent, offline_reason

STALL_SECONDS = 60.0

HELD_BACK = "run `groundwork sync` again later: the runs are safe in ./wandb"
NEW_KEY = (
    "take the key from your W&B settings page: `export WANDB_API_KEY=…` (or `wandb login`), then `groundwork sync`"
)


def sync(root: Path = Path(".")) -> None:
    """Send every finished run in `root`/wandb that was not sent yet, by the real `wandb sync`.

    Prints what it sends. A run that is still being trained is left alone and named.

    Raises
    ------
    UserError
        If there is no key, the key is wrong, or the server does not answer or stops taking runs for
        `STALL_SECONDS`. What was sent until then stays sent.
    """
    folders = unsent(root)
    running = [folder for folder in folders if is_held(folder)]
    for folder in running:
        print(f"{folder.name}: still training, left for the next `groundwork sync`")
    folders = [folder for folder in folders if folder not in running]
    if not folders:
        print("W&B: nothing to send: every finished run is on the server" if _folders(root) else _nothing(root))
        return
    _require_server()
    with tempfile.TemporaryFile("w+") as output:
        _send(root, folders, output)
        output.seek(0)
        said = output.read()
    left = [folder for folder in folders if not is_sent(folder)]
    if left:
        _explain(len(folders) - len(left), len(folders), said)
    pages = [line.split(" at ")[-1].rsplit("/runs/", 1)[0] for line in said.splitlines() if "/runs/" in line]
    print(f"W&B: sent {_runs(len(folders))}" + (f": {pages[0]}" if pages else ""))


def unsent(root: Path) -> list[Path]:
    """Run folders below `root`/wandb that the server does not have whole, oldest first."""
    return [folder for folder in _folders(root) if not is_sent(folder)]


def _require_server() -> None:
    import wandb

    try:
        trouble = offline_reason()
    except wandb.errors.AuthenticationError as error:
        raise UserError(f"W&B: {error}", NEW_KEY) from None
    if trouble is not None:
        raise UserError(f"W&B: {trouble}", NEW_KEY if trouble == NO_KEY else f"check the network, then {HELD_BACK}")


def _send(root: Path, folders: list[Path], output: IO[str]) -> None:
    """Run `wandb sync` on `folders` until it ends or nothing has arrived for `STALL_SECONDS`."""
    paths = [str(folder.resolve()) for folder in folders]
    command = [sys.executable, "-m", "wandb", "sync", "--include-online", *paths]
    # A prompt cannot be answered, and messages are wanted whatever the shell says.
    settings = {"WANDB_MODE": "online", "WANDB_SILENT": "false", "WANDB_ERROR_REPORTING": "false"}
    process = subprocess.Popen(
        command, cwd=root, env={**os.environ, **settings}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
    )
    waiting, last = list(folders), time.monotonic()
    print(f"W&B: sending {_runs(len(folders))}", flush=True)
    try:
        while waiting and time.monotonic() - last < STALL_SECONDS:
            ended = process.poll() is not None
            for folder in [folder for folder in waiting if is_sent(folder)]:
                waiting.remove(folder)
                last = time.monotonic()
                print(f"  {len(folders) - len(waiting)}/{len(folders)} {folder.name}", flush=True)
            if ended:
                break
            time.sleep(0.1)
        if not waiting:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
    finally:
        process.kill()
        process.wait()


def _explain(sent: int, wanted: int, said: str) -> None:
    """Raise what kept `wandb sync` from sending all runs; its exit status is 0 even for a wrong key."""
    lines = [line.removeprefix("wandb: ").strip() for line in said.splitlines() if "detailed error logs" not in line]
    errors = [line[6:].strip() for line in lines if line.upper().startswith("ERROR")]
    problem = f"W&B: {sent} of {wanted} runs sent, then: {errors[0] if errors else 'the server took no more'}"
    refused = any(word in problem.lower() for word in ("not logged in", "401", "403", "permission", "api key"))
    raise UserError(problem, NEW_KEY if refused else HELD_BACK)


def _folders(root: Path) -> list[Path]:
    folders = [file.parent for file in (root / "wandb").glob("*run-*/run-*.wandb") if not file.parent.is_symlink()]
    return sorted(folders, key=lambda folder: folder.name.removeprefix("offline-"))


def _nothing(root: Path) -> str:
    return f"W&B: no runs in {root / 'wandb'}; `make repro` trains and tracks some"


def _runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"
