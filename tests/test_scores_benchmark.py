"""Scores on real archives: a folder of their own, and a page that keeps the rows of other lanes.

What runs there are the stages, which have tests of their own.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks import scores
from benchmarks.real import Workspace

from groundwork import competitions, params
from groundwork.stages.fetch import fetch


@pytest.fixture(autouse=True)
def _in_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


def test_a_workspace_changes_one_lane_and_no_section_that_others_inherit(tmp_path: Path) -> None:
    Workspace(tmp_path, tmp_path).configure("titanic", {"training.seeds": 3, "training.optimizer.eps": 1e-7})
    shipped, changed = params.load(), params.load(tmp_path / "params.yaml")
    lane = changed.lane("titanic")
    assert (lane.source, lane.training.seeds, lane.training.optimizer.eps) == ("kaggle", 3, 1e-7)
    assert (
        lane.training.model_copy(update={"seeds": 1, "optimizer": shipped.lane("titanic").training.optimizer})
        == shipped.lane("titanic").training
    )
    assert changed.lane("house-prices") == shipped.lane("house-prices")


def test_a_workspace_goes_on_with_what_it_has_trained(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    archive = tmp_path / "titanic.zip"
    fetch(competitions.load("titanic"), "sample", archive, "titanic")
    space, changes = Workspace(tmp_path / "work", tmp_path), [{"training.epochs": 2, "model.width": 16}]
    space.configure("titanic", {})
    space.prepare("titanic")
    shipped, changed = space.trained("titanic", 1, changes)
    assert len(shipped) == len(changed) == 1
    assert list(shipped[0]["id"]) == list(changed[0]["id"])
    assert not np.allclose(shipped[0]["p0"], changed[0]["p0"])
    capfd.readouterr()
    again = Workspace(tmp_path / "work", tmp_path).trained("titanic", 1, changes)
    assert capfd.readouterr().err.count("5 of 5 folds taken from the fold store") == 2
    for before, after in zip((shipped, changed), again, strict=True):
        pd.testing.assert_frame_equal(before[0], after[0])


def test_the_page_of_scores_keeps_the_rows_of_other_lanes() -> None:
    page = Path("docs/scores.md").read_text(encoding="utf-8")
    rows = dict(scores.written(page))
    assert list(rows) == list(params.load().competitions)
    assert page.endswith("".join(rows.values()))
    assert not dict(scores.written(page.replace("| Seeds |", "| Times |")))
