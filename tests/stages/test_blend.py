"""A blend averages its members' predictions on equal rows, and has what a lane has; anything unequal is refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.services.wandb_server import WandbServer
from tests.training.boosted import trees
from tests.training.tiny import CPU, PRICES, QUIETLY, SURVIVAL, lane, prepared

from groundwork.competitions import Competition, Labelled
from groundwork.errors import UserError
from groundwork.experiments.records import load as experiments
from groundwork.files import write_json
from groundwork.objectives.oof import cross_validate
from groundwork.reporting.page import report
from groundwork.settings import Tracking
from groundwork.stages.blend import blend
from groundwork.stages.evaluate import evaluate
from groundwork.stages.predict import predict
from groundwork.stages.train import train
from groundwork.tracking.reading import read_back

RESULTS = Path("results")
TWO = {"one": ["one"], "two": ["two"]}


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def member(name: str, competition: Labelled = SURVIVAL, seed: int = 0, settings: Any = None) -> None:
    """Train, evaluate and predict a lane of boosted trees."""
    data, own = prepared(competition), settings or trees(competition=competition)
    train(name, competition, own, data, RESULTS / name, seed=seed, **QUIETLY)
    evaluate(name, competition, RESULTS)
    predict(name, competition, data, RESULTS / name, CPU)


def blended(
    competition: Competition = SURVIVAL, lanes: Mapping[str, list[str]] = TWO, name: str = "mean", **more: Any
) -> Any:
    return blend(name, lanes, competition, prepared(competition), RESULTS, RESULTS, **more)


def table(name: str, file: str) -> pd.DataFrame:
    return pd.read_parquet(RESULTS / name / file)


@pytest.mark.parametrize("competition", [SURVIVAL, PRICES], ids=lambda competition: competition.slug)
def test_it_is_the_plain_mean_of_probabilities_or_numbers(competition: Labelled) -> None:
    member("one", competition)
    member("two", competition, seed=1, settings=lane(competition, epochs=2))
    metrics = blended(competition)
    columns = ["p0", "p1"] if competition is SURVIVAL else ["prediction"]
    for file in ("oof.parquet", "test.parquet"):
        one, two, mean = (table(name, file) for name in ("one", "two", "mean"))
        assert list(mean.columns) == list(one.columns)
        np.testing.assert_allclose(mean[columns], (one[columns] + two[columns]) / 2, rtol=1e-6)
        others = [column for column in one if column not in columns]
        pd.testing.assert_frame_equal(mean[others], one[others])
        assert not np.allclose(one[columns], two[columns])
    assert metrics == cross_validate(table("mean", "oof.parquet"), competition.metric)
    assert json.loads((RESULTS / "metrics" / "mean.json").read_text()) == metrics
    submission = pd.read_csv(RESULTS / "mean" / "submission.csv")
    assert submission["Id"].tolist() == prepared(competition).test["Id"].tolist()
    if competition is PRICES:
        np.testing.assert_allclose(submission["price"], table("mean", "test.parquet")["prediction"], rtol=1e-6)


def test_the_leaderboard_and_the_report_have_it() -> None:
    member("one")
    member("two", seed=1)
    blended()
    (experiment,), problems = experiments("mean", RESULTS)
    assert not problems
    assert experiment.current
    runs = {name: json.loads((RESULTS / name / "run.json").read_text()) for name in ("one", "two", "mean")}
    assert {key: experiment.settings[f"members.{key}"] for key in TWO} == {key: runs[key]["run_id"] for key in TWO}
    assert runs["mean"]["folds_sha256"] == prepared().folds_sha256
    assert report(Path("report.html"), RESULTS) == []
    assert experiment.run_id in Path("report.html").read_text()
    blended()
    assert len(experiments("mean", RESULTS)[0]) == 1, "the same members are the same experiment"
    member("two", seed=2)
    blended()
    assert len(experiments("mean", RESULTS)[0]) == 2


def test_a_blend_of_a_blend_counts_each_lane_once() -> None:
    for seed, name in enumerate(("one", "two", "three")):
        member(name, seed=seed)
    blended()
    blended(lanes={"three": ["three"], "mean": ["one", "two"]}, name="all")
    expected = sum(table(name, "test.parquet")["p1"].astype(float) for name in ("one", "two", "three")) / 3
    np.testing.assert_allclose(table("all", "test.parquet")["p1"], expected, rtol=1e-5)


@pytest.mark.parametrize("competition", [SURVIVAL, PRICES], ids=lambda competition: competition.slug)
@pytest.mark.parametrize("method", ["hill_climbing", "nnls"])
def test_each_fold_is_averaged_with_weights_of_the_other_folds(competition: Labelled, method: str) -> None:
    lanes = {name: [name] for name in ("one", "two", "three")}
    for seed, name in enumerate(lanes):
        member(name, competition, seed=seed, settings=lane(competition, epochs=seed) if seed else None)
    metrics = blended(competition, lanes, "best", method=method)
    weights = metrics.pop("weights")
    assert weights["method"] == method
    assert list(weights["members"]) == ["one", "two", "three"]
    columns = ["p0", "p1"] if competition is SURVIVAL else ["prediction"]
    to, back = (np.log, np.exp) if competition is PRICES else (np.asarray, np.asarray)

    def averaged(file: str, of: list[float]) -> Any:
        members = [to(table(name, file)[columns].to_numpy(float)) for name in lanes]
        return back(sum(weight * member for weight, member in zip(of, members, strict=True)))

    oof = table("best", "oof.parquet")
    for fold in range(3):
        inside = (oof["fold"] == fold).to_numpy()
        expected = averaged("oof.parquet", [weight["folds"][fold] for weight in weights["members"].values()])
        np.testing.assert_allclose(oof.loc[inside, columns], expected[inside], rtol=1e-5)
    expected = averaged("test.parquet", [weight["test"] for weight in weights["members"].values()])
    np.testing.assert_allclose(table("best", "test.parquet")[columns], expected, rtol=1e-5)
    for weight in weights["members"].values():
        assert weight["mean"] == pytest.approx(np.mean(weight["folds"]))
        assert weight["sd"] == pytest.approx(np.std(weight["folds"]))
    assert metrics == cross_validate(oof, competition.metric)
    saved = json.loads((RESULTS / "metrics" / "best.json").read_text())
    assert saved == {**metrics, "weights": weights}
    run = json.loads((RESULTS / "best" / "run.json").read_text())
    assert (run["weights"], run["params"]["method"]) == (weights, method)
    submission = pd.read_csv(RESULTS / "best" / "submission.csv")
    assert submission["Id"].tolist() == prepared(competition).test["Id"].tolist()


def test_another_method_is_another_experiment() -> None:
    member("one")
    member("two", seed=1)
    blended(name="best")
    blended(name="best", method="nnls")
    assert len(experiments("best", RESULTS)[0]) == 2


def test_weights_of_a_single_fold_are_refused() -> None:
    for seed, name in enumerate(TWO):
        member(name, seed=seed)
        edited(name, "oof.parquet", lambda rows: rows[rows["fold"] == 0])
    with pytest.raises(UserError, match="best: found out-of-fold rows of one fold") as caught:
        blended(name="best", method="nnls")
    assert "method: mean" in caught.value.next_step
    assert not (RESULTS / "best").exists()


def edited(name: str, file: str, change: Any) -> None:
    frame = table(name, file)
    change(frame).to_parquet(RESULTS / name / file)


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("oof.parquet", lambda rows: rows[5:], "one and two have 120 and 115 out-of-fold rows; expected the same"),
        ("oof.parquet", lambda rows: rows.assign(id=rows["id"] + 1), "one and two have other out-of-fold rows"),
        ("oof.parquet", lambda rows: rows.assign(target=1 - rows["target"]), "one and two have other targets"),
        ("test.parquet", lambda rows: rows[::-1], "one and two have other test rows"),
        ("test.parquet", lambda rows: rows.assign(p2=0.0), "one and two have predictions of other columns"),
    ],
)
def test_unequal_members_are_refused(file: str, change: Any, said: str) -> None:
    member("one")
    member("two", seed=1)
    edited("two", file, change)
    with pytest.raises(UserError) as caught:
        blended()
    assert f"mean: {said}" in caught.value.problem
    assert caught.value.next_step == "make both alike: `groundwork repro one two`"
    assert not (RESULTS / "mean").exists()


def test_other_folds_are_refused() -> None:
    member("one")
    member("two", seed=1)
    run = json.loads((RESULTS / "two" / "run.json").read_text())
    write_json(RESULTS / "two" / "run.json", {**run, "folds_sha256": "other"})
    with pytest.raises(UserError, match="mean: one and two were trained on other folds or targets"):
        blended()


@pytest.mark.parametrize(("file", "said"), [("test.parquet", "not found"), ("oof.parquet", "not found")])
def test_a_missing_file_names_the_command_that_makes_it(file: str, said: str) -> None:
    member("one")
    member("two", seed=1)
    (RESULTS / "two" / file).unlink()
    with pytest.raises(UserError, match=said) as caught:
        blended()
    assert "two" in caught.value.next_step


def test_a_broken_file_of_predictions_is_refused() -> None:
    member("one")
    member("two", seed=1)
    (RESULTS / "two" / "test.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(UserError, match=r"results/two/test.parquet: cannot be read") as caught:
        blended()
    assert caught.value.next_step == "make it again: `groundwork repro two`"


def test_it_is_a_run_that_is_logged_once(server: WandbServer) -> None:
    member("one")
    member("two", seed=1)
    for _ in range(2):
        metrics = blended(tracking=Tracking(mode="offline", project="tests"))
    (folder,) = Path("wandb").glob("offline-run-*")
    run = read_back(folder)
    assert json.loads((RESULTS / "mean" / "run.json").read_text())["wandb_dir"] == str(folder)
    assert (run["group"], run["name"]) == ("mean", "mean mean of one, two")
    assert run["summary"]["cv/mean"] == run["summary"]["cv/score"] == metrics["mean"]
    assert run["summary"]["oof/worst_rows"]["nrows"] == 100
