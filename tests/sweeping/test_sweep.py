"""From ranges of keys to a verdict, by the real command on one small lane: killed, resumed, without its journal."""

import json
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests import clone
from tests.clone import GROUNDWORK, LANE, groundwork

from groundwork.errors import UserError
from groundwork.sweeping.commands import sweep
from groundwork.tracking.reading import read_back
from groundwork.trying.keep import keep

FOLDS, TRIALS = 2, 9
# Six combinations: some like the current settings, some that learn nothing, some whose loss becomes NaN.
SPACE = "learning_rate: {choices: [0.0126, 0.0001, 1.0e+30]}\ndropout: {choices: [0.3, 0.1]}\n"
SWEEP = ("sweep", LANE, "--trials", str(TRIALS), "--note", "rates", "--json")


def git(folder: Path, *arguments: str) -> str:
    done = clone.run(folder, "git", "-c", "user.name=test", "-c", "user.email=test@localhost", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def swept(capsys: pytest.CaptureFixture[str], trials: int = TRIALS, minutes: float | None = None) -> tuple[Any, str]:
    """Run the command in this process, which has loaded torch already; return its JSON, and what it said."""
    capsys.readouterr()
    sweep(LANE, trials=trials, minutes=minutes, note="rates", as_json=True)
    done = capsys.readouterr()
    return json.loads(done.out), done.err


def folds(folder: Path) -> set[Path]:
    return set((folder / "results/.folds" / LANE).glob("*/*.fold"))


def journals(folder: Path) -> list[Path]:
    return sorted((folder / "results/.sweeps" / LANE).glob("*/journal.log"))


@pytest.fixture(scope="module")
def prepared(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose lane's data is prepared, with settings that learn something in few epochs."""
    folder = clone.make(repository, tmp_path_factory.mktemp("prepared"), epochs=4, learning_rate=0.0126)
    (folder / "sweeps").mkdir()
    (folder / f"sweeps/{LANE}.yaml").write_text(SPACE)
    (folder / ".gitignore").write_text((repository / ".gitignore").read_text() + "/bin/\n")
    done = clone.dvc(folder, "repro", "--quiet", f"prepare@{LANE}")
    assert done.returncode == 0, done.stderr
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "data")
    return folder


@pytest.fixture
def inside(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(prepared)
    return prepared


@pytest.fixture
def finished(inside: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The repository after all trials: only where another process ran the tests before, they are trained here."""
    swept(capsys)
    return inside


# The tests follow each other: each leaves the repository as it is for the next one.
def test_a_wrong_space_and_no_time_train_nothing(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepared = inside
    path = prepared / f"sweeps/{LANE}.yaml"
    path.write_text("dropout: {low: 0.1, high: 1.0}\nlearning_rate: {choices: [0.0]}\n")
    done = groundwork(prepared, *SWEEP)
    assert done.returncode == 2
    assert "model.dropout: found 1.0 (float); expected less than 1" in done.stderr
    assert "training.learning_rate: found 0.0 (float); expected greater than 0" in done.stderr
    path.write_text(SPACE)
    outcome, _ = swept(capsys, minutes=0)
    assert (outcome["finished"], outcome["folds_trained_now"], outcome["best"], outcome["all"]) == (False, 0, None, [])
    assert folds(prepared) == set()


def test_killed_at_random_instants_it_goes_on_and_ends_with_a_verdict(prepared: Path) -> None:
    # The first one is stopped by Ctrl-C and says how to go on, the second one is killed.
    instants = random.Random(0)
    for number in (signal.SIGINT, signal.SIGKILL):
        before = len(folds(prepared))
        process = clone.start(prepared, *GROUNDWORK, *SWEEP[:-1], start_new_session=True)
        while len(folds(prepared)) == before:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        time.sleep(instants.uniform(0, 0.5))
        process.send_signal(number)
        said, _ = process.communicate()
        assert process.returncode == (130 if number == signal.SIGINT else -number), said
        if number == signal.SIGINT:
            assert "run the same command" in said
            assert "Traceback" not in said

    done = groundwork(prepared, *SWEEP)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["schema"], outcome["lane"], outcome["seeds"], outcome["finished"]) == (1, LANE, 1, True)
    assert outcome["trials"]["running"] == 0
    assert len(outcome["all"]) == outcome["trials"]["wanted"] == TRIALS
    states: dict[str, list[dict[str, Any]]] = {}
    for trial in outcome["all"]:
        states.setdefault(trial["state"], []).append(trial)
        assert set(trial["values"]) == {"training.learning_rate", "model.dropout"}
    assert {name: len(states[name]) for name in states} == {
        name: number for name, number in outcome["trials"].items() if name in states
    }

    # The loss of some became NaN, said; some learned nothing, seen on fold 0; the current settings came first.
    assert {trial["values"]["training.learning_rate"] for trial in states["failed"]} == {1e30}
    assert all("became nan" in trial["problem"] for trial in states["failed"])
    assert "failed: " in done.stderr
    assert {trial["values"]["training.learning_rate"] for trial in states["pruned"]} == {0.0001}
    assert {len(trial["folds"]) for trial in states["pruned"]} == {1}
    assert {trial["values"]["training.learning_rate"] for trial in states["complete"]} == {0.0126}
    assert outcome["all"][0]["values"] == {"training.learning_rate": 0.0126, "model.dropout": 0.3}
    assert outcome["all"][0]["run_id"] is None

    # The best one is an experiment with a verdict, whose interval is widened for all that were tried.
    best = outcome["best"]
    assert best["changes"] == {"model.dropout": 0.1}
    assert best["metrics"]["folds"] == best["folds"]
    current = sum(trial["values"] == outcome["all"][0]["values"] for trial in outcome["all"])
    assert best["verdict"]["tried"] == len(states["complete"]) + len(states["pruned"]) - current
    assert best["verdict"]["outcome"] in ("better", "worse", "no difference", "unknown")
    small = json.loads((prepared / f"results/.memory/{LANE}/{best['run_id']}.json").read_text())
    assert small["changes"] == {"model.dropout": 0.1}
    assert small["verdict"]["sentence"] == best["verdict"]["sentence"]
    assert small["note"] == "rates"
    assert (small["sweep"], small["base"]) == (outcome["sweep"], ""), "the current settings were never reproduced"
    (path,) = (prepared / "results/.sweeps" / LANE).glob("*/outcome.json")
    assert json.loads(path.read_text()) == outcome, "the report shows it"
    assert outcome["optimism"]["optimism"] == outcome["optimism"]["naive"] - outcome["optimism"]["honest"]
    assert git(prepared, "status", "--porcelain") == ""

    # Each trial is a run of one group in W&B, with its values for the charts and what became of it.
    seen = set()
    for path in sorted(prepared.glob("wandb/offline-run-*"), reverse=True):
        try:
            run = read_back(path)
        except OSError:
            continue  # killed as it began
        assert run["group"] == outcome["sweep"]
        assert run["config"]["sweep"].keys() == {"learning_rate", "dropout"}
        seen.add(run["summary"].get("state"))
        if {"complete", "pruned"} <= seen:
            break
    assert {"complete", "pruned"} <= seen


def test_typed_again_or_without_its_journal_it_trains_nothing(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = finished
    (path,), before = journals(inside), folds(inside)
    # A line was cut, such as by a full disk: said, and nothing is lost.
    path.write_bytes(path.read_bytes() + b'{"op_code":')
    first, said = swept(capsys)
    assert "its last line was cut in the middle; its 11 bytes are removed" in said
    assert (first["folds_trained_now"], first["finished"]) == (0, True)
    records = sorted((inside / "results/experiments" / LANE).iterdir())

    shutil.rmtree(path.parent)
    again, _ = swept(capsys)
    assert again["folds_trained_now"] == 0
    assert folds(inside) == before
    assert [trial["values"] for trial in again["all"]] == [trial["values"] for trial in first["all"]]
    assert again["best"]["run_id"] == first["best"]["run_id"]
    assert sorted((inside / "results/experiments" / LANE).iterdir()) == records


def test_the_best_can_be_kept_and_the_sweep_goes_on_from_there(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = finished
    (record,) = (inside / "results/.memory" / LANE).glob("*.json")
    journal = journals(inside)
    assert "model.dropout: 0.3 -> 0.1" in keep(record.stem)
    outcome, _ = swept(capsys)
    assert outcome["folds_trained_now"] == 0
    assert (outcome["best"]["changes"], outcome["best"]["verdict"]) == ({}, None)
    assert journals(inside) == journal
    sweep(LANE, trials=TRIALS)
    assert "is the current settings by now" in capsys.readouterr().out


def test_a_sweep_whose_trials_all_fail_is_an_error(inside: Path) -> None:
    (inside / f"sweeps/{LANE}.yaml").write_text("learning_rate: {choices: [1.0e+30, 1.0e+31]}\n")
    with pytest.raises(UserError, match=f"{LANE}: all 2 trials failed; the first: .* became nan") as error:
        sweep(LANE, trials=2)
    assert f"change sweeps/{LANE}.yaml" in error.value.next_step
