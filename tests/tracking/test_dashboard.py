"""The real wandb-workspaces, against the stand-in server: what it sends, not what W&B makes of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.services.wandb_fixture import end_session
from tests.services.wandb_server import WandbServer

from groundwork.errors import UserError
from groundwork.settings import Tracking
from groundwork.tracking.dashboard import dashboard

SETTINGS = Tracking(mode="offline", project="tests")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:wandb_workspaces")
METRICS = {"titanic": "accuracy", "house-prices": "rmse_log"}


def test_it_makes_a_workspace_and_a_report_and_renews_them(server: WandbServer, tmp_path: Path) -> None:
    first = dashboard(SETTINGS, METRICS, tmp_path)
    assert len(server.views) == 2
    workspace, report = server.views.values()
    assert (workspace["type"], report["type"]) == ("project-view", "runs")
    assert all(address.startswith(f"{server.url}/ada/tests") for address in first)
    spec = json.dumps(workspace["spec"])
    for expected in ("cv/score", "mean/val_rmse_log", "low/val_accuracy", "oof/mistakes", "public_score"):
        assert expected in spec
    headings = [block["children"][0]["text"] for block in report["spec"]["blocks"] if block["type"] == "heading"]
    assert headings == ["titanic", "house-prices"]
    grids = [block for block in report["spec"]["blocks"] if block["type"] == "panel-grid"]
    assert ["titanic" in json.dumps(grid["metadata"]["runSets"]) for grid in grids] == [True, False]
    assert dashboard(SETTINGS, METRICS, tmp_path) == first
    assert len(server.views) == 2, "the same ones"


def test_a_project_of_others_goes_where_the_settings_say(server: WandbServer, tmp_path: Path) -> None:
    dashboard(SETTINGS.model_copy(update={"entity": "friends"}), METRICS, tmp_path)
    assert {view["entityName"] for view in server.views.values()} == {"friends"}


def test_what_is_missing_is_said_with_the_way_to_get_it(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    end_session()
    with pytest.raises(UserError, match="no W&B key") as raised:
        dashboard(SETTINGS, METRICS, tmp_path)
    assert "then `groundwork dashboard`" in raised.value.next_step
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs the package wandb-workspaces") as raised:
        dashboard(SETTINGS, METRICS, tmp_path)
    assert "pip install 'groundwork[dashboard]'" in raised.value.next_step
