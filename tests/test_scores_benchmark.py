"""Scores on real archives: a folder of their own, and a page that keeps the rows of other lanes.

What runs there are the stages, which have tests of their own.
"""

from pathlib import Path

import pytest
from benchmarks import scores
from benchmarks.real import Workspace

from groundwork import params


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


def test_the_page_of_scores_keeps_the_rows_of_other_lanes() -> None:
    page = Path("docs/scores.md").read_text(encoding="utf-8")
    rows = dict(scores.written(page))
    assert list(rows) == list(params.load().competitions)
    assert page.endswith("".join(rows.values()))
    assert not dict(scores.written(page.replace("| Seeds |", "| Times |")))
