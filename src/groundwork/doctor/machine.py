"""Checks the machine: commands, packages, disk space, GPU."""

import platform
import shutil
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from groundwork.doctor.place import Line, Place, not_private
from groundwork.experiments import lockfile

GIGABYTE = 1e9
ENOUGH_SPACE, LITTLE_SPACE = 10 * GIGABYTE, 2 * GIGABYTE  # PyTorch's CUDA build alone takes 5


def python(_: Place) -> Line:
    """Report the Python version; an unsupported one could not have run this."""
    environment = ", in an environment of its own" if sys.prefix != sys.base_prefix else ""
    return Line("Python", "ok", platform.python_version() + environment)


def dvc(place: Place) -> Line:
    """Check for DVC, and whether the shell finds the environment's commands."""
    if not find_spec("dvc"):
        return Line("DVC", "wrong", "not installed", "dvc", "make setup")
    found = version("dvc")
    if not (place.repository / ".dvc").is_dir():
        return Line("DVC", "wrong", "no folder .dvc", "the root of the repository", "cd to the folder of dvc.yaml")
    if problems := lockfile.problems(place.repository):
        return Line(
            "DVC", "wrong", "; ".join(problems), "files that DVC can read", "groundwork repro, which repairs them"
        )
    if missing := [name for name in ("dvc", "groundwork") if not place.command(name)]:
        found, step = f"{found}; the shell does not find {' and '.join(missing)}", ". .venv/bin/activate"
        return Line("DVC", "advice", found, "the environment, activated in each shell", step)
    return Line("DVC", "ok", found)


def github(place: Place) -> Line:
    """Check for GitHub's command, and whether you are signed in."""
    if not place.command("gh"):
        return Line("GitHub", "advice", "gh not installed", "gh, for pull requests", "https://cli.github.com")
    hosts = Path(place.environment.get("GH_CONFIG_DIR") or place.home / ".config/gh") / "hosts.yml"
    if problem := not_private("GitHub", hosts, place):
        return problem
    known = hosts.read_text(encoding="utf-8", errors="replace") if hosts.is_file() else ""
    if place.environment.get("GH_TOKEN") or "github.com" in known:
        return Line("GitHub", "ok", "gh, signed in")
    return Line("GitHub", "advice", "gh, not signed in", "an account, for pull requests", "gh auth login")


def disk(place: Place) -> Line:
    """Check the free disk space."""
    free = shutil.disk_usage(place.repository).free
    found = f"{free / GIGABYTE:.0f} GB free"
    if free >= ENOUGH_SPACE:
        return Line("disk", "ok", found)
    step = "du -sh .venv .dvc/cache data results shows what uses it"
    return Line("disk", "advice" if free >= LITTLE_SPACE else "wrong", found, f"{ENOUGH_SPACE / GIGABYTE:.0f} GB", step)


def notebooks(_: Place) -> Line:
    """Check for the packages that open and build lessons."""
    needed = ("matplotlib", "jupytext", "nbclient", "ipykernel", "jupyterlab")
    if missing := [name for name in needed if not find_spec(name)]:
        return Line(
            "notebooks", "advice", f"no {', no '.join(missing)}", "the packages that lessons need", "make setup"
        )
    return Line("notebooks", "ok", "they open (jupyter lab notebooks) and can be built (make lessons)")


def torch(place: Place) -> Line:
    """Check for PyTorch and its device. It takes seconds to load, so this check is the last."""
    if not find_spec("torch"):
        return Line("PyTorch", "wrong", "not installed", "torch", "make setup")
    import torch

    found = torch.__version__
    if torch.cuda.is_available():
        return Line("PyTorch", "ok", f"{found}, on {torch.cuda.device_count()} x {torch.cuda.get_device_name()}")
    if torch.backends.mps.is_available():
        return Line("PyTorch", "ok", f"{found}, on Apple's GPU (mps)")
    if place.command("nvidia-smi"):
        step = "`nvidia-smi` shows the driver, https://pytorch.org/get-started/locally the build for it"
        return Line("PyTorch", "advice", f"{found} does not reach the GPU", "a build that reaches it", step)
    return Line("PyTorch", "ok", f"{found}, on the CPU: enough for samples and lessons")
