"""Processes that end together: a command, DVC below it, the stages below that."""

import os
import signal
import threading
import time
from pathlib import Path

# Names the process of the main job in the environment of all that it starts.
MAIN = "GROUNDWORK_MAIN"
LOOK_EVERY = 0.2
# What a process may take to end by itself: W&B's limits are below it.
GRACE = 15.0


def follow(pid: int) -> None:
    """End this process soon after the process `pid` has ended, whatever it was killed by."""
    threading.Thread(target=_follow, args=(pid,), name="follow", daemon=True).start()


def follow_parents() -> None:
    """End this process when DVC, which started it, ends; and when the main job does, which started DVC."""
    if "DVC_STAGE" in os.environ:
        follow_parent(os.getppid())
    if main := os.environ.get(MAIN):
        follow(int(main))


def follow_parent(parent: int) -> None:
    """End this process soon after its parent, which is `parent` now, has ended."""
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
    """Whether there is such a process; one that has ended and was not yet waited for does not count."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return status.rpartition(")")[2].split()[0] not in "ZX"
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    except OSError:
        return True  # there is such a process, and no /proc to look closer
