"""Small records of experiments travel with git: written, found, noted, merged, and shown in a fresh clone."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from groundwork import params
from groundwork.cli import app
from groundwork.errors import UserError
from groundwork.experiments import memory
from groundwork.experiments.leaderboard import leaderboard
from groundwork.experiments.records import load
from groundwork.reporting.page import report

Write = Callable[..., dict[str, Any]]
RESULTS = Path("results")
VERDICT = {"outcome": "no difference", "sentence": "s" * 200, "lines": ["l" * 100] * 5}


def tracked() -> list[str]:
    return sorted(path.name for path in RESULTS.glob("memory/*/*.json"))


def test_a_note_lets_git_track_the_record_of_that_run_alone(experiment: Write) -> None:
    whole = experiment("first"), experiment("second")
    path = memory.note("sec", "wider", RESULTS)
    assert path == Path("results/memory/titanic/second.json")
    assert tracked() == ["second.json"]
    content = json.loads(path.read_text())
    assert content["note"] == "wider"
    assert content["metrics"] == whole[1]["metrics"]
    assert content["run"]["params"] == whole[1]["run"]["params"]
    assert not {"history", "plot"} & content.keys()
    memory.note("second", "wider still", RESULTS)
    assert json.loads(path.read_text())["note"] == "wider still"


def test_what_was_tried_is_ignored_until_it_is_remembered(experiment: Write) -> None:
    record = experiment("tried")
    local = memory.put(memory.small(record, changes={"model.dropout": 0.4}, verdict=VERDICT), RESULTS)
    assert local == Path("results/.memory/titanic/tried.json")
    experiment("other", params={"seed": 1})
    assert len(memory.remember(["titanic"], RESULTS)) == 2
    assert tracked() == ["other.json", "tried.json"]
    assert not local.exists()
    assert json.loads(Path("results/memory/titanic/tried.json").read_text())["verdict"] == VERDICT
    assert memory.remember(["titanic"], RESULTS) == []


def test_equal_retrainings_are_remembered_once(experiment: Write) -> None:
    for run_id in ("one", "two"):
        experiment(run_id, run={"code_sha256": "c" * 64})
    experiment("edited", run={"code_sha256": "d" * 64})
    assert [path.stem for path in memory.remember(["titanic"], RESULTS)] == ["edited", "one"]


@pytest.mark.parametrize("seeds", [1, 10, 60])
def test_a_record_has_at_most_4_kilobytes_and_keeps_what_identifies_it(
    seeds: int, experiment: Write, repository: Path
) -> None:
    lanes = params.load(repository / "params.yaml").competitions
    for name, lane in lanes.items():
        fold = 0.8123456789012345
        by_seed = [{"oof": fold, "mean": fold, "folds": [fold] * 10}] * seeds
        record = experiment(
            "run",
            name,
            run={"params": {"seed": 0, **lane.model_dump(mode="json")}, "seeds": by_seed, "code_sha256": "c" * 64},
            metrics={"folds": [fold] * 10, "seeds": {"oof": [fold] * seeds, "mean": fold, "sd": 0.01}},
        )
        text = memory.text(memory.small(record, note="n" * 3000, verdict=VERDICT, changes={"model.dropout": 0.4}))
        assert len(text.encode()) <= 4096
        content = json.loads(text)
        assert content["run"]["params"] == record["run"]["params"]
        assert content["metrics"]["mean"] == record["metrics"]["mean"]
        assert content["note"] == "n" * 500
        if seeds <= 10:
            assert len(content["metrics"]["seeds"]["oof"]) == seeds
    assert text.count("\n") > 5, "git shows which part was changed"


def test_parameters_that_do_not_fit_are_refused(experiment: Write) -> None:
    record = experiment("run", params={"training": {"callbacks": ["c" * 5000]}})
    with pytest.raises(UserError, match=r"run run: its parameters and scores take 5,\d+ bytes; expected at most 4,096"):
        memory.text(memory.small(record))


@pytest.mark.parametrize(
    ("asked", "said"),
    [("frist", "no such run; did you mean 'first'?"), ("", "no such run"), ("f", "several runs begin so; it begins")],
)
def test_a_run_that_is_not_there_is_refused_with_the_closest(asked: str, said: str, experiment: Write) -> None:
    experiment("first"), experiment("fourth")
    with pytest.raises(UserError) as caught:
        memory.find(asked, RESULTS)
    assert said in caught.value.problem
    assert "groundwork leaderboard" in caught.value.next_step


@pytest.mark.parametrize("content", ["{", "[]", '{"run": 3}'])
def test_a_broken_record_is_named_and_left_out(content: str, experiment: Write) -> None:
    experiment("good")
    broken = Path("results/memory/titanic/broken.json")
    broken.parent.mkdir(parents=True)
    broken.write_text(content)
    experiments, problems = load("titanic")
    assert [experiment.run_id for experiment in experiments] == ["good"]
    assert [problem.partition(": ")[0] for problem in problems] == [str(broken)]
    with pytest.raises(UserError, match="is not a record of an experiment"):
        memory.find("broken", RESULTS)


def git(*arguments: str, folder: Path = Path(".")) -> str:
    name = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    done = subprocess.run(["git", *name, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_two_branches_merge_and_a_fresh_clone_shows_both_histories(
    experiment: Write, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    git("init", "--quiet", "-b", "main")
    Path(".gitignore").write_text((repository / ".gitignore").read_text())
    git("add", "--all")
    git("commit", "--quiet", "-m", "first")
    for branch, mean in (("one", 0.81), ("two", 0.82)):
        git("switch", "--quiet", "-c", branch, "main")
        experiment(branch, mean=mean, params={"model": {"dropout": mean}}, history=[], plot={})
        assert git("status", "--porcelain") == "", "a run by itself leaves git's status clean"
        memory.note(branch, f"why {branch}", RESULTS)
        git("add", "--all")
        git("commit", "--quiet", "-m", branch)
    git("merge", "--quiet", "one", "-m", "both")
    clone = tmp_path / "clone"
    git("clone", "--quiet", str(tmp_path), str(clone))
    monkeypatch.chdir(clone)
    assert not Path("results/experiments").exists()
    leaderboard()
    shown = capsys.readouterr().out
    first, second = (next(line for line in shown.splitlines() if name in line) for name in ("two", "one"))
    assert shown.index(first) < shown.index(second)
    assert "model.dropout=0.82" in first
    assert "“why two”" in first
    assert report(Path("report.html")) == []
    assert "0.8200" in Path("report.html").read_text()


def test_the_commands_name_the_files_and_the_next_step(experiment: Write, repository: Path) -> None:
    experiment("first"), experiment("second")
    Path("params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    done = CliRunner().invoke(app, ["note", "first", "why"])
    assert done.output.startswith("results/memory/titanic/first.json\n  -> commit it: `git add results/memory")
    done = CliRunner().invoke(app, ["remember"])
    assert done.output.startswith("results/memory/titanic/second.json\n")
    assert CliRunner().invoke(app, ["remember", "titanic"]).output == "every run is remembered already\n"
    wrong = CliRunner().invoke(app, ["remember", "titanik"])
    assert "did you mean 'titanic'?" in str(wrong.exception)
