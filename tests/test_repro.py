"""The main job, end to end on one small lane, by the real commands: what works, what fails, what stays."""

from pathlib import Path

import pytest

from tests import clone as clones
from tests.clone import LANE, groundwork, outputs, read_params, write_params


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    return clones.make(repository, tmp_path)


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
    params = read_params(clone)
    rate = params["competitions"][LANE]["training"]["learning_rate"]
    params["competitions"][LANE]["training"]["learning_rate"] = 1e30
    write_params(clone, params)
    failed = groundwork(clone, "repro")
    assert failed.returncode == 2, failed.stdout + failed.stderr
    said = failed.stderr.rpartition("Not every stage succeeded")[2]
    assert said.count(f"{LANE}: fold 0: the ") == 1
    assert f"train@{LANE}: its former results are in place (5 checked by hash)" in said
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
