"""The main job, end to end on one small lane, by the real commands: what works, what fails, what stays."""

import os
import shutil
import time
from pathlib import Path

import pytest

from groundwork.files import taking_turns
from tests import campaign
from tests import clone as clones
from tests.clone import GROUNDWORK, LANE, groundwork, outputs, read_params, write_params


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    return clones.make(repository, tmp_path)


def test_the_main_job(clone: Path) -> None:
    # What an earlier version of Groundwork has left is no trouble.
    (clone / "data").mkdir()
    (clone / "data" / "params.valid").touch()
    (clone / "results" / ".resume" / LANE).mkdir(parents=True)
    done = groundwork(clone, "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("an earlier version of Groundwork") == 1
    assert not (clone / "data" / "params.valid").exists()
    assert not (clone / "results" / ".resume").exists()
    assert "results/titanic/submission.csv" in done.stdout
    assert "results/report/index.html" in done.stdout
    assert "accuracy" in done.stdout
    assert f"· train@{LANE}\n" in done.stdout
    first = outputs(clone)
    assert {Path(name).name for name in first} >= {"submission.csv", "oof.parquet", "fold_0.fold", "experiment.json"}

    again = groundwork(clone, "repro")
    assert again.returncode == 0
    assert "nothing changed" in again.stdout
    assert f"train@{LANE}" not in again.stdout
    assert "git add" not in again.stdout
    assert "dvc push" not in again.stdout
    assert outputs(clone) == first

    # A lock that a kill has cut short: one line, and on it goes.
    lock = (clone / "dvc.lock").read_text()
    (clone / "dvc.lock").write_text(lock[: len(lock) // 2])
    cut = groundwork(clone, "repro", "--verbose")
    assert cut.returncode == 0, cut.stdout + cut.stderr
    assert cut.stderr.count("dvc.lock could not be read") == 1
    assert f"Stage 'train@{LANE}' didn't change, skipping" in cut.stdout
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


def test_nothing_outlives_the_main_job(clone: Path) -> None:
    """The parent alone is killed: DVC and the stage end too, and the next run goes on."""
    process = clones.start(clone, *GROUNDWORK, "repro", start_new_session=True)
    while not any((clone / "results" / LANE).glob(".train.writing-*")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.kill()
    process.wait()
    until = time.monotonic() + 60
    while campaign.alive(clone):
        assert time.monotonic() < until, campaign.alive(clone)
        time.sleep(0.1)
    again = groundwork(clone, "repro")
    assert again.returncode == 0, again.stdout + again.stderr
    assert campaign.leftovers(clone) == []


def test_a_second_main_job_waits_for_the_first(clone: Path) -> None:
    with taking_turns(clone / ".dvc/tmp/groundwork/repro.lock", "a test"):
        second = clones.start(clone, *GROUNDWORK, "repro", "titanik")
        assert second.communicate()[0].count("did you mean 'titanic'?") == 1  # what is wrong is said at once
        third = clones.start(clone, *GROUNDWORK, "repro")
        assert third.stdout is not None
        line = third.stdout.readline()
        assert f"process {os.getpid()}" in line
        assert "waiting until it has ended" in line
        assert third.poll() is None
    third.kill()
    third.communicate()


def test_an_unpacked_archive_is_refused_before_anything_runs(clone: Path) -> None:
    shutil.rmtree(clone / ".git")
    done = groundwork(clone, "repro")
    assert done.returncode == 2
    assert "is not a git checkout" in done.stderr
    assert "git clone" in done.stderr
    assert not (clone / "data").exists()
