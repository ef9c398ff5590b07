"""The processes of a data-parallel training: no more on a CPU than it has cores, and none outlives the first one."""

import os

from groundwork.errors import UserError
from groundwork.processes import follow_parent
from groundwork.settings import Hardware

# Holds the first process's id, for those that Lightning starts: they inherit its environment.
FIRST = "GROUNDWORK_FIRST_PROCESS"


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_count(hardware: Hardware, accelerator: str) -> None:
    """Refuse more processes on a CPU than it has cores: each computes with all its might.

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
    """Tell the processes that Lightning starts who the first one is; in one of them, watch it, and end when it is gone.

    Whoever kills the first process (the out-of-memory killer, `kill -9`) leaves the others waiting for it, for up to
    half an hour. Asking for the parent's id works on every POSIX system; a signal at the parent's death does on Linux.
    """
    first = os.environ.get(FIRST)
    if not int(os.environ.get("LOCAL_RANK", "0")):
        os.environ[FIRST] = str(os.getpid())
    elif first:
        follow_parent(int(os.environ.pop(FIRST)))
