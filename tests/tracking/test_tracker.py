"""The real W&B client, against the stand-in server."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.services.full_disk import fill
from tests.services.wandb_fixture import LOGGED, ROWS, end_session
from tests.services.wandb_server import WandbServer

from groundwork.settings import Tracking
from groundwork.tracking import runs
from groundwork.tracking.names import labels
from groundwork.tracking.reading import read_back, read_records
from groundwork.tracking.scores import record_score
from groundwork.tracking.sync import sync
from groundwork.tracking.tracker import Tracker

Train = Callable[..., Tracker]

# What a server in trouble may delay a training by.
ALLOWED_DELAY = 10.0


def timed(train: Callable[[], Tracker]) -> tuple[Tracker, float]:
    """Track a training by a W&B that starts anew; return the tracker and how many seconds it took."""
    end_session()
    started = time.monotonic()
    return train(), time.monotonic() - started


def rows(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record["history"] for record in records if record["type"] == "history"]


def test_an_offline_run_is_read_back_whole_and_asks_the_server_nothing(
    tracked: Train, server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    tracker = tracked("offline")
    assert tracker.directory is not None
    assert not Path(tracker.directory).is_absolute()
    records = read_records(tmp_path / tracker.directory)
    run = next(record["run"] for record in records if record["type"] == "run")
    assert (run["project"], run["run_group"], run["display_name"]) == ("tests", "titanic", "a run")
    assert run["run_id"] == tracker.run_id
    assert run["config"]["update"]["model"] == {"dropout": 0.2}
    assert run["config"]["update"]["folds_sha256"] == "f" * 64
    metrics = [record["metric"] for record in records if record["type"] == "metric"]
    assert {metric.get("glob_name"): metric.get("step_metric") for metric in metrics} == {
        None: None,
        "fold_0/*": "epoch",
        "fold_1/*": "epoch",
        "mean/*": "epoch",
        "low/*": "epoch",
        "high/*": "epoch",
    }
    assert len(rows(records)) == LOGGED
    assert not server.received
    assert capsys.readouterr() == ("", "")


def test_a_process_that_has_changed_its_folder_keeps_its_run_in_the_new_one(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(("first", "second")):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with Tracker(Tracking(mode="offline", project="tests"), "titanic", name, {}) as tracker:
            tracker.summarize({"cv/mean": number})
        assert tracker.directory is not None
        assert not Path(tracker.directory).is_absolute()
        known = read_back(Path(tracker.directory))
        assert (known["name"], known["summary"]) == (name, {"cv/mean": number})


def test_a_folder_without_a_run_is_said_in_the_words_of_the_reader(server: WandbServer, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Error: failed to find the latest run"):
        read_back(tmp_path)


def test_an_online_run_arrives_with_config_curves_and_the_cross_validated_metric(
    tracked: Train, server: WandbServer, tmp_path: Path, capsys: Any
) -> None:
    tracker = tracked("online")
    run = server.runs[tracker.run_id]
    assert run.complete
    assert run.config["commit"] == {"value": "abc123"}
    assert run.variables["groupName"] == "titanic"
    assert [row["fold_1/val_loss"] for row in run.history if "fold_1/val_loss" in row] == [1 / n for n in range(1, 11)]
    assert [row["epoch"] for row in run.history if "epoch" in row] == [*range(10)] * 3
    assert run.summary["cv/mean"] == pytest.approx(0.85)
    assert run.summary["cv/sd"] == pytest.approx(0.05)
    assert (run.summary["cv/fold_0"], run.summary["cv/fold_1"], run.summary["cv/oof"]) == (0.8, 0.9, 0.85)
    assert list((tmp_path / str(tracker.directory)).glob("*.wandb.synced")), "must not be sent again"
    assert capsys.readouterr() == ("", "")


def wrong_key(server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "f" * 40)


def impossible_key(server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "short")


def no_key(server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY")


def no_server(server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.die()


def hanging_server(server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.behaviour = "hanging"


def broken_server(server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.behaviour = "broken"


@pytest.mark.parametrize("trouble", [wrong_key, impossible_key, no_key, no_server, hanging_server, broken_server])
def test_trouble_at_the_start_is_one_warning_and_an_offline_run(
    trouble: Callable[..., None],
    tracked: Train,
    server: WandbServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    trouble(server, monkeypatch)
    offline, undisturbed = timed(lambda: tracked("offline"))
    tracker, seconds = timed(lambda: tracked("online"))
    assert seconds - undisturbed < ALLOWED_DELAY
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("warning: W&B: ")
    assert err.count("\n") == 1
    assert "groundwork sync" in err
    folder = tmp_path / str(tracker.directory)
    assert folder.name.startswith("offline-run-")
    assert folder.name.endswith(tracker.run_id)
    assert len(rows(read_records(folder))) == LOGGED
    kept = {path.parent for path in (tmp_path / "wandb").glob("*run-*/*.wandb") if "latest" not in str(path)}
    assert kept == {folder, tmp_path / str(offline.directory)}


@pytest.mark.parametrize("end", ["dies", "hangs", "forgets the key"])
def test_a_server_lost_during_training_is_one_warning_and_the_run_is_kept(
    end: str, tracked: Train, server: WandbServer, tmp_path: Path, capsys: Any
) -> None:
    def lose() -> None:
        if end == "dies":
            server.die()
        elif end == "hangs":
            server.behaviour = "hanging"
        else:
            server.key = "another"

    _, undisturbed = timed(lambda: tracked("offline"))
    tracker, seconds = timed(lambda: tracked("online", between=lose))
    assert seconds - undisturbed < ALLOWED_DELAY
    err = capsys.readouterr().err
    assert err.startswith("warning: W&B: the server did not take the whole run")
    assert err.count("\n") == 1
    folder = tmp_path / str(tracker.directory)
    assert len(rows(read_records(folder))) == LOGGED
    assert not list(folder.glob("*.synced"))


def test_training_errors_pass_through_and_end_the_run_as_failed(server: WandbServer, tmp_path: Path) -> None:
    tracker = Tracker(Tracking(mode="offline", project="tests"), "titanic", "a run", {}, tmp_path)
    with pytest.raises(ZeroDivisionError), tracker:
        tracker.log("fold_0", 0, {"val_loss": 1 / 0})
    records = read_records(tmp_path / str(tracker.directory))
    assert [record["exit"]["exit_code"] for record in records if record["type"] == "exit"] == [1]


def test_what_wandb_cannot_take_is_a_warning(server: WandbServer, tmp_path: Path, capsys: Any) -> None:
    with Tracker(Tracking(mode="offline", project="tests"), "titanic", "a run", {}, tmp_path) as tracker:
        for epoch in range(3):
            tracker.log("fold_0", epoch, {1: object()})  # type: ignore[dict-item]
            tracker.summarize({"x": {object(): 1}})
    assert capsys.readouterr().err.count("warning") <= 1


def test_a_folder_that_cannot_be_made_is_a_warning(server: WandbServer, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = Tracking(mode="offline", project="tests")
    with Tracker(settings, "titanic", "a run", {}, tmp_path / "file" / "below") as tracker:
        tracker.log("fold_0", 0, {"val_loss": 1.0})
    assert tracker.directory is None
    assert capsys.readouterr().err.startswith("warning: W&B: this run is not tracked")


def test_disabled_imports_no_wandb_and_still_has_an_id(tmp_path: Path) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        from groundwork.tracking.tracker import Tracker
        from groundwork.settings import Tracking
        with Tracker(Tracking(mode="disabled", project="tests"), "titanic", "a run", {}, Path(".")) as tracker:
            tracker.log("fold_0", 0, {"val_loss": 1.0})
            tracker.summarize({"cv/mean": 1.0})
        assert "wandb" not in sys.modules
        print(len(tracker.run_id), tracker.directory)
    """
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, env=_environment(), text=True)
    assert printed == "8 None\n"
    assert not list(tmp_path.iterdir())


def test_wandb_mode_goes_before_the_settings(
    tracked: Train, server: WandbServer, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert tracked("online").directory is None
    monkeypatch.setenv("WANDB_MODE", "nonsense")
    tracker = tracked("offline")
    assert "offline-run" in str(tracker.directory)
    assert "WANDB_MODE is 'nonsense'" in capsys.readouterr().err
    assert not server.received


def test_no_secret_reaches_a_run_or_the_server(server: WandbServer, tmp_path: Path) -> None:
    secrets = {name: f"{name.lower().replace('_', '')}{'x7' * 12}" for name in ("KAGGLE_KEY", "HF_TOKEN", "PASSWORD")}
    code = """if True:
        import sys
        from pathlib import Path
        from groundwork.tracking.tracker import Tracker
        from groundwork.settings import Tracking
        print("loading", sys.argv[1])
        for mode in ("online", "offline"):
            with Tracker(Tracking(mode=mode, project="tests"), "titanic", "a run", {}, Path(".")) as tracker:
                tracker.log("fold_0", 0, {"val_loss": 1.0})
    """
    command = [sys.executable, "-c", code, "--token=argv" + "x7" * 12]
    subprocess.run(command, cwd=tmp_path, env=_environment() | secrets, check=True)
    assert server.runs, "the online run must have been sent"
    written = [path for path in (tmp_path / "wandb").rglob("*") if path.is_file()]
    assert written
    for secret in (*secrets.values(), "argv" + "x7" * 12, server.key):
        assert secret.encode() not in server.received
        assert [path for path in written if secret.encode() in path.read_bytes()] == []


def test_a_score_joins_an_online_run_on_the_server(tracked: Train, server: WandbServer, tmp_path: Path) -> None:
    tracker = tracked("online")
    run = {"run_id": tracker.run_id, "wandb_dir": str(tmp_path / str(tracker.directory))}
    record_score(run, {"public_score": 0.775})
    stored = server.runs[tracker.run_id]
    assert stored.summary["public_score"] == 0.775
    assert stored.summary["cv/mean"] == pytest.approx(0.85)
    assert stored.config["commit"] == {"value": "abc123"}
    assert len(stored.history) == LOGGED


def test_a_score_that_cannot_be_written_is_one_warning(server: WandbServer, tmp_path: Path, capsys: Any) -> None:
    record_score({"run_id": "x", "wandb_dir": None}, {"public_score": 0.5})
    assert capsys.readouterr().err == ""
    record_score({"run_id": "x", "wandb_dir": str(tmp_path / "wandb" / "run-gone-x")}, {"public_score": 0.5})
    err = capsys.readouterr().err
    assert err.startswith("warning: W&B: the score was not written into run x")
    assert err.count("\n") == 1


def _environment() -> dict[str, str]:
    """This test's environment, with `groundwork` importable in a child process."""
    import groundwork

    return {**os.environ, "PYTHONPATH": str(Path(groundwork.__file__).parents[1])}


ADDRESSES = ["http://[bad", "api.wandb.ai", "https://", "not an address", "ftp://user:secret@example.org"]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("mode", ["online", "offline"])
def test_an_address_that_is_none_leaves_an_offline_run_that_is_truly_kept(
    mode: str,
    address: str,
    tracked: Train,
    server: WandbServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    end_session()
    monkeypatch.setenv("WANDB_BASE_URL", address)
    tracker = tracked(mode)
    said = capsys.readouterr().err
    problem = "WANDB_BASE_URL is not a valid address"
    kept = f"warning: W&B: {problem}; this run is kept offline, `groundwork sync` sends it later\n"
    assert said == (kept if mode == "online" else "")
    assert len(rows(read_records(tmp_path / str(tracker.directory)))) == LOGGED
    assert os.environ["WANDB_BASE_URL"] == address


def test_what_is_not_kept_is_not_called_kept(
    tracked: Train, server: WandbServer, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    end_session()
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "soon")
    assert tracked("online").directory is None
    said = capsys.readouterr().err
    assert said.startswith("warning: W&B: this run is not tracked (init_timeout: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("left", [0, 12_000, 100_000], ids=["none", "some", "a little more"])
def test_a_full_disk_is_one_warning_and_training_goes_on(
    left: int, tracked: Train, server: WandbServer, tmp_path: Path, small_disk: Path, capsys: Any
) -> None:
    (tmp_path / "wandb").symlink_to(small_disk)
    fill(small_disk, left)
    # The third disk becomes full while the run is written.
    tracked("offline", between=lambda: fill_again(small_disk))
    said = capsys.readouterr().err
    assert said.startswith("warning: W&B: ")
    assert said.count("\n") == 1, said
    assert "No space left on device" in said
    assert "free some space (`df -h wandb`)" in said


def fill_again(disk: Path) -> None:
    (disk / "filling").rename(disk / "former")
    fill(disk)


def test_a_disk_that_cannot_be_written_is_one_warning(
    tracked: Train, server: WandbServer, tmp_path: Path, small_disk: Path, capsys: Any
) -> None:
    (tmp_path / "wandb").symlink_to(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    tracker = tracked("offline")
    said = capsys.readouterr().err
    assert said.startswith("warning: W&B: ")
    assert said.count("\n") == 1, said
    assert tracker.directory is None or str(tracker.directory) in said


def test_a_disk_with_space_is_no_warning(
    tracked: Train, server: WandbServer, tmp_path: Path, small_disk: Path, capsys: Any
) -> None:
    (tmp_path / "wandb").symlink_to(small_disk)
    tracked("offline")
    assert capsys.readouterr().err == ""


def test_a_run_has_the_labels_by_which_it_is_filtered(server: WandbServer, tmp_path: Path) -> None:
    more = labels("try", "titanic", "classification", ["dropout=0.3", "x" * 80], "why not", "sample")
    settings = Tracking(mode="online", project="tests", entity="friends")
    with Tracker(settings, "titanic", "titanic dropout=0.3", {}, tmp_path, more) as tracker:
        pass
    run = server.runs[tracker.run_id].variables
    assert run["tags"] == ["sample", "titanic", "classification", "try", "dropout=0.3", "x" * 64]
    assert (run["jobType"], run["notes"], run["entity"]) == ("try", "why not", "friends")


def table(server: WandbServer, run_id: str, name: str) -> dict[str, Any]:
    """The table that arrived as an artifact of a run."""
    (kept,) = [one for key, one in server.artifacts.items() if key.startswith(f"run-{run_id}-oof{name}")]
    assert kept.committed
    assert kept.made_by == run_id
    return json.loads(next(content for file, content in kept.files.items() if file.endswith(".table.json")))


def test_a_run_shows_what_it_got_wrong(tracked: Train, server: WandbServer) -> None:
    tracker = tracked("online")
    run = server.runs[tracker.run_id]
    assert run.summary["cv/score"] == pytest.approx(0.85), "higher is better, as it is"
    worst = table(server, tracker.run_id, "worst_rows")
    assert worst["columns"] == ["id", "actual", "predicted", "log loss", "picture"]
    assert {row[0] for row in worst["data"][:3]} == {"1", "4", "15"}, "the mistakes come first"
    assert {row[1] for row in worst["data"]} == {"3", "7"}, "by the names of the classes"
    assert worst["data"][0][4]["width"] == 4
    pictures = run.summary["oof/mistakes"]
    assert (pictures["width"], pictures["count"]) == (4, ROWS)
    assert len([name for name in server.uploads if name.startswith("media/images/oof/mistakes")]) == ROWS
    confusion = table(server, tracker.run_id, "confusion_table")
    assert confusion["data"] == [["3", "3", 9], ["3", "7", 1], ["7", "3", 2], ["7", "7", 8]]
    for name in ("roc_table", "pr_table"):
        assert {row[0] for row in table(server, tracker.run_id, name)["data"]} == {"3", "7"}
    means = [row for row in run.history if "mean/val_loss" in row]
    assert [(row["mean/val_loss"], row["low/val_loss"]) for row in means] == [(1 / n, 1 / n) for n in range(1, 11)]


def test_no_row_of_the_data_is_sent_where_none_may_be(tracked: Train, server: WandbServer) -> None:
    tracker = tracked("online", rows=0)
    assert not [name for name in (*server.artifacts, *server.uploads) if "worst" in name or "mistakes" in name]
    assert table(server, tracker.run_id, "confusion_table")


def test_without_artifacts_there_are_only_tables(tracked: Train, server: WandbServer) -> None:
    tracked("online")
    assert {artifact.kind for artifact in server.artifacts.values()} == {"run_table"}


@pytest.mark.parametrize("how", ["references", "files"])
def test_artifacts_say_what_was_made_from_what(how: str, tracked: Train, server: WandbServer, tmp_path: Path) -> None:
    tracker = tracked("online", artifacts=how)
    data, folds = server.artifacts["titanic-data"], server.artifacts["titanic-folds"]
    assert (data.kind, data.used_by, data.made_by) == ("dataset", {tracker.run_id}, None)
    assert data.contents["prepared"]["ref"] == f"groundwork://data/prepared/titanic?{'d' * 64}"
    assert (folds.kind, folds.used_by, folds.made_by) == ("model", set(), tracker.run_id)
    if how == "files":
        assert folds.files["fold_0.fold"] == b"weights"
    else:
        assert folds.contents["fold_0.fold"]["ref"].endswith("fold_0.fold?a1b2")
        assert folds.files.keys() == {"wandb_manifest.json"}


def test_the_load_of_the_machine_is_logged_where_it_is_wanted(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_X_STATS_SAMPLING_INTERVAL", "0.1")
    for wanted in (False, True):
        settings = Tracking(mode="offline", project="tests", system_metrics=wanted)
        with Tracker(settings, "titanic", "a run", {}, tmp_path) as tracker:
            time.sleep(0.5)
        kinds = {record["type"] for record in read_records(tmp_path / str(tracker.directory))}
        assert ("stats" in kinds) is wanted


def test_a_service_that_never_ends_is_stopped_and_the_run_written_again(
    tracked: Train, server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(runs, "HARD_SECONDS", 0.01)
    tracker = tracked("online", between=server.die, artifacts="references")
    assert capsys.readouterr().err.count("warning: W&B: the server did not take the whole run in time") == 1
    (folder,) = (tmp_path / "wandb").glob(f"*run-*-{tracker.run_id}")
    assert str(tracker.directory) == f"wandb/{folder.name}"
    assert folder.name.startswith("offline-run-")
    records = read_records(folder)
    assert len(rows(records)) == LOGGED
    assert "fold_1/*" in {record["metric"].get("glob_name") for record in records if record["type"] == "metric"}
    server.start()
    sync(tmp_path)
    assert len(server.runs[tracker.run_id].history) == LOGGED
    assert server.artifacts["titanic-data"].used_by == {tracker.run_id}
