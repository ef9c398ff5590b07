"""A competition of each kind goes from its archive to a checked submission, and nobody writes a file by hand."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tests import clone
from tests.adding.archives_of import CASES, TRAIN, tables_of, write

# One process runs everything: starting Python for each stage takes longer than the stage.
RUN = """
import sys
from groundwork.cli import app
slug, archive, metric, *names = sys.argv[1:]
app(["add", slug, "--archive", archive, "--yes", *(["--metric", metric] if metric else [])], standalone_mode=False)
app(["validate"], standalone_mode=False)
for name in names:
    stages = "fetch prepare baselines train evaluate predict submission".split()
    for stage in ["blend"] if name.endswith("-mean") else stages:
        app([stage, name], standalone_mode=False)
"""
# By case: the lanes and blends to run, and a check of the submission's predicted columns.
ADDED = {
    "bool-target": (["", "-trees", "-mean"], lambda answers: set(answers["won"]) == {"False", "True"}),
    "class-names": ([""], lambda answers: set(answers["grade"]) <= {"poor", "fair", "good", "great"}),
    "labels-from-one": (["-trees"], lambda answers: set(answers["grade"]) <= {"1", "2", "3", "4"}),
    "class-probabilities": ([""], lambda answers: (answers.astype(float).sum(axis=1) - 1).abs().max() < 1e-9),
    "two-numbers": (["", "-trees", "-mean"], lambda answers: list(answers) == ["height", "weight"]),
    "two-tags": (["-trees"], lambda answers: answers.astype(float).stack().between(0, 1).all()),
    "text-by-f1": ([""], lambda answers: set(answers["disaster"]) == {"0", "1"}),
    "graded-by-kappa": ([""], lambda answers: set(answers["stars"]) <= {"1", "2", "3", "4"}),
    "test-lies-after-train": ([""], lambda answers: answers["sales"].astype(float).notna().all()),
    "targets-apart": ([""], lambda answers: answers["won"].astype(float).between(0, 1).all()),
    "targets-in-order": (["-trees"], lambda answers: answers["won"].astype(float).between(0, 1).all()),
    "id-in-test-only": ([""], lambda answers: answers["won"].isin(["0", "1"]).all()),
}


@pytest.mark.parametrize("name", ADDED)
def test_from_an_archive_to_a_submission(name: str, repository: Path, tmp_path: Path) -> None:
    case, (suffixes, check) = CASES[name], ADDED[name]
    folder = tmp_path / "clone"
    folder.mkdir()
    clone.make(repository, folder)
    names = [f"tried{suffix}" for suffix in suffixes]
    given = write(case, tmp_path / "given.zip")
    metric = {"graded-by-kappa": "kappa_quadratic"}.get(name, case.metric or "")
    done = subprocess.run(
        [sys.executable, "-c", RUN, "tried", str(given), metric, *names],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "WANDB_MODE": "disabled"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    asked = tables_of(case)["sample_submission.csv"]
    for lane in names:
        submission = pd.read_csv(folder / f"results/{lane}/submission.csv", dtype=str)
        assert list(submission) == list(asked)
        assert set(submission.iloc[:, 0]) == set(asked.iloc[:, 0].astype(str))
        assert check(submission.iloc[:, 1:])
        metrics = json.loads((folder / f"results/metrics/{lane}.json").read_text())
        assert 0 < metrics["rows"] <= TRAIN
