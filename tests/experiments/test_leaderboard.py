"""What is read, how it is sorted, and what is printed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groundwork.errors import UserError
from groundwork.experiments.leaderboard import differing, leaderboard, load

Write = Callable[..., dict[str, Any]]


def write_ledger(*rows: str) -> None:
    columns = (
        "time,lane,file_sha256,reference,commit,dvc_lock_sha256,wandb_run,cv,public_score,private_score,status,message"
    )
    Path("submissions").mkdir()
    Path("submissions/ledger.csv").write_text("\n".join([columns, *rows]) + "\n")


def test_the_best_stands_first_where_higher_is_better(experiment: Write) -> None:
    for run_id, mean in (("low", 0.7), ("high", 0.9), ("middle", 0.8)):
        experiment(run_id, mean=mean)
    assert [one.run_id for one in load("titanic")[0]] == ["high", "middle", "low"]


def test_the_best_stands_first_where_lower_is_better(experiment: Write) -> None:
    for run_id, mean in (("low", 0.1), ("high", 0.3), ("middle", 0.2)):
        experiment(run_id, "house-prices", mean, metrics={"metric": "rmse_log", "higher_is_better": False})
    assert [one.run_id for one in load("house-prices")[0]] == ["low", "middle", "high"]


def test_only_what_differs_is_named_by_dotted_key(experiment: Write) -> None:
    experiment("a", params={"model": {"network": "fnn", "dropout": 0.2}})
    experiment("b", params={"model": {"network": "fnn", "dropout": 0.4, "width": 8}}, run={"data_sha256": "e" * 64})
    assert differing(load("titanic")[0]) == ["data_sha256", "model.dropout", "model.width"]
    assert differing(load("titanic")[0][:1]) == differing([]) == []


def test_the_newest_public_score_is_matched_by_the_run_id(experiment: Write) -> None:
    experiment("abc")
    experiment("other")
    write_ledger(
        "t,titanic,s,1,c,d,abc,0.8,0.77512,,COMPLETE,first",
        "t,titanic,s,2,c,d,abc,0.8,0.77751,,COMPLETE,second",
        "t,titanic,s,3,c,d,abc,0.8,,,PENDING,third",
    )
    assert {one.run_id: one.public_score for one in load("titanic")[0]} == {"abc": "0.77751", "other": None}


def test_a_ledger_without_its_columns_is_named(experiment: Write) -> None:
    experiment("abc")
    Path("submissions").mkdir()
    Path("submissions/ledger.csv").write_text("time,score\n1,2\n")
    experiments, problems = load("titanic")
    assert len(experiments) == 1
    assert problems == ["submissions/ledger.csv: no column 'public_score'; public scores are left out"]


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"run": {}}', '{"run": 3, "metrics": 4}', "\udcff"])
def test_a_broken_experiment_is_named_and_left_out(content: str, experiment: Write, capsys: Any) -> None:
    experiment("good")
    broken = Path("results/experiments/titanic/broken.json")
    broken.write_bytes(content.encode(errors="surrogateescape"))
    leaderboard()
    out, err = capsys.readouterr()
    assert "good" in out
    assert err.startswith(f"warning: {broken}: ")
    assert err.count("\n") == 1


def test_the_table_holds_score_commit_baseline_and_the_current_mark(experiment: Write, capsys: Any) -> None:
    experiment("first", params={"model": {"dropout": 0.2}})
    experiment("second", mean=0.9, params={"model": {"dropout": 0.4}}, run={"dirty": True, "commit": "1234567890"})
    Path("results/titanic").mkdir()
    Path("results/titanic/run.json").write_text('{"run_id": "first"}')
    leaderboard(["titanic"])
    lines = capsys.readouterr().out.splitlines()
    second, first, constant = (next(line for line in lines if name in line) for name in ("second", "first", "constant"))
    assert lines.index(second) < lines.index(first) < lines.index(constant)
    assert "0.9000 ± 0.0100" in second
    assert "1234567*" in second
    assert "model.dropout=0.4" in second
    assert "▸ first" in first
    assert "▸" not in second
    assert "0.6000" in constant


def test_an_experiment_worse_than_the_baseline_stands_below_it(experiment: Write, capsys: Any) -> None:
    experiment("poor", mean=0.5)
    leaderboard()
    out = capsys.readouterr().out
    assert out.index("constant") < out.index("poor")


def test_it_is_whole_at_80_columns_and_plain_in_a_pipe(experiment: Write, tmp_path: Path) -> None:
    import groundwork

    for index in range(4):
        params = {
            "training": {"learning_rate": index / 1000, "weight_decay": index / 10, "label_smoothing": index / 20}
        }
        experiment(f"abcdefg{index}", mean=0.8 + index / 100, params=params)
    code = "from groundwork.experiments.leaderboard import leaderboard; leaderboard()"
    environment = {"PYTHONPATH": str(Path(groundwork.__file__).parents[1]), "COLUMNS": "80", "PYTHONUTF8": "1"}
    piped = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True, encoding="utf-8")
    assert "\x1b" not in piped
    assert "…" not in piped
    assert sum("training.weight_decay=" in line and "abcdefg" in line for line in piped.splitlines()) == 4
    terminal = subprocess.check_output(
        [sys.executable, "-c", code], env=environment | {"FORCE_COLOR": "1"}, text=True, encoding="utf-8"
    )
    import re

    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in terminal.splitlines()]
    assert max(map(len, lines)) <= 80
    assert "…" not in terminal
    assert sum("training.weight_decay=" in line for line in lines) == 4


def test_without_experiments_it_says_what_to_type(experiment: Write, capsys: Any) -> None:
    leaderboard()
    assert "make repro" in capsys.readouterr().out


def test_a_lane_without_experiments_gets_the_nearest_name(experiment: Write) -> None:
    experiment("abc")
    with pytest.raises(UserError, match="did you mean 'titanic'") as raised:
        leaderboard(["titanik"])
    assert "dvc repro evaluate@titanik" in raised.value.next_step
