"""The leaderboard reads, sorts and prints experiments and baselines."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import groundwork
from groundwork.cli import app
from groundwork.errors import UserError
from groundwork.experiments.leaderboard import leaderboard
from groundwork.experiments.records import load
from groundwork.experiments.selection import differing, since

Write = Callable[..., dict[str, Any]]

TERMINAL = {"FORCE_COLOR": "1"}


def make_current(record: dict[str, Any], lane: str = "titanic") -> None:
    """Write the record to the place of the current experiment of `lane`."""
    folder = Path("results") / lane
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiment.json").write_text(json.dumps(record))
    (folder / "run.json").write_text(json.dumps(record["run"]))


def write_baselines(lane: str = "titanic", further: dict[str, float] | None = None, **means: float) -> Path:
    """Write baselines with these mean scores into the lane's results; underscores in names become spaces."""
    metrics = {"metric": "accuracy", "higher_is_better": True, "sd": 0.02, "folds": [0.5] * 3, "rows": 100}
    records = [
        {"name": name.replace("_", " "), "seconds": 90.0, "folds_sha256": "f" * 64, "data_sha256": "d" * 64}
        | {"metrics": metrics | {"mean": mean, "oof": mean + 0.001, "further": further or {}}}
        for name, mean in means.items()
    ]
    path = Path("results", lane, "baselines.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records))
    return path


def shown_at(columns: int, environment: Mapping[str, str] = TERMINAL) -> list[str]:
    """Return the lines of the leaderboard on a terminal of this width, or in a pipe with another `environment`."""
    code = "from groundwork.experiments.leaderboard import leaderboard; leaderboard()"
    source = str(Path(groundwork.__file__).parents[1])
    environment = {**environment, "PYTHONPATH": source, "COLUMNS": str(columns), "PYTHONUTF8": "1"}
    return subprocess.check_output([sys.executable, "-c", code], env=environment, encoding="utf-8").splitlines()


def write_ledger(*rows: str) -> None:
    columns = (
        "time,lane,file_sha256,reference,commit,dvc_lock_sha256,wandb_run,cv,public_score,private_score,status,message"
    )
    Path("submissions").mkdir()
    Path("submissions/ledger.csv").write_text("\n".join([columns, *rows]) + "\n")


def test_the_best_stands_first_where_higher_is_better(experiment: Write) -> None:
    for run_id, mean in (("low", 0.7), ("high", 0.9), ("middle", 0.8)):
        experiment(run_id, mean=mean)
    assert [experiment.run_id for experiment in load("titanic")[0]] == ["high", "middle", "low"]


def test_the_best_stands_first_where_lower_is_better(experiment: Write) -> None:
    for run_id, mean in (("low", 0.1), ("high", 0.3), ("middle", 0.2)):
        experiment(run_id, "house-prices", mean, metrics={"metric": "rmse_log", "higher_is_better": False})
    assert [experiment.run_id for experiment in load("house-prices")[0]] == ["low", "middle", "high"]


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
    assert {experiment.run_id: experiment.public_score for experiment in load("titanic")[0]} == {
        "abc": "0.77751",
        "other": None,
    }


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


def test_the_table_holds_score_commit_and_the_current_mark(experiment: Write, capsys: Any) -> None:
    experiment("first", params={"model": {"dropout": 0.2}})
    experiment("second", mean=0.9, params={"model": {"dropout": 0.4}}, run={"dirty": True, "commit": "1234567890"})
    Path("results/titanic").mkdir()
    Path("results/titanic/run.json").write_text('{"run_id": "first"}')
    leaderboard(["titanic"])
    lines = capsys.readouterr().out.splitlines()
    second, first = (next(line for line in lines if name in line) for name in ("second", "first"))
    assert lines.index(second) < lines.index(first)
    assert "0.9000 ± 0.0100" in second
    assert "1234567*" in second
    assert "model.dropout=0.4" in second
    assert "▸ first" in first
    assert "▸" not in second
    assert "constant" not in "".join(lines), "no baselines, no rows: what old experiments say of a constant is not read"


def test_baselines_stand_among_the_experiments_by_their_score_without_a_rank(experiment: Write, capsys: Any) -> None:
    experiment("poor", mean=0.5)
    experiment("good", mean=0.8)
    write_baselines(constant=0.45, TF_IDF_and_a_line=0.6, level=0.8)
    leaderboard()
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split("0.")[0].split() for line in lines if " ± " in line]
    assert rows == [["1", "good"], ["level"], ["TF", "IDF", "and", "a", "line"], ["2", "poor"], ["constant"]]
    (row,) = (line for line in lines if "TF IDF" in line)
    assert row.split("line")[1].split() == ["0.6000", "±", "0.0200", "0.6010", "3"]


def test_baselines_stand_the_other_way_round_where_lower_is_better(experiment: Write, capsys: Any) -> None:
    metric = {"metric": "accuracy", "higher_is_better": False}
    experiment("abc", mean=0.5, metrics=metric)
    write_baselines(worse=0.6, better=0.4)
    leaderboard()
    out = capsys.readouterr().out
    assert out.index("better") < out.index("abc") < out.index("worse")


def test_baselines_are_dim(experiment: Write) -> None:
    experiment("abc")
    write_baselines(constant=0.6)
    lines = shown_at(100)
    assert "\x1b[2m" in next(line for line in lines if "constant" in line)
    assert "\x1b[2m" not in next(line for line in lines if "abc" in line)


def test_baselines_of_other_folds_or_another_metric_are_not_shown(experiment: Write, capsys: Any) -> None:
    experiment("abc")
    path = write_baselines(other_folds=0.6, other_metric=0.7, fitting=0.75)
    records = json.loads(path.read_text())
    records[0]["folds_sha256"] = "e" * 64
    records[1]["metrics"]["metric"] = "auc"
    path.write_text(json.dumps(records))
    leaderboard()
    out, err = capsys.readouterr()
    assert "other" not in out
    assert "fitting" in out
    assert err == ""


@pytest.mark.parametrize(
    "content", ["{", "[{}]", "3", "null", '{"name": 3}', '[{"folds_sha256": 3, "metrics": []}]', "\udcff"]
)
def test_broken_baselines_are_a_warning(content: str, experiment: Write, capsys: Any) -> None:
    experiment("abc")
    path = write_baselines(constant=0.6)
    path.write_bytes(content.encode(errors="surrogateescape"))
    leaderboard()
    out, err = capsys.readouterr()
    assert "abc" in out
    assert "constant" not in out
    assert err.startswith(f"warning: {path}: ")
    assert err.count("\n") == 1


def test_further_metrics_have_columns_and_an_experiment_without_them_gaps(experiment: Write, capsys: Any) -> None:
    experiment("old", mean=0.7)
    experiment("new", mean=0.8, metrics={"further": {"mrr": 0.5432, "ndcg@10": 0.9876}})
    write_baselines(constant=0.6, further={"mrr": 0.4321, "ndcg@10": 0.8765})
    leaderboard()
    lines = capsys.readouterr().out.splitlines()
    heading = next(line for line in lines if "run id" in line).split()
    assert heading[:8] == ["#", "run", "id", "accuracy", "↑", "pooled", "mrr", "ndcg@10"]
    new, old, constant = (next(line for line in lines if f" {name} " in line) for name in ("new", "old", "constant"))
    assert new.split("±")[1].split()[:5] == ["0.0100", "0.8000", "0.5432", "0.9876", "2"]
    assert constant.split()[-3:] == ["0.4321", "0.8765", "3"]
    assert old.split("±")[1].split()[:3] == ["0.0100", "0.7000", "2"]


@pytest.mark.parametrize("name", ["constant", "TF_IDF_of_words_and_characters_and_logistic_regression"])
def test_many_metrics_and_long_names_fit_into_80_columns(name: str, experiment: Write) -> None:
    further = {"mrr": 0.5432, "ndcg@10": 0.9876, "recall@10": 0.5}
    experiment("abcdefgh", metrics={"further": further})
    experiment("ijklmnop", metrics={"further": further}, params={"model": {"dropout": 0.4}})
    write_baselines(**{name: 0.6}, further=further)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in shown_at(80)]
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    text = " ".join(" ".join(lines).split())
    for part in ("1 abcdefgh", "2 ijklmnop", "0.8000 ± 0.0100", "recall@10", *name.split("_"), "model.dropout=0.4"):
        assert part in text


def test_it_is_whole_at_80_columns_and_plain_in_a_pipe(experiment: Write, tmp_path: Path) -> None:
    for index in range(4):
        params = {
            "training": {"learning_rate": index / 1000, "weight_decay": index / 10, "label_smoothing": index / 20}
        }
        experiment(f"abcdefg{index}", mean=0.8 + index / 100, params=params)
    experiment("hijklmno", run={"folds_sha256": "e" * 64, "started": "2026-11-20T12:00:00+00:00"})
    piped = "\n".join(shown_at(80, {}))
    assert "\x1b" not in piped
    assert "…" not in piped
    assert sum("training.weight_decay=" in line and "abcdefg" in line for line in piped.splitlines()) == 4
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in shown_at(80)]
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    assert sum("training.weight_decay=0" in line for line in lines) == 4
    assert sum("hijklmno" in line for line in lines) == 2, "its row, and what differs"


def test_a_clone_that_pulled_the_results_has_their_experiment(experiment: Write, capsys: Any) -> None:
    make_current(experiment("pulled"))
    Path("results/experiments/titanic/pulled.json").unlink()
    Path("results/experiments/titanic").rmdir()
    leaderboard(["titanic"])
    assert "▸ pulled" in capsys.readouterr().out


def test_an_experiment_that_lies_in_both_places_counts_once(experiment: Write) -> None:
    make_current(experiment("twice"))
    experiment("once")
    assert sorted(experiment.run_id for experiment in load("titanic")[0]) == ["once", "twice"]


def test_a_broken_copy_is_named_and_the_whole_one_counts(experiment: Write) -> None:
    make_current(experiment("twice"))
    Path("results/titanic/experiment.json").write_text("{")
    experiments, (problem,) = load("titanic")
    assert [experiment.run_id for experiment in experiments] == ["twice"]
    assert problem.startswith("results/titanic/experiment.json: is not an experiment")


def test_only_experiments_on_the_current_ones_rows_and_folds_are_ranked(experiment: Write, capsys: Any) -> None:
    name = "folds_sha256"
    experiment("sample", mean=0.99, run={name: "e" * 64}, params={"source": "sample"})
    experiment("first", mean=0.70, params={"source": "kaggle", "model": {"dropout": 0.4}})
    make_current(experiment("now", mean=0.75, params={"source": "kaggle"}))
    assert [(experiment.run_id, experiment.comparable) for experiment in load("titanic")[0]] == [
        ("now", True),
        ("first", True),
        ("sample", False),
    ]
    leaderboard()
    out = capsys.readouterr().out
    above, below = out.split("Other rows or folds than now's: not comparable")
    ranked = [line.split() for line in above.splitlines() if "now " in line or "first" in line]
    assert [words[0] for words in ranked if words[0] != "no"] == ["1", "2"]
    assert "no verdict on now and first: " in above
    assert "model.dropout=0.4" in above
    assert "sample" not in above
    assert "source" not in above, "equal in all that are ranked"
    (row,) = (line for line in below.splitlines() if " sample " in line)
    assert row.startswith("– ")
    assert f"{name}=eeeeeee" in row
    assert "source=sample" in row
    assert "constant" not in below


def test_the_newest_experiment_says_what_is_comparable_where_none_is_current(experiment: Write) -> None:
    experiment("newer", mean=0.7, run={"started": "2026-11-21T13:00:00+00:00"})
    experiment("older", mean=0.9, run={"folds_sha256": "e" * 64})
    assert [(experiment.run_id, experiment.comparable) for experiment in load("titanic")[0]] == [
        ("newer", True),
        ("older", False),
    ]


def test_without_experiments_it_says_what_to_type(experiment: Write, capsys: Any) -> None:
    leaderboard()
    assert "dvc repro" in capsys.readouterr().out


def test_a_lane_without_experiments_gets_the_nearest_name(experiment: Write) -> None:
    experiment("abc")
    with pytest.raises(UserError, match="did you mean 'titanic'") as raised:
        leaderboard(["titanik"])
    assert raised.value.next_step.endswith("`dvc repro`")


def board(*arguments: str) -> Any:
    """Return what the command prints with `--json`."""
    Path("params.yaml").touch()
    done = CliRunner().invoke(app, ["leaderboard", "--json", *arguments])
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def four(experiment: Write) -> None:
    for number, (run_id, mean) in enumerate([("aaaa", 0.7), ("bbbb", 0.9), ("cccc", 0.8), ("dddd", 0.6)]):
        params = {"model": {"dropout": (4 - number) / 10}}
        started = f"2026-11-{20 + number}T12:00:00+00:00"
        further = {"log_loss": mean, **({"auc": mean} if run_id != "cccc" else {})}
        experiment(run_id, mean=mean, params=params, run={"started": started}, metrics={"further": further})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "bbbb cccc aaaa dddd"),
        (["--top", "2"], "bbbb cccc"),
        (["--sort", "when", "-n", "1"], "dddd"),
        (["--sort", "run"], "aaaa bbbb cccc dddd"),
        (["--sort", "dropout"], "dddd cccc bbbb aaaa"),
        (["--sort", "auc"], "bbbb aaaa dddd cccc"),
        (["--sort", "log_loss"], "dddd aaaa cccc bbbb"),
        (["--sort", "public"], "cccc bbbb aaaa dddd"),
        (["--since", "2026-11-22T00:00:00+00:00"], "cccc dddd"),
    ],
)
def test_top_sort_and_since_choose_the_rows_and_ranks_stay(
    arguments: list[str], expected: str, experiment: Write
) -> None:
    four(experiment)
    write_ledger("t,titanic,s,1,c,d,cccc,0.8,0.775,,COMPLETE,first", "t,titanic,s,2,c,d,bbbb,0.8,0.9,,COMPLETE,one")
    Path("submissions/ledger.csv").write_text(Path("submissions/ledger.csv").read_text().replace(",0.9,", ",0.09,"))
    (lane,) = board(*arguments)["lanes"]
    assert [row["run_id"] for row in lane["experiments"]] == expected.split()
    ranks = {"bbbb": 1, "cccc": 2, "aaaa": 3, "dddd": 4}
    assert all(row["rank"] == ranks[row["run_id"]] for row in lane["experiments"])
    assert lane["left_out"] == 4 - len(expected.split())
    printed = CliRunner().invoke(app, ["leaderboard", *arguments]).stdout
    rows = [line.split() for line in printed.splitlines() if " ± " in line]
    assert [(int(words[0]), words[1]) for words in rows] == [(ranks[name], name) for name in expected.split()]
    assert (f"{len(rows)} of 4 experiments" in printed) == (len(rows) < 4)


def test_a_lane_of_which_nothing_is_shown_is_no_error(experiment: Write) -> None:
    four(experiment)
    Path("params.yaml").touch()
    assert "0 of 4 experiments" in CliRunner().invoke(app, ["leaderboard", "--since", "1h"]).stdout


def test_spans_and_dates() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert since("7d", now) == datetime(2026, 11, 13, 12, tzinfo=UTC)
    assert since("36h", now) == datetime(2026, 11, 19, tzinfo=UTC)
    assert since("2w", now) == datetime(2026, 11, 6, 12, tzinfo=UTC)
    assert since("2026-11-20") == datetime(2026, 11, 20).astimezone(UTC), "midnight here"
    for wrong in ("yesterday", "7", "7y", "2026-13-01"):
        with pytest.raises(UserError, match="expected a date or a span") as caught:
            since(wrong)
        assert "--since 7d" in caught.value.next_step


def test_a_column_that_is_not_there_gets_the_closest_and_the_list(experiment: Write) -> None:
    four(experiment)
    Path("params.yaml").touch()
    error = CliRunner().invoke(app, ["leaderboard", "--sort", "droput"]).exception
    assert "--sort: no column 'droput'" in str(error)
    assert "log_loss, auc" in str(error)
    assert "model.dropout" in str(error)


def test_equal_retrainings_are_one_row_with_a_count(experiment: Write, capsys: Any) -> None:
    code = {"code_sha256": "c" * 64}
    experiment("first", run=code)
    experiment("again", run={**code, "started": "2026-11-22T12:00:00+00:00"}, note="why")
    experiment("other", mean=0.7, run=code, params={"seed": 1})
    experiment("edited", mean=0.6, run={"code_sha256": "d" * 64})
    experiment("unknown", mean=0.5), experiment("code", mean=0.4)
    leaderboard(["titanic"])
    rows = [line for line in capsys.readouterr().out.splitlines() if " ± " in line]
    assert [row.split()[1] for row in rows] == ["first", "other", "edited", "unknown", "code"]
    assert "first ×2" in rows[0]
    assert "“why”" in rows[0]
    assert "×" not in "".join(rows[1:])
    (lane,) = board()["lanes"]
    assert [(row["count"], row["retrained"]) for row in lane["experiments"]][:2] == [(2, ["again"]), (1, [])]
    make_current(json.loads(Path("results/experiments/titanic/again.json").read_text()))
    (lane,) = board()["lanes"]
    assert next((row["run_id"], row["retrained"]) for row in lane["experiments"]) == ("again", ["first"])


def test_json_has_what_is_documented(experiment: Write, repository: Path) -> None:
    four(experiment)
    experiment("hijklmno", run={"folds_sha256": "e" * 64, "started": "2026-11-19T12:00:00+00:00"})
    make_current(experiment("aaaa", metrics={"seeds": {"oof": [0.7, 0.8], "mean": 0.75, "sd": 0.07}}))
    write_baselines(constant=0.6)
    content = board("--top", "2")
    assert content["schema"] == 1
    (lane,) = content["lanes"]
    row = lane["experiments"][-2]
    assert (row["rank"], row["seeds"], row["current"]) == (2, [0.7, 0.8], True)
    assert [one["rank"] for one in lane["experiments"]] == [1, 2, None]
    assert "model.dropout" in lane["experiments"][0]["changes"]
    assert lane["verdicts"][0]["outcome"] == "none"
    page = (repository / "docs/leaderboard.md").read_text().partition("## Submissions")[0]
    documented = set(re.findall(r"`(\w+)`", page))
    assert {*content, *lane, *row, *lane["baselines"][0]} <= documented
    assert board("--top", "2") == content
