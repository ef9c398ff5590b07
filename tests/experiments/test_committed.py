"""What a comment on a pull request shows: scores and settings side by side, and a picture that GitHub draws."""

import csv
import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from groundwork.experiments.committed import Committed, markdown, mean_curve, picture, table
from groundwork.experiments.compare import Compared, Finder
from groundwork.experiments.remote import CACHE

RESULTS = Path("results")


def metrics(mean: float, folds: int = 3, **more: Any) -> dict[str, Any]:
    scores = [mean + fold / 100 for fold in range(folds)]
    return {"metric": "auc", "higher_is_better": True, "mean": mean, "sd": 0.01, "oof": mean, "folds": scores} | more


def drawn(after: Committed, before: Committed) -> dict[str, Any]:
    """Read a picture's text as Mermaid does."""
    key, spec = picture(after, before)
    assert re.fullmatch(r"```mermaid\n---\n.*\n---\nxychart-beta\n.*\n```", spec, re.DOTALL)
    lines = [[float(value) for value in line.split(", ")] for line in re.findall(r"line \[(.*)\]", spec)]
    assert len({*map(len, lines)}) == 1, "Mermaid spreads each line over the whole axis"
    low, high = map(float, re.search(r"y-axis (\S+) --> (\S+)", spec).groups())  # type: ignore[union-attr]
    assert all(low < value < high for line in lines for value in line)
    return {"key": key, "title": re.search('title "(.*)"', spec)[1], "lines": lines, "spec": spec}  # type: ignore[index]


def test_curves_of_equal_length_are_drawn_by_epoch_and_others_by_their_share() -> None:
    after, before = (
        Committed("HEAD", metrics(0.8), curve=[0.5, 0.7, 0.8]),
        Committed("base", metrics(0.7), curve=[0.5, 0.6, 0.7]),
    )
    found = drawn(after, before)
    assert (found["key"], found["title"]) == ("🟦 HEAD · 🟧 base", "validation auc by epoch, mean over folds")
    assert found["lines"] == [after.curve, before.curve]
    assert "x-axis 0 --> 2" in found["spec"]
    longer = Committed("HEAD", metrics(0.8), curve=[epoch / 100 for epoch in range(101)])
    found = drawn(longer, before)
    assert found["title"] == "validation auc by % of the epochs, mean over folds"
    assert found["lines"][0] == pytest.approx([part / 20 for part in range(21)])
    assert found["lines"][1] == pytest.approx([0.5 + part / 100 for part in range(21)])


def test_without_curves_the_folds_are_drawn_and_nothing_where_they_do_not_match() -> None:
    after, before = Committed("HEAD", metrics(0.8), curve=[0.5, 0.7]), Committed("base", metrics(0.7))
    found = drawn(after, before)
    assert found["title"] == "auc by fold"
    assert "x-axis [0, 1, 2]" in found["spec"]
    for line, one in zip(found["lines"], (after, before), strict=True):
        assert line == pytest.approx(one.metrics["folds"])
    assert drawn(after, Committed("base", metrics(0.8)))["lines"][0] == pytest.approx(after.metrics["folds"])
    assert picture(after, Committed("base", metrics(0.7, folds=5))) == []
    assert picture(after, Committed("base")) == []
    assert picture(after, Committed("base", metrics(0.7, metric="accuracy"))) == []


def test_a_curve_is_the_mean_of_all_folds_as_far_as_all_have_it() -> None:
    rows: list[dict[str, Any]] = [
        {"fold": fold, "epoch": epoch, "val_auc": value}
        for fold, values in enumerate(
            [
                (0.5, 0.6, 0.9),
                ("0.7", 0.8),
            ]
        )
        for epoch, value in enumerate(values)
    ]
    assert mean_curve([*rows, {"fold": 1, "epoch": 9, "val_auc": ""}], "val_auc") == pytest.approx([0.6, 0.7])
    assert mean_curve(rows, "val_loss") == []


def test_the_table_has_settings_that_decide_a_score_and_no_others() -> None:
    before = Committed("base", metrics(0.7, further={"mrr": 0.5}), {"model.dropout": 0.2, "store": "5 GB", "seed": 0})
    after = Committed("HEAD", metrics(0.8), {"model.width": "a|b", "store": "9 GB", "seed": 0})
    (text,) = table(after, before)
    assert text.splitlines() == [
        "| | base | HEAD |",
        "|---|--:|--:|",
        "| auc ↑ | 0.7000 ± 0.0100 | 0.8000 ± 0.0100 |",
        "| over all out-of-fold rows | 0.7000 | 0.8000 |",
        "| mrr | 0.5000 | – |",
        "| `model.dropout` | `0.2` | – |",
        r"| `model.width` | – | `a\|b` |",
    ]
    (text,) = table(after, Committed("base"))
    assert "| auc ↑ | – | 0.8000 ± 0.0100 |" in text


def commit(message: str) -> None:
    subprocess.run(["git", "add", "."], check=True)
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *identity, "commit", "--quiet", "--message", message], check=True)
    subprocess.run(["git", "tag", message], check=True)


def results(mean: float, dropout: float, curve: list[float]) -> None:
    """Write what a pipeline commits of one lane, and its history into DVC's cache."""
    RESULTS.joinpath("metrics").mkdir(parents=True, exist_ok=True)
    RESULTS.joinpath("metrics", "titanic.json").write_text(json.dumps(metrics(mean)))
    digest = hashlib.md5(repr(curve).encode(), usedforsecurity=False).hexdigest()
    cached = CACHE / digest[:2] / digest[2:]
    cached.parent.mkdir(parents=True)
    with cached.open("w", newline="") as stream:
        csv.writer(stream).writerows([("fold", "epoch", "val_auc"), *((0, *one) for one in enumerate(curve))])
    recorded = {"seed": 0, "competitions.titanic": {"source": "sample", "model": {"dropout": dropout}}}
    outs = [{"path": "results/titanic/history.csv", "md5": digest}]
    entry = {"params": {"params.yaml": recorded}, "outs": outs}
    Path("dvc.lock").write_text(json.dumps({"stages": {"train@titanic": entry}}))


def test_commits_are_read_from_git_and_the_curves_from_the_cache_of_dvc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    Path(".gitignore").write_text(f"/{CACHE.parts[0]}/\n")
    settings = {"competitions": {"titanic": {"model": 1}, "house-prices": {"model": 1}}}
    Path("params.yaml").write_text(json.dumps(settings))
    results(0.7, 0.2, [0.4, 0.6])
    commit("base")
    results(0.8, 0.3, [0.5, 0.7])
    settings["competitions"] |= {"titanic": {"model": 2}, "house-prices": {"model": 2}}
    settings["blends"] = {"mean": {"members": 2}}
    Path("params.yaml").write_text(json.dumps(settings))
    commit("new")
    text = markdown("new", "base", [Compared("titanic")], Finder(RESULTS))
    assert text.startswith("### titanic (sample data)\n\nno verdict: ")
    assert "| `model.dropout` | `0.2` | `0.3` |" in text
    assert "line [0.5, 0.7]\n  line [0.4, 0.6]" in text
    assert text.endswith(
        "`params.yaml` has other settings of house-prices, mean, but no other results were committed: run "
        "`groundwork repro house-prices mean`, and commit `dvc.lock` and `results/metrics`."
    ), "titanic's were"
    text = markdown("new", "base", [], Finder(RESULTS))
    assert text.startswith(
        "new and base have equal metrics in every lane.\n\n`params.yaml` has other settings of house-"
    )
