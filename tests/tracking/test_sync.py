"""The real `wandb sync`, against the stand-in server."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.services.wandb_fixture import LOGGED, end_session
from tests.services.wandb_server import WandbServer

from groundwork.errors import UserError
from groundwork.tracking import server as server_module
from groundwork.tracking import sync
from groundwork.tracking.scores import record_score
from groundwork.tracking.tracker import Tracker

Train = Callable[..., Tracker]


def test_an_offline_run_and_its_later_score_arrive_once(
    tracked: Train, server: WandbServer, tmp_path: Path, capsys: Any
) -> None:
    tracker = tracked("offline", artifacts="files")
    (tmp_path / "submission.csv").write_text("id,label\n")
    record_score(
        {"run_id": tracker.run_id, "wandb_dir": str(tmp_path / str(tracker.directory))},
        {"public_score": 0.775},
        ("titanic-submission", {"submission.csv": (tmp_path / "submission.csv", "c4")}),
    )
    sync.sync(tmp_path)
    made = {artifact.kind: artifact for artifact in server.artifacts.values()}
    assert made.keys() == {"dataset", "model", "submission", "run_table"}
    assert all(artifact.committed for artifact in server.artifacts.values())
    assert made["dataset"].used_by == {tracker.run_id}
    assert made["submission"].files["submission.csv"] == b"id,label\n"
    run = server.runs[tracker.run_id]
    assert len(run.history) == LOGGED
    assert run.config["model"] == {"value": {"dropout": 0.2}}
    assert run.summary["cv/mean"] == pytest.approx(0.85)
    assert run.summary["public_score"] == 0.775
    assert run.summary["oof/worst_rows"]["_type"] == "table-file"
    assert run.variables["displayName"] == "a run"
    assert run.variables["groupName"] == "titanic"
    printed = capsys.readouterr().out
    assert "2/2" in printed
    assert f"{server.url}/ada/tests" in printed
    assert [*(tmp_path / "wandb" / "artifacts" / "staging").iterdir()], "they are young"
    before = len(server.received)
    sync.sync(tmp_path)
    assert "nothing to send" in capsys.readouterr().out
    assert len(server.received) == before


def test_a_run_whose_server_died_is_sent_whole_when_it_is_back(
    tracked: Train, server: WandbServer, tmp_path: Path, capsys: Any
) -> None:
    tracker = tracked("online", between=server.die)
    assert len(server.runs[tracker.run_id].history) < LOGGED
    server.start()
    sync.sync(tmp_path)
    run = server.runs[tracker.run_id]
    assert len(run.history) == LOGGED
    assert run.complete
    assert run.summary["cv/oof"] == 0.85


def test_without_runs_it_says_what_makes_them(server: WandbServer, tmp_path: Path, capsys: Any) -> None:
    sync.sync(tmp_path)
    assert "make repro" in capsys.readouterr().out


def test_a_run_in_training_is_left_alone(tracked: Train, server: WandbServer, tmp_path: Path, capsys: Any) -> None:
    tracked("offline", between=lambda: sync.sync(tmp_path))
    assert "still training" in capsys.readouterr().out
    assert not server.received
    assert len(sync.unsent(tmp_path)) == 1


@pytest.mark.parametrize(
    ("key", "problem"),
    [(None, "no W&B key"), ("short", "must have 40"), ("f" * 40, "0 of 1 runs sent, then: user is not logged in")],
)
def test_without_a_good_key_it_says_how_to_get_one(
    key: str | None, problem: str, tracked: Train, server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked("offline")
    end_session()
    monkeypatch.setenv("WANDB_API_KEY", key) if key else monkeypatch.delenv("WANDB_API_KEY")
    with pytest.raises(UserError) as raised:
        sync.sync(tmp_path)
    assert problem in raised.value.problem
    assert "WANDB_API_KEY" in raised.value.next_step
    assert len(sync.unsent(tmp_path)) == 1


@pytest.mark.parametrize("behaviour", ["dead", "hanging"])
def test_without_a_server_it_gives_up_soon(
    behaviour: Any, tracked: Train, server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "PROBE_SECONDS", 0.5)
    tracked("offline")
    if behaviour == "dead":
        server.die()
    else:
        server.behaviour = behaviour
    with pytest.raises(UserError) as raised:
        sync.sync(tmp_path)
    assert raised.value.problem == f"W&B: no answer from {server.url}"
    assert "groundwork sync" in raised.value.next_step


def test_a_server_that_takes_nothing_is_given_up_after_a_while(
    tracked: Train, server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "STALL_SECONDS", 3.0)
    tracked("offline")
    server.behaviour = "broken"
    with pytest.raises(UserError) as raised:
        sync.sync(tmp_path)
    assert raised.value.problem == "W&B: 0 of 1 runs sent, then: the server took no more"


def file_of(tracker: Tracker, root: Path) -> Path:
    (file,) = (root / str(tracker.directory)).glob("run-*.wandb")
    return file


@pytest.mark.parametrize(
    "content", [b"", b":W&B\xe1\xbe\x00"[:7], b"garbage" * 100], ids=["empty", "header", "garbage"]
)
def test_a_run_killed_in_its_first_seconds_keeps_no_other_back(
    content: bytes, tracked: Train, server: WandbServer, tmp_path: Path, capsys: Any
) -> None:
    killed, *others = [tracked("offline") for _ in range(3)]
    file_of(killed, tmp_path).write_bytes(content)
    sync.sync(tmp_path)
    said = capsys.readouterr().out
    assert f"{file_of(killed, tmp_path).parent.name}: has no records yet, left for the next" in said, "it is young"
    assert f"W&B: sent 2 runs: {server.url}/ada/tests" in said
    os.utime(file_of(killed, tmp_path).parent, (0, 0))
    others.append(tracked("offline"))
    with pytest.raises(UserError) as raised:
        sync.sync(tmp_path)
    assert [len(server.runs[other.run_id].history) for other in others] == [LOGGED] * 3
    folder = file_of(killed, tmp_path).parent
    assert raised.value.exit_code == 2
    assert "1 run cannot be sent; all others are on the server" in raised.value.problem
    assert f"{folder}: contains no run that can be read" in raised.value.problem
    assert raised.value.next_step == f"delete what a killed process left: `rm -r {folder}`"
    assert f"W&B: sent 1 run: {server.url}/ada/tests" in capsys.readouterr().out
    shutil.rmtree(folder)
    sync.sync(tmp_path)
    assert "every finished run is on the server" in capsys.readouterr().out


@pytest.mark.parametrize("cut", [1, 3000])
def test_a_run_that_was_cut_is_sent_as_far_as_it_goes_and_once(
    cut: int, tracked: Train, server: WandbServer, tmp_path: Path, capsys: Any
) -> None:
    killed, other = tracked("offline"), tracked("offline")
    file = file_of(killed, tmp_path)
    file.write_bytes(file.read_bytes()[:-cut])
    sync.sync(tmp_path)
    said = capsys.readouterr().out
    assert f"{file.parent.name}: was cut off when its process was killed; sent as far as it goes" in said
    assert 0 < len(server.runs[killed.run_id].history) <= LOGGED
    assert len(server.runs[other.run_id].history) == LOGGED
    sync.sync(tmp_path)
    assert "nothing to send" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("output", "refusal"),
    [
        ("wandb: Syncing 1 run(s):\nwandb:   wandb/offline-run-20261201_040320-bp9ue5t6/run-bp9ue5t6.wandb", False),
        ("wandb: ERROR error uploading run: returned error 401: user is not logged in", True),
        ("wandb: ERROR permission denied (<Response [403]>)", True),
    ],
)
def test_a_time_of_day_is_no_refusal(output: str, refusal: bool) -> None:
    assert sync._is_refusal(output) is refusal


def test_an_address_that_is_none_is_said_with_the_way_out(
    tracked: Train, server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked("offline")
    end_session()
    monkeypatch.setenv("WANDB_BASE_URL", "http://[secret")
    with pytest.raises(UserError, match="W&B: WANDB_BASE_URL is not a valid address") as raised:
        sync.sync(tmp_path)
    assert "`unset WANDB_BASE_URL`" in raised.value.next_step
    assert "secret" not in str(raised.value)


def test_settings_that_wandb_refuses_are_named(
    tracked: Train, server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked("offline")
    end_session()
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "soon")
    with pytest.raises(UserError, match="W&B: invalid settings: init_timeout: ") as raised:
        sync.sync(tmp_path)
    assert "WANDB_" in raised.value.next_step
