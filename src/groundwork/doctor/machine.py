"""What the machine has: commands, packages, room, a GPU."""

import platform
import shutil
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from groundwork.doctor.place import Line, Place, not_private
from groundwork.experiments import lockfile

GIGABYTE = 1e9
ROOM, LITTLE_ROOM = 10 * GIGABYTE, 2 * GIGABYTE  # PyTorch's CUDA build alone takes 5


def python(_: Place) -> Line:
    """Look at the Python that runs this; an older one than we need would not have come so far."""
    alone = ", in an environment of its own" if sys.prefix != sys.base_prefix else ""
    return Line("Python", "ok", platform.python_version() + alone)


def dvc(place: Place) -> Line:
    """Look for DVC, and whether the shell finds what the environment holds."""
    if not find_spec("dvc"):
        return Line("DVC", "wrong", "not installed", "dvc", "make setup")
    found = version("dvc")
    if not (place.repository / ".dvc").is_dir():
        return Line("DVC", "wrong", "no folder .dvc", "the root of the repository", "cd to where dvc.yaml lies")
    if problems := lockfile.problems(place.repository):
        return Line("DVC", "wrong", "; ".join(problems), "files that DVC can read", "groundwork repro: it repairs them")
    if missing := [name for name in ("dvc", "groundwork") if not place.command(name)]:
        found, step = f"{found}; the shell does not find {' and '.join(missing)}", ". .venv/bin/activate"
        return Line("DVC", "advice", found, "the environment, activated in each shell", step)
    return Line("DVC", "ok", found)


def github(place: Place) -> Line:
    """Look for GitHub's command, and whether it knows who you are."""
    if not place.command("gh"):
        return Line("GitHub", "advice", "gh not installed", "it, for pull requests", "https://cli.github.com")
    hosts = Path(place.environment.get("GH_CONFIG_DIR") or place.home / ".config/gh") / "hosts.yml"
    if problem := not_private("GitHub", hosts, place):
        return problem
    known = hosts.read_text(encoding="utf-8", errors="replace") if hosts.is_file() else ""
    if place.environment.get("GH_TOKEN") or "github.com" in known:
        return Line("GitHub", "ok", "gh, signed in")
    return Line("GitHub", "advice", "gh, not signed in", "an account, for pull requests", "gh auth login")


def disk(place: Place) -> Line:
    """Look at how much room is left."""
    free = shutil.disk_usage(place.repository).free
    found = f"{free / GIGABYTE:.0f} GB free"
    if free >= ROOM:
        return Line("disk", "ok", found)
    step = "du -sh .venv .dvc/cache data results: where it went"
    return Line("disk", "advice" if free >= LITTLE_ROOM else "wrong", found, f"{ROOM / GIGABYTE:.0f} GB", step)


def notebooks(_: Place) -> Line:
    """Look for what opens lessons, and what makes them."""
    needed = ("matplotlib", "jupytext", "nbclient", "ipykernel", "jupyterlab")
    if missing := [name for name in needed if not find_spec(name)]:
        return Line("notebooks", "advice", f"no {', no '.join(missing)}", "what lessons need", "make setup")
    return Line("notebooks", "ok", "they open (jupyter lab notebooks) and can be built (make lessons)")


def torch(place: Place) -> Line:
    """Look for PyTorch and what it computes on; it takes seconds to load, so this comes last."""
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
        return Line("PyTorch", "advice", f"{found} does not reach the GPU", "a build that does", step)
    return Line("PyTorch", "ok", f"{found}, on the CPU: enough for samples and lessons")
