"""`groundwork private` in a clone: what it scores, counts and refuses; the scores themselves against the metrics."""

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests import clone
from tests.data.test_private import prepared
from tests.training import tiny

from groundwork import competitions
from groundwork.errors import UserError
from groundwork.experiments import openings
from groundwork.experiments.private import scored
from groundwork.objectives.decisions import decide
from groundwork.objectives.metrics import METRICS
from groundwork.reporting.page import report
from groundwork.training.checkpoint import TrainedFold
from groundwork.training.inference import device

LANE = clone.LANE


@pytest.fixture(scope="module")
def _made(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose lane holds a tenth of its rows back, trained with two seeds."""
    folder = clone.make(repository, tmp_path_factory.mktemp("clone"), epochs=3, seeds=2)
    share(folder, 0.1)
    for stage in ("validate", "fetch", "prepare", "train", "evaluate"):
        done = clone.groundwork(folder, stage, *([] if stage == "validate" else [LANE]))
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def folder(_made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(_made, tmp_path / "clone", symlinks=True)
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


def share(folder: Path, value: float) -> None:
    params = clone.read_params(folder)
    params["competitions"][LANE]["private"] = value
    clone.write_params(folder, params)


def refused(folder: Path) -> str:
    done = clone.groundwork(folder, "private", LANE)
    assert done.returncode == 2, done.stdout + done.stderr
    assert not (folder / "results/private").exists(), "nothing was opened"
    return done.stderr


def test_the_score_is_that_of_all_networks_and_each_opening_is_counted(folder: Path, repository: Path) -> None:
    done = clone.groundwork(folder, "private", LANE)
    assert done.returncode == 0, done.stderr
    run = json.loads(Path(f"results/{LANE}/run.json").read_text())
    private_rows = pd.read_parquet(f"data/private/{LANE}.parquet")
    paths = sorted(Path(f"results/{LANE}/checkpoints").glob("*.fold"))
    assert len(paths) == 4, "two folds of two seeds"
    predicted = np.mean([TrainedFold.load(path).predict(private_rows, device()) for path in paths], 0)
    accuracy = (predicted.argmax(1) == private_rows["Survived"]).mean()
    error = np.sqrt(accuracy * (1 - accuracy) / len(private_rows))
    (opening,) = openings.read(LANE, Path("results"))
    assert opening.score == pytest.approx(accuracy)
    assert opening.standard_error == pytest.approx(error, rel=0.1)
    assert (opening.run_id, opening.rows) == (run["run_id"], len(private_rows))
    assert done.stdout.startswith(f"{LANE} {run['run_id']}: accuracy {accuracy:.4f} ± ")
    assert "opened 1 time, for 1 experiment" in done.stdout

    (other,) = Path(f"results/private/{LANE}").iterdir()
    untracked = clone.run(folder, "git", "status", "--porcelain", "--untracked-files=all", "results").stdout
    assert f"?? {other.as_posix()}\n" in untracked, "git tracks it"
    content = json.loads(other.read_text())
    (other.parent / "2020.json").write_text(json.dumps({**content, "rows_sha256": "e" * 64, "time": "2020"}))
    (other.parent / "2021.json").write_text(json.dumps({**content, "run_id": "earlier", "time": "2021"}))
    done = clone.groundwork(folder, "private", LANE, "--json")
    told = json.loads(done.stdout)
    assert told["openings"] == 3
    assert told["sentence"] == "opened 3 times, for 2 experiments; other private rows of this lane 1 time"
    page = (repository / "docs/private.md").read_text()
    assert {*told} <= set(re.findall(r"`(\w+)`", page))
    shown = clone.groundwork(folder, "leaderboard").stdout
    assert f"private rows: {told['sentence']}; the last for {run['run_id']}: accuracy" in shown
    report(Path("page.html"))
    assert told["sentence"] in Path("page.html").read_text()
    other.write_text("{")
    assert clone.groundwork(folder, "private", LANE).returncode == 2, "an opening must not be forgotten"
    assert "is not an opening" in clone.groundwork(folder, "leaderboard").stdout


def test_private_rows_are_in_no_fold_and_no_stage_depends_on_their_file(folder: Path) -> None:
    hidden = set(pd.read_parquet(f"data/private/{LANE}.parquet")["PassengerId"])
    assert 80 < len(hidden) < 110
    assert not hidden & set(pd.read_parquet(f"results/{LANE}/oof.parquet")["id"])
    assert "data/private" not in Path("dvc.yaml").read_text()
    status = clone.groundwork(folder, "status", LANE)
    assert "prepare@titanic" in status.stdout, status.stderr
    Path(f"data/private/{LANE}.parquet").unlink()
    assert clone.groundwork(folder, "status", LANE).stdout == status.stdout
    said = refused(folder)
    assert f"data/private/{LANE}.parquet: not found" in said
    assert f"-> make it: `groundwork prepare {LANE}`" in said
    assert clone.groundwork(folder, "prepare", LANE).returncode == 0
    assert clone.groundwork(folder, "private", LANE).returncode == 0


def test_what_is_missing_or_stale_is_refused(folder: Path) -> None:
    share(folder, 0.2)
    assert f"changed: params.yaml: competitions.{LANE}" in refused(folder)
    done = clone.groundwork(folder, "prepare", LANE)
    assert done.returncode == 2
    assert "edited since data/code/titanic/prepare was written: params.yaml:private" in done.stderr
    code = Path(f"data/code/{LANE}/prepare")
    former = code.read_text()
    assert clone.groundwork(folder, "validate").returncode == 0
    assert code.read_text() != former, "DVC prepares again"
    share(folder, 0.0)
    assert clone.groundwork(folder, "validate").returncode == 0
    assert code.read_text() == "".join(line for line in former.splitlines(True) if "private\n" not in line)
    assert "`private` is 0" in refused(folder)
    share(folder, 0.1)
    (fold, *_) = Path(f"results/{LANE}/checkpoints").iterdir()
    content = fold.read_bytes()
    fold.write_bytes(content + b" ")
    assert "checkpoints: is not what train@titanic made" in refused(folder)
    shutil.rmtree(f"results/{LANE}/checkpoints")
    assert f"results/{LANE}: has no trained networks" in refused(folder)
    share(folder, 0.01)
    assert "expected 0, or 0.05 to 0.5" in clone.groundwork(folder, "validate").stderr


@pytest.mark.parametrize("competition", [tiny.SURVIVAL, tiny.PRICES], ids=["classes", "numbers"])
def test_scores_are_those_of_the_metric(competition: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = tiny.prepared(competition)
    frame = data.validation(0)
    rng = np.random.default_rng(0)
    target = frame[competition.targets[0]].to_numpy()
    predicted = target * 1.1 if competition is tiny.PRICES else rng.dirichlet([1, 1], len(target))
    score, error = scored(competition, frame, data, predicted, None)
    expected = competition.scorer.score(target, predicted, None)
    assert score == pytest.approx(expected)
    assert error > 0 or competition is tiny.PRICES


def test_a_decision_answers_private_rows_as_it_answers_test_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = tiny.prepared()
    f1 = dataclasses.replace(tiny.SURVIVAL, metric="f1")
    frame = data.validation(0)
    target = frame["survived"].to_numpy()
    one = np.random.default_rng(0).random(len(target)) * 0.4
    predicted = np.column_stack([1 - one, one])
    found = decide(METRICS["f1"], ("classes",), target, predicted, np.arange(len(target)) % 3)
    assert found is not None
    assert scored(f1, frame, data, predicted, None)[0] == 0
    assert scored(f1, frame, data, predicted, found[1])[0] > 0.3


def test_queries_are_scored_as_the_metric_scores_them(tmp_path: Path) -> None:
    competition = competitions.load("product_search")
    data, held_back = prepared(competition, tmp_path, 0.1)  # type: ignore[arg-type]
    assert held_back is not None
    predicted = np.random.default_rng(0).uniform(1, 3, len(held_back))
    score, error = scored(competition, held_back, data, predicted, None)  # type: ignore[arg-type]
    target = held_back[competition.task.targets[0]].to_numpy()
    queries = held_back[competition.task.query].to_numpy() if competition.task.query else None
    assert score == pytest.approx(competition.scorer.score(target, predicted, queries))
    assert error > 0


def test_a_broken_opening_is_named(tmp_path: Path) -> None:
    path = tmp_path / "private" / "lane" / "one.json"
    path.parent.mkdir(parents=True)
    for content in ("{", "[]", "{}"):
        path.write_text(content)
        with pytest.raises(UserError, match=r"one\.json: is not an opening of private rows"):
            openings.read("lane", tmp_path)
    assert openings.summary("other", tmp_path) is None
