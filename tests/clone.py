"""Makes a repository like a fresh clone, with a lane of two folds and a few epochs, and runs commands in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

LANE = "titanic"
GROUNDWORK = (sys.executable, "-c", "from groundwork.cli import main; main()")
DVC = (sys.executable, "-m", "dvc")

# DVC's shell runs this as `groundwork`, so that the stages use the clone's package and not the installed one.
SCRIPT = f"""#!/bin/sh
exec {sys.executable} -c 'from groundwork.cli import main; main()' "$@"
"""


def make(repository: Path, folder: Path, **training: Any) -> Path:
    """Create the repository in `folder`; `training` changes settings of the lane's training."""
    for name in ("dvc.yaml", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(repository / name, folder / name)
    # With its bytecode, but not with what another process is writing of it now.
    shutil.copytree(repository / "src", folder / "src", ignore=shutil.ignore_patterns("*.pyc.*"))
    params = YAML(typ="safe").load(repository / "params.yaml")
    lane = {**params["competitions"][LANE], "folds": 2}
    lane["training"] = {**lane["training"], "epochs": 12, **training}
    write_params(folder, {**params, "competitions": {LANE: lane}})
    script = folder / "bin" / "groundwork"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    script.chmod(0o755)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def read_params(folder: Path) -> dict[str, Any]:
    return YAML(typ="safe").load(folder / "params.yaml")


def write_params(folder: Path, params: dict[str, Any]) -> None:
    YAML(typ="safe").dump(params, folder / "params.yaml")


def set_training(folder: Path, **training: Any) -> None:
    params = read_params(folder)
    params["competitions"][LANE]["training"] |= training
    write_params(folder, params)


def environment(folder: Path) -> dict[str, str]:
    # The stages use the clone's package, not the installed one.
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PYTHONPATH": str(folder / "src"), "NO_COLOR": "1", "PATH": path}


def start(folder: Path, *command: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **more,
    )


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)


def groundwork(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, *GROUNDWORK, *arguments)


def dvc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, *DVC, *arguments)


def outputs(folder: Path) -> dict[str, bytes]:
    """Read all files that the lane's stages have written."""
    folders = (folder / "data" / "prepared", folder / "results" / LANE)
    return {str(file): file.read_bytes() for parent in folders for file in parent.rglob("*") if file.is_file()}
