"""Ends processes: a stage when DVC ends, DVC when the command that started it ends, and all of them by one Ctrl-C."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

# Environment variable with the process id of `groundwork repro`, for all processes that it starts.
MAIN = "GROUNDWORK_MAIN"
LOOK_EVERY = 0.2
# Seconds that a process may take to end by itself; W&B's timeouts are shorter.
GRACE = 15.0


def keep_ctrl_c() -> None:
    """Let a Ctrl-C that arrives in a destructor arrive again a moment later: Python would print it and go on."""
    print_it = sys.unraisablehook

    def again(dropped: "sys.UnraisableHookArgs") -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            print_it(dropped)
            return
        # At its end, Python starts no thread, and has nothing left to stop.
        with suppress(RuntimeError):
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()

    sys.unraisablehook = again


def follow(pid: int) -> None:
    """End this process soon after the process `pid` has ended, for whatever reason."""
    threading.Thread(target=_follow, args=(pid,), name="follow", daemon=True).start()


def follow_parents() -> None:
    """End this process when DVC, its parent, ends, or when `groundwork repro`, the parent of DVC, ends."""
    if "DVC_STAGE" in os.environ:
        follow_parent(os.getppid())
    if main := os.environ.get(MAIN):
        follow(int(main))


def follow_parent(parent: int) -> None:
    """End this process soon after its current parent `parent` has ended."""
    threading.Thread(target=_follow_parent, args=(parent,), name="follow", daemon=True).start()


def _follow(pid: int) -> None:
    while is_alive(pid):
        time.sleep(LOOK_EVERY)
    _end()


def _follow_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY)
    _end()


def _end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(2.0)
    os._exit(128 + signal.SIGTERM)


def is_alive(pid: int) -> bool:
    """Return whether the process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return status.rpartition(")")[2].split()[0] not in "ZX"
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    except OSError:
        return True  # the process exists, and there is no /proc to tell whether it is a zombie
