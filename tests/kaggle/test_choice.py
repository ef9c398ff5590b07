"""Which two submissions to select: by real runs' rows, and what is said where these are not here."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.experiments import test_compare
from tests.kaggle.test_submit import FAST
from tests.services import kaggle_fixture
from tests.services.kaggle_server import KaggleServer

from groundwork.experiments import memory
from groundwork.kaggle import ledger
from groundwork.kaggle.choice import _likeness, recommend
from groundwork.kaggle.ledger import Entry
from groundwork.kaggle.submissions import submissions

kaggle_server = kaggle_fixture.kaggle_server
_made, runs = test_compare._made, test_compare.runs


def entry(run: str, reference: int, **changes: str) -> Entry:
    values = dict.fromkeys(ledger.COLUMNS, "") | {"lane": "titanic", "wandb_run": run, "status": "complete"}
    return Entry(**values | {"reference": str(reference), "time": f"2026-11-20T12:00:0{reference}+00:00"} | changes)


def score(run: str) -> float:
    return float(json.loads(Path(f"results/experiments/titanic/{run}.json").read_text())["metrics"]["oof"])


def test_the_best_and_one_that_is_unlike_it_and_no_worse(runs: list[str]) -> None:
    nothing, *alike = runs
    best, other = sorted(alike, key=score, reverse=True)
    found = recommend([entry(nothing, 1), entry(other, 2), entry(best, 3)])
    (first, why), (second, reason) = found.selected
    assert (first.wandb_run, second.wandb_run) == (best, other)
    assert f"{score(best):.4f} over all out-of-fold rows, the best of 3: better than 1 of the others by verdict" in why
    assert "no proof that it is better than 1 of them" in why
    assert f"no difference seen between {best} and {other}" in reason
    outcomes = {one.entry.wandb_run: one.verdict["outcome"] for one in found.judged}
    assert outcomes == {nothing: "better", other: "no difference"}
    likeness = {one.entry.wandb_run: one.likeness for one in found.judged}
    assert f"correlate {likeness[other]:.2f} with the first one's" in reason
    assert not found.left_out


def test_where_all_others_are_worse_that_is_said(runs: list[str]) -> None:
    nothing, _, last = runs
    (_, _), (second, why) = recommend([entry(last, 1), entry(nothing, 2)]).selected
    assert second.wandb_run == nothing
    assert why.startswith("every other one is worse by verdict; this is the closest")


def test_rejected_ones_do_not_count_and_the_newest_of_a_run_does(runs: list[str]) -> None:
    _, one, last = runs
    found = recommend([entry(last, 1), entry(last, 2), entry(one, 3, status="error")])
    ((chosen, why),) = found.selected
    assert (chosen.reference, found.judged) == ("2", [])
    assert "it is the only one that can be judged" in why


def test_without_rows_there_is_no_verdict_and_that_is_said(runs: list[str]) -> None:
    nothing, one, last = runs
    memory.note(one, "why", Path("results"))
    Path(f"results/experiments/titanic/{one}.json").unlink()
    found = recommend([entry(one, 1), entry(last, 2), entry("gone", 3)])
    reasons = {left.wandb_run: why for left, why in found.left_out}
    assert reasons["gone"] == "its run is not among the records here"
    (why,) = [why for run, why in reasons.items() if run != "gone"]
    assert why.startswith("no verdict: ")
    assert "only its small record is here" in why
    ((_, said),) = found.selected
    assert "by the records alone: without out-of-fold rows there is no verdict" in said
    assert recommend([entry("gone", 3)]).selected == ()
    frame = pd.read_parquet("results/titanic/oof.parquet")
    shutil.rmtree("results/.folds")
    assert len(frame)
    assert [left.wandb_run for left, _ in recommend([entry(nothing, 1), entry(last, 2)]).left_out] == [nothing]


def test_likeness_of_numbers_and_of_ranked_items() -> None:
    one = np.random.default_rng(0).random((50, 2))
    assert _likeness(one, 3 * one + 1) == pytest.approx(1)
    assert _likeness(one, -one) == pytest.approx(-1)
    assert _likeness(one, np.ones_like(one)) == 0
    # Rare classes: two that have nothing to do with each other are not alike, although both state small probabilities.
    rare = np.random.default_rng(0).uniform(0, 0.05, (2, 1_000))
    first, second = (np.stack([1 - side, side], axis=1) for side in rare)
    assert abs(_likeness(first, second)) < 0.1
    assert _likeness(first, first) == pytest.approx(1)
    assert _likeness(np.array([[1, 2, 3, 4], [5, 6, -1, -1]]), np.array([[4, 9, 3, 8], [7, 8, -1, -1]])) == 0.25


def test_the_command_says_it_in_words_and_as_documented_json(
    runs: list[str], kaggle_server: KaggleServer, repository: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for number, run in enumerate(runs):
        ledger.append(entry(run, number, lane="twin" if number == 0 else "titanic"))
    shutil.copytree("results/experiments/titanic", "results/experiments/twin")
    titanic = test_compare.TITANIC
    submissions("titanic", titanic, ["titanic", "twin"], timing=FAST)
    said = capsys.readouterr().out
    assert "Kaggle counts the better of two; select:" in said
    assert re.search(rf"  1\. \d \(titanic, run ({'|'.join(runs[1:])})\): accuracy", said)
    assert "lane" in said
    submissions("titanic", titanic, ["titanic"], as_json=True, timing=FAST)
    content = json.loads(capsys.readouterr().out)
    assert [one["run_id"] for one in content["submissions"]] == runs[1:], "the other lane was not asked for"
    assert {one["run_id"] for one in content["selected"]} == set(runs[1:])
    assert [one["verdict"] is None for one in content["submissions"]].count(True) == 1
    page = (repository / "docs/leaderboard.md").read_text().partition("## Submissions")[2]
    documented = set(re.findall(r"`(\w+)`", page))
    assert {*content, *content["submissions"][0], *content["selected"][0]} <= documented


def test_nothing_handed_in_is_empty_json_and_asks_nobody(
    runs: list[str], kaggle_server: KaggleServer, capsys: Any
) -> None:
    submissions("titanic", test_compare.TITANIC, as_json=True, timing=FAST)
    content = json.loads(capsys.readouterr().out)
    assert (content["submissions"], content["selected"], content["not_judged"]) == ([], [], [])
    assert kaggle_server.operations == []
