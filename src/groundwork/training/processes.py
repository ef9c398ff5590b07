"""Limits the processes of data-parallel training to the CPU's cores, and ends them when the first process ends."""

import os

from groundwork.errors import UserError
from groundwork.processes import follow_parent
from groundwork.settings import Hardware

# The environment variable with the first process's id, which the processes that Lightning starts inherit.
FIRST = "GROUNDWORK_FIRST_PROCESS"


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_count(hardware: Hardware, accelerator: str) -> None:
    """Refuse more processes on a CPU than it has cores, since each process uses a core fully.

    Raises
    ------
    UserError
        If ``hardware.devices`` is larger than the number of cores and training runs on a CPU.
    """
    if accelerator == "cpu" and isinstance(hardware.devices, int) and hardware.devices > cores():
        raise UserError(
            f"params.yaml: hardware.devices: found {hardware.devices}; expected {cores()} or less: training runs on a "
            f"CPU, where each device is a process, and this machine gives it {cores()} cores",
            "set hardware.devices to auto (one process that uses all cores) in params.yaml",
        )


def end_with_the_first() -> None:
    """Pass the first process's id to those that Lightning starts; in one of those, end when the first process ends.

    If the first process is killed (by the out-of-memory killer or `kill -9`), the others would wait for it for up to
    half an hour. Polling the parent's id works on every POSIX system; a signal at the parent's death only on Linux.
    """
    first = os.environ.get(FIRST)
    if not int(os.environ.get("LOCAL_RANK", "0")):
        os.environ[FIRST] = str(os.getpid())
    elif first:
        follow_parent(int(os.environ.pop(FIRST)))
