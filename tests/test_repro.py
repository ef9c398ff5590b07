"""The main job, end to end on one small lane, by the real commands: what works, what fails, what stays."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

LANE = "titanic"


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    """Make a repository like a fresh clone's, with one lane that trains two folds for a few epochs."""
    for name in ("dvc.yaml", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(repository / name, tmp_path / name)
    shutil.copytree(repository / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    params = YAML(typ="safe").load(repository / "params.yaml")
    params["competitions"] = {LANE: {**params["competitions"][LANE], "folds": 2}}
    params["competitions"][LANE]["training"] = {**params["competitions"][LANE]["training"], "epochs": 12}
    write_params(tmp_path, params)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def write_params(folder: Path, params: dict[str, object]) -> None:
    YAML(typ="safe").dump(params, folder / "params.yaml")


def groundwork(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The stages run this repository's package, wherever `groundwork` was installed from.
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"}
    command = [sys.executable, "-c", "from groundwork.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def outputs(folder: Path) -> dict[str, bytes]:
    places = (folder / "data" / "prepared", folder / "results" / LANE)
    return {str(file): file.read_bytes() for place in places for file in place.rglob("*") if file.is_file()}


def test_the_main_job(clone: Path) -> None:
    done = groundwork(clone, "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "results/titanic/submission.csv" in done.stdout
    assert "results/report/index.html" in done.stdout
    assert "accuracy" in done.stdout
    first = outputs(clone)
    assert {Path(name).name for name in first} >= {"submission.csv", "oof.parquet", "fold_0.fold", "experiment.json"}

    again = groundwork(clone, "repro")
    assert again.returncode == 0
    assert f"Stage 'train@{LANE}' didn't change, skipping" in again.stdout
    assert outputs(clone) == first

    # A training that fails: one message, and the former results are back.
    params = YAML(typ="safe").load(clone / "params.yaml")
    rate = params["competitions"][LANE]["training"]["learning_rate"]
    params["competitions"][LANE]["training"]["learning_rate"] = 1e30
    write_params(clone, params)
    failed = groundwork(clone, "repro")
    assert failed.returncode == 2, failed.stdout + failed.stderr
    assert failed.stderr.rpartition("Not every stage succeeded")[2].count(f"{LANE}: fold 0: the ") == 1
    assert "loss became" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert outputs(clone) == first

    # A mistake in params.yaml: no stage starts.
    params["competitions"][LANE]["training"]["learning_rate"] = rate
    write_params(clone, {**params, "sead": 1})
    mistaken = groundwork(clone, "repro")
    assert mistaken.returncode == 2
    assert "did you mean 'seed'?" in mistaken.stderr
    assert outputs(clone) == first

    write_params(clone, params)
    mended = groundwork(clone, "repro")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert outputs(clone) == first
