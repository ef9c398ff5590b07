import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.training.tiny import PRICES, SURVIVAL, trained

from groundwork.competitions import Labelled
from groundwork.errors import UserError
from groundwork.objectives.decisions import from_json
from groundwork.objectives.oof import cross_validate
from groundwork.objectives.thresholds import Threshold
from groundwork.stages.evaluate import _decided, evaluate

LANE = "lane"
RESULTS = Path("results")


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def classes(rows: int = 70) -> pd.DataFrame:
    """Make three classes, in folds of unequal size and shares."""
    rng = np.random.default_rng(0)
    fold = np.repeat([0, 1, 2], [rows - 30, 20, 10])
    target = np.where(rng.random(rows) < 0.5, fold, rng.integers(0, 3, rows))
    probabilities = rng.dirichlet(np.ones(3), rows)
    names = {f"p{index}": probabilities[:, index] for index in range(3)}
    return pd.DataFrame({"id": np.arange(rows), "fold": fold.astype(np.int8), "target": target, **names})


def prices(rows: int = 70) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    target = rng.lognormal(12, 0.4, rows)
    predicted = (target * rng.lognormal(0, 0.1, rows)).astype(np.float32)
    fold = (np.arange(rows) % 3).astype(np.int8)
    return pd.DataFrame({"id": np.arange(rows), "fold": fold, "target": target, "prediction": predicted})


def written(oof: pd.DataFrame, run_id: str = "run1") -> None:
    folder = RESULTS / LANE
    folder.mkdir(parents=True, exist_ok=True)
    oof.to_parquet(folder / "oof.parquet")
    (folder / "run.json").write_text(json.dumps({"run_id": run_id, "seconds": 3.5}))
    history = pd.DataFrame({"fold": [0, 0], "epoch": [0, 1], "train_loss": [0.7, 0.6], "val_accuracy": [0.5, 0.6]})
    history.to_csv(folder / "history.csv", index=False)


def test_accuracy_is_cross_validated_as_one_would_by_hand() -> None:
    oof = classes()
    hit = (oof[["p0", "p1", "p2"]].to_numpy().argmax(1) == oof["target"]).to_numpy()
    folds = [hit[oof["fold"] == fold].mean() for fold in range(3)]
    scores = cross_validate(oof, "accuracy")
    assert scores == {
        "metric": "accuracy",
        "higher_is_better": True,
        "oof": pytest.approx(hit.mean()),
        "mean": pytest.approx(sum(folds) / 3),
        "sd": pytest.approx(math.sqrt(sum((score - sum(folds) / 3) ** 2 for score in folds) / 3)),
        "folds": pytest.approx(folds),
        "further": {},
        "rows": 70,
    }
    assert scores["mean"] != pytest.approx(scores["oof"])


def test_rmse_of_the_logarithm_is_cross_validated_as_one_would_by_hand() -> None:
    oof = prices()
    squares = (np.log(oof["target"]) - np.log(oof["prediction"])) ** 2
    scores = cross_validate(oof, "rmse_log")
    assert not scores["higher_is_better"]
    assert scores["oof"] == pytest.approx(math.sqrt(squares.mean()), rel=1e-5)
    assert scores["folds"] == pytest.approx([math.sqrt(squares[oof["fold"] == k].mean()) for k in range(3)], rel=1e-5)


def test_further_metrics_are_those_of_all_rows_at_once() -> None:
    oof = prices()
    scores = cross_validate(oof, "rmse_log", ["rmse"])
    squares = (oof["target"] - oof["prediction"]) ** 2
    assert scores["further"] == {"rmse": pytest.approx(math.sqrt(squares.mean()), rel=1e-6)}
    assert scores["oof"] == cross_validate(oof, "rmse_log")["oof"]


def test_one_fold_alone_has_no_spread() -> None:
    oof = classes()
    scores = cross_validate(oof[oof["fold"] == 0], "accuracy")
    assert scores["sd"] == 0
    assert scores["folds"] == [scores["mean"]] == [scores["oof"]]


def test_the_spread_over_seeds_is_recorded_where_there_are_several() -> None:
    trained(SURVIVAL, epochs=2, seeds=2)
    metrics = evaluate("survival", SURVIVAL, RESULTS)
    first, second = metrics["seeds"]["oof"]
    assert first != second
    assert metrics["seeds"]["mean"] == pytest.approx((first + second) / 2)
    assert metrics["seeds"]["sd"] == pytest.approx(abs(first - second) / math.sqrt(2))
    trained(SURVIVAL, epochs=2)
    assert evaluate("survival", SURVIVAL, RESULTS)["oof"] == first
    assert "seeds" not in json.loads((RESULTS / "metrics/survival.json").read_text())


@pytest.mark.parametrize("competition", [SURVIVAL, PRICES], ids=lambda competition: competition.slug)
def test_a_trained_lane_is_scored_recorded_and_scored_the_same_again(competition: Labelled) -> None:
    trained(competition, epochs=2)
    metrics = evaluate(competition.slug, competition, RESULTS)
    run = json.loads((RESULTS / competition.slug / "run.json").read_text())
    files = {
        RESULTS / "metrics" / f"{competition.slug}.json",
        RESULTS / "experiments" / competition.slug / f"{run['run_id']}.json",
    }
    contents = {path: path.read_bytes() for path in files}
    stored, record = (json.loads(contents[path]) for path in sorted(files, key=lambda path: "experiments" in str(path)))
    assert stored == metrics
    assert record["run"] == run
    assert (record["lane"], record["metrics"]) == (competition.slug, metrics)
    assert [(row["fold"], row["epoch"]) for row in record["history"]] == [(f, e) for f in range(3) for e in range(2)]
    assert metrics["oof"] == pytest.approx(cross_validate(_oof(competition), metrics["metric"])["oof"])
    if competition is SURVIVAL:
        assert np.array(record["plot"]["matrix"]).sum() == 120
        assert np.trace(record["plot"]["matrix"]) / 120 == pytest.approx(metrics["oof"])
    else:
        assert sorted(record["plot"]["actual"]) == pytest.approx(sorted(_oof(competition)["target"]))
    for path in files:
        path.unlink()
    evaluate(competition.slug, competition, RESULTS)
    assert {path: path.read_bytes() for path in files} == contents


def _oof(competition: Labelled) -> pd.DataFrame:
    return pd.read_parquet(RESULTS / competition.slug / "oof.parquet")


def test_metrics_hold_nothing_of_one_run_alone() -> None:
    written(classes(), "one")
    evaluate(LANE, SURVIVAL, RESULTS)
    first = (RESULTS / "metrics" / "lane.json").read_bytes()
    written(classes(), "two")
    evaluate(LANE, SURVIVAL, RESULTS)
    assert (RESULTS / "metrics" / "lane.json").read_bytes() == first
    assert {path.name for path in (RESULTS / "experiments" / LANE).iterdir()} == {"one.json", "two.json"}


def test_the_confusion_matrix_has_actual_rows_and_predicted_columns() -> None:
    probabilities = {"p0": [0.9, 0.2, 0.1], "p1": [0.1, 0.7, 0.8], "p2": [0.0, 0.1, 0.1]}
    written(pd.DataFrame({"id": [1, 2, 3], "fold": 0, "target": [0, 0, 1], **probabilities}))
    evaluate(LANE, SURVIVAL, RESULTS)
    record = json.loads((RESULTS / "experiments" / LANE / "run1.json").read_text())
    assert record["plot"] == {"kind": "confusion", "classes": [0, 1, 2], "matrix": [[1, 1, 0], [0, 1, 0], [0, 0, 0]]}


def test_a_scatter_shows_a_thousand_pairs_at_most() -> None:
    written(prices(1500))
    evaluate(LANE, PRICES, RESULTS)
    plot = json.loads((RESULTS / "experiments" / LANE / "run1.json").read_text())["plot"]
    oof = prices(1500)
    assert plot["kind"] == "scatter"
    assert len(plot["actual"]) == len(plot["predicted"]) == 1000
    pairs = set(zip(oof["target"].tolist(), oof["prediction"].tolist(), strict=True))
    assert set(zip(plot["actual"], plot["predicted"], strict=True)) <= pairs


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"p1": np.nan}, "70 predictions or targets are not finite, the first for id 0"),
        ({"p0": [np.inf, *[0.5] * 69]}, "1 predictions or targets are not finite, the first for id 0"),
        ({"target": None}, "found no target"),
        ({"fold": None, "id": None}, "found no id, fold"),
        ({"p0": None, "p1": None, "p2": None}, "found no predictions"),
        ("no rows", "found no target, predictions"),
    ],
)
def test_broken_predictions_are_refused_and_the_former_metrics_stay(change: Any, problem: str) -> None:
    written(classes())
    evaluate(LANE, SURVIVAL, RESULTS)
    before = (RESULTS / "metrics" / "lane.json").read_bytes()
    oof = classes()
    if change == "no rows":
        oof = oof[:0]
    else:
        gone = [column for column, value in change.items() if value is None]
        oof = oof.assign(**{column: value for column, value in change.items() if value is not None}).drop(columns=gone)
    written(oof)
    with pytest.raises(UserError, match=f"oof.parquet: {problem}") as caught:
        evaluate(LANE, SURVIVAL, RESULTS)
    assert caught.value.next_step == "train again: `dvc repro --force train@lane`"
    assert (RESULTS / "metrics" / "lane.json").read_bytes() == before


def test_a_lane_that_was_not_trained_says_how_to_train_it() -> None:
    with pytest.raises(UserError, match=r"oof.parquet: not found\n  -> train first: `dvc repro train@lane`"):
        evaluate(LANE, SURVIVAL, RESULTS)


def test_a_file_that_is_no_parquet_is_refused() -> None:
    written(classes())
    (RESULTS / LANE / "oof.parquet").write_bytes(b"half a fi")
    with pytest.raises(UserError, match=r"oof\.parquet: cannot be read"):
        evaluate(LANE, SURVIVAL, RESULTS)


def rare(rows: int = 300) -> pd.DataFrame:
    """Make two classes, of which the second is rare, with probabilities that are right."""
    rng = np.random.default_rng(0)
    chance = rng.beta(0.5, 4.5, rows)
    target = (rng.random(rows) < chance).astype(np.int64)
    return pd.DataFrame(
        {"id": np.arange(rows), "fold": np.arange(rows) % 3, "target": target, "p0": 1 - chance, "p1": chance}
    )


def test_a_metric_of_labels_is_scored_with_and_without_the_threshold_which_is_recorded() -> None:
    written(rare())
    metrics = evaluate(LANE, dataclasses.replace(SURVIVAL, metric="f1"), RESULTS)
    record = json.loads((RESULTS / LANE / "experiment.json").read_text())
    assert record["metrics"] == metrics == json.loads((RESULTS / "metrics" / f"{LANE}.json").read_text())
    with_it, without = metrics["decision"]["with"], metrics["decision"]["without"]
    assert metrics["decision"]["used"]
    assert metrics["mean"] == with_it["mean"] > without["mean"] == cross_validate(rare(), "f1")["mean"]
    decision = from_json(record["decision"])
    assert isinstance(decision, Threshold)
    assert decision.above[0] < 0.5
    assert _decided(metrics) == f"; without thresholds chosen on the other folds {without['mean']:.4f}"


def test_metrics_without_decisions_say_nothing_of_them() -> None:
    written(classes())
    metrics = evaluate(LANE, SURVIVAL, RESULTS)
    assert "decision" not in {**metrics, **json.loads((RESULTS / LANE / "experiment.json").read_text())}
    assert _decided(metrics) == ""
