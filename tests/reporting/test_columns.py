"""Which columns networks rely on: shown if it was measured of this very run, else the command that measures it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from groundwork.experiments.importance import kept
from groundwork.files import write_json
from groundwork.reporting.page import report

PAGE = Path("results/report/index.html")
COLUMNS = [
    {"name": "Sex", "loss": 0.2, "sd": 0.01, "folds": [0.19, 0.21]},
    {"name": "Age<", "loss": -0.001, "sd": 0.01, "folds": [0.009, -0.011]},
]


def measured(run_id: str, **changes: Any) -> None:
    content = {"run_id": run_id, "metric": "accuracy", "rows": 100, "shuffles": 5, "columns": COLUMNS} | changes
    write_json(kept("titanic"), content)


def test_what_was_measured_of_the_run_is_drawn_and_nothing_of_another(experiment: Callable[..., Any]) -> None:
    record = experiment("abcdefgh", params={"competition": "titanic", "source": "sample"})
    Path("results/titanic/checkpoints").mkdir(parents=True)
    write_json(Path("results/titanic/run.json"), record["run"])
    hint = "<code>groundwork importance titanic</code>"
    assert report() == []
    assert hint in PAGE.read_text()
    measured("another1")
    assert report() == []
    assert hint in PAGE.read_text()
    assert "one of 2 columns is shuffled" not in PAGE.read_text()
    measured("abcdefgh")
    assert report() == []
    page = PAGE.read_text()
    assert hint not in page
    told = "accuracy is where one of 2 columns is shuffled; the most: Sex 0.2000, Age&lt; -0.0010"
    spec = page.partition(told)[2].partition('<script type="application/json">')[2].partition("</script>")[0]
    ticks, means = json.loads(spec)["layer"][1]["data"]["values"], json.loads(spec)["data"]["values"]
    assert [row["loss"] for row in ticks if row["column"] == "Sex"] == [0.19, 0.21]
    assert [row["column"] for row in means] == ["Sex", "Age<"]


def test_a_broken_file_is_named_with_the_command_that_mends_it(experiment: Callable[..., Any]) -> None:
    experiment("abcdefgh", params={"competition": "titanic", "source": "sample"})
    measured("abcdefgh", columns=[{"name": "Sex"}])
    (problem,) = report()
    assert "results/.importance/titanic.json: is not the importance of columns (KeyError('loss'))" in problem
    assert "`groundwork importance titanic` measures it again" in problem


def test_a_lane_without_a_table_is_not_asked_for_its_columns(experiment: Callable[..., Any]) -> None:
    record = experiment("abcdefgh", "digits", params={"competition": "digit_recognizer", "source": "sample"})
    Path("results/digits/checkpoints").mkdir(parents=True)
    write_json(Path("results/digits/run.json"), record["run"])
    assert report() == []
    assert "groundwork importance" not in PAGE.read_text()
