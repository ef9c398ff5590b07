"""Sends the W&B server the runs that it does not have yet."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from groundwork.errors import UserError
from groundwork.tracking.journal import is_sendable, is_whole
from groundwork.tracking.runs import is_held, is_sent, mark_sent
from groundwork.tracking.server import ADDRESS, NO_ADDRESS, NO_KEY, first_line, offline_reason

STALL_SECONDS = 60.0
# W&B's background process may outlive the training process; it writes a run within seconds.
YOUNG_SECONDS = 60.0

# Messages of `wandb sync` for a run whose file was cut off, and for a run that it cannot read at all.
INCOMPLETE, UNREADABLE = "incomplete record", "Failed to read"

HELD_BACK = "run `groundwork sync` again later: the runs are safe in ./wandb"
NEW_KEY = (
    "take the key from your W&B settings page: `export WANDB_API_KEY=…` (or `wandb login`), then `groundwork sync`"
)


def sync(root: Path = Path(".")) -> None:
    """Send every finished run in `root`/wandb that was not sent yet, by `wandb sync`.

    Prints what it sends. Skips and names runs that are still being trained.

    Raises
    ------
    UserError
        If there is no key, the key is wrong, the server does not answer or stops taking runs for `STALL_SECONDS`, or a
        killed process left an unreadable run; all other runs are sent in that case. Runs already sent stay sent.
    """
    folders = unsent(root)
    running = [folder for folder in folders if is_held(folder)]
    for folder in running:
        print(f"{folder.name}: still training, left for the next `groundwork sync`")
    folders = [folder for folder in folders if folder not in running]
    if not folders:
        print("W&B: nothing to send: every finished run is on the server" if _folders(root) else _no_runs(root))
        return
    require_server()
    # A run that was killed in its first seconds contains nothing to send, and W&B would stop at it.
    empty = [folder for folder in folders if not is_sendable(folder)]
    folders = [folder for folder in folders if folder not in empty]
    # Do not advise deleting a run that may still be written.
    for folder in [folder for folder in empty if time.time() - folder.stat().st_mtime < YOUNG_SECONDS]:
        empty.remove(folder)
        print(f"{folder.name}: has no records yet, left for the next `groundwork sync`")
    whole = [folder for folder in folders if is_whole(folder)]
    output = _send(root, whole) if whole else ""
    unreadable = []
    # W&B does not mark an incomplete run as sent, and stops at the first unreadable one: send each of these separately,
    # except complete runs that were partly sent just now, which W&B would send twice.
    for folder in [
        folder for folder in _not_sent(folders) if folder not in whole or not any(folder.glob("*.syncstate"))
    ]:
        if _is_refusal(output) or (folder in whole and UNREADABLE not in output):
            break
        output = _send(root, [folder])
        if UNREADABLE in output:
            unreadable.append(folder)
        elif INCOMPLETE in output:
            # Its process is dead, so nothing more will follow.
            mark_sent(folder)
        if is_sent(folder) and folder not in whole:
            print(f"  {folder.name}: was cut off when its process was killed; sent as far as it goes")
    left = [folder for folder in _not_sent(folders) if folder not in unreadable]
    if left:
        _explain(len(folders) - len(left), len(folders), output)
    _clean(root)
    sent = len(folders) - len(unreadable)
    pages = [line.split(" at ")[-1].rsplit("/runs/", 1)[0] for line in output.splitlines() if "/runs/" in line]
    if sent > 0:
        print(f"W&B: sent {_runs(sent)}" + (f": {pages[0]}" if pages else ""))
    if damaged := sorted([*empty, *unreadable]):
        raise UserError(
            f"W&B: {_runs(len(damaged))} cannot be sent; all others are on the server:\n"
            + "\n".join(f"{folder}: contains no run that can be read" for folder in damaged),
            f"delete what a killed process left: `rm -r {shlex.join(map(str, damaged))}`",
        )


def _clean(root: Path) -> None:
    """Delete what tables and artifacts had left to be sent, once no run is left to be sent."""
    if unsent(root):
        return
    for file in (root / "wandb" / "artifacts" / "staging").glob("*"):
        # That of a run which starts just now is young.
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > YOUNG_SECONDS:
                file.unlink()


def _not_sent(folders: list[Path]) -> list[Path]:
    return [folder for folder in folders if not is_sent(folder)]


def unsent(root: Path) -> list[Path]:
    """Return the run folders below `root`/wandb that the server does not have completely, oldest first."""
    return [folder for folder in _folders(root) if not is_sent(folder)]


def require_server(command: str = "groundwork sync") -> None:
    """Refuse to go on without a server that answers and a key; messages name the command to type then.

    Raises
    ------
    UserError
        With what is missing.
    """
    import wandb
    from pydantic import ValidationError

    new_key = NEW_KEY.replace("groundwork sync", command)
    try:
        problem = offline_reason()
    except wandb.errors.AuthenticationError as error:
        raise UserError(f"W&B: {error}", new_key) from None
    except ValidationError as error:
        step = f"unset or fix that WANDB_… variable, then `{command}`"
        raise UserError(f"W&B: invalid settings: {first_line(error)}", step) from None
    if problem is not None:
        steps = {
            NO_KEY: new_key,
            NO_ADDRESS: f"`unset {ADDRESS}`, or set it to your server's address, then `{command}`",
        }
        later = HELD_BACK.replace("groundwork sync", command)
        raise UserError(f"W&B: {problem}", steps.get(problem, f"check the network, then {later}"))


def _send(root: Path, folders: list[Path]) -> str:
    """Run `wandb sync` on `folders` until it ends or makes no progress for `STALL_SECONDS`; return its output."""
    with tempfile.TemporaryFile("w+") as output:
        _run_sync(root, folders, output)
        output.seek(0)
        return output.read()


def _run_sync(root: Path, folders: list[Path], output: IO[str]) -> None:
    paths = [str(folder.resolve()) for folder in folders]
    command = [sys.executable, "-m", "wandb", "sync", "--include-online", *paths]
    # A prompt could not be answered, and the messages are needed whatever the shell's variables say.
    settings = {"WANDB_MODE": "online", "WANDB_SILENT": "false", "WANDB_ERROR_REPORTING": "false"}
    process = subprocess.Popen(
        command, cwd=root, env={**os.environ, **settings}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
    )
    pending, last = list(folders), time.monotonic()
    print(f"W&B: sending {_runs(len(folders))}", flush=True)
    try:
        while pending and time.monotonic() - last < STALL_SECONDS:
            ended = process.poll() is not None
            for folder in [folder for folder in pending if is_sent(folder)]:
                pending.remove(folder)
                last = time.monotonic()
                print(f"  {len(folders) - len(pending)}/{len(folders)} {folder.name}", flush=True)
            if ended:
                break
            time.sleep(0.1)
        if not pending:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
    finally:
        process.kill()
        process.wait()


def _explain(sent: int, total: int, output: str) -> None:
    """Raise the reason why `wandb sync` did not send all runs; its exit status is 0 even for a wrong key."""
    lines = [line.removeprefix("wandb: ").strip() for line in output.splitlines() if "detailed error logs" not in line]
    errors = [line[6:].strip() for line in lines if line.upper().startswith("ERROR")]
    problem = f"W&B: {sent} of {total} runs sent, then: {errors[0] if errors else 'the server took no more'}"
    raise UserError(problem, NEW_KEY if _is_refusal(problem) else HELD_BACK)


def _is_refusal(output: str) -> bool:
    # Whole numbers: a folder's name has the time, and a run of 04:03 is no refusal.
    return re.search(r"not logged in|\b40[13]\b|permission|api key", output.lower()) is not None


def _folders(root: Path) -> list[Path]:
    folders = [file.parent for file in (root / "wandb").glob("*run-*/run-*.wandb") if not file.parent.is_symlink()]
    return sorted(folders, key=lambda folder: folder.name.removeprefix("offline-"))


def _no_runs(root: Path) -> str:
    return f"W&B: no runs in {root / 'wandb'}; `make repro` trains and tracks some"


def _runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"
