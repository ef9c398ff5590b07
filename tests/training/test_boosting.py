"""A lane's model may be boosted trees: the same folds, files, store, prediction and gate as a network's."""

import dataclasses
import json
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.training import test_any_kind as kinds
from tests.training.boosted import MODELS, TREES, trees
from tests.training.tiny import CPU, FOLDS, PRICES, QUIETLY, ROWS, SURVIVAL, prepared

from groundwork import params
from groundwork.competitions import Labelled, Tables
from groundwork.errors import UserError
from groundwork.experiments.records import load as experiments
from groundwork.reporting.page import report
from groundwork.settings import Lane, Params
from groundwork.stages.evaluate import evaluate
from groundwork.stages.predict import predict
from groundwork.stages.submission import submission as submit
from groundwork.stages.train import train
from groundwork.stages.validate import validate
from groundwork.training import fold as folds
from groundwork.training.checkpoint import FoldRecord, TrainedFold, without_weights
from groundwork.training.fold import train_fold


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def trained(settings: Lane, competition: Labelled = SURVIVAL, results: str = "results") -> Path:
    folder = Path(results, competition.slug)
    train(competition.slug, competition, settings, prepared(competition), folder, seed=0, **QUIETLY)
    return folder


# --- the stages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", TREES)
@pytest.mark.parametrize("competition", [SURVIVAL, PRICES], ids=lambda competition: competition.slug)
def test_it_writes_what_a_network_does(network: str, competition: Labelled) -> None:
    results, data = trained(trees(network, competition), competition), prepared(competition)
    oof = pd.read_parquet(results / "oof.parquet")
    columns = ["p0", "p1"] if competition is SURVIVAL else ["prediction"]
    assert list(oof.columns) == ["id", "fold", "target", *columns]
    assert oof["id"].tolist() == data.train["Id"].tolist()
    assert oof["fold"].tolist() == data.fold["fold"].tolist()
    assert oof[columns].dtypes.eq("float32").all(), "as a network's"
    for number in range(FOLDS):
        model = TrainedFold.load(results / "checkpoints" / f"fold_{number}.fold")
        inside = (data.fold["fold"] == number).to_numpy()
        again = model.predict(data.train[inside], torch.device("cpu"))
        np.testing.assert_array_equal(oof.loc[inside, columns].to_numpy().squeeze(), again)
        assert model.origin.versions[network] == version(network)
    metrics = evaluate(competition.slug, competition, Path("results"))
    assert metrics["oof"] > 0.7 if competition is SURVIVAL else metrics["oof"] < 0.3
    predict(competition.slug, competition, data, results, CPU)
    submission = pd.read_csv(submit(competition.slug, competition, data, results))
    assert submission["Id"].tolist() == data.test["Id"].tolist()
    (experiment,), problems = experiments(competition.slug, Path("results"))
    assert not problems
    assert experiment.settings["model.network"] == network
    assert report(Path("report.html"), Path("results")) == []
    assert experiment.run_id in Path("report.html").read_text()


def test_the_history_has_the_losses_of_the_rounds() -> None:
    history = pd.read_csv(trained(trees()) / "history.csv")
    assert set(history.columns) == {"fold", "epoch", "train_loss", "val_loss"}
    first = history[history["fold"] == 0]
    assert first["epoch"].tolist() == list(range(len(first)))
    assert first["train_loss"].is_monotonic_decreasing
    assert first["val_loss"].min() < np.log(2)


def test_all_rounds_are_made_without_a_hold_out() -> None:
    fold = train_fold(SURVIVAL, trees(holdout=0.0, rounds=7), prepared(), 0, 0, CPU)
    assert bytes(fold.weights["booster_0"].numpy()).count(b"\nTree=") == 7
    assert [epoch["epoch"] for epoch in fold.history] == list(range(7))
    assert all("val_loss" not in epoch for epoch in fold.history)


def test_no_curve_has_more_points_than_can_be_seen() -> None:
    fold = train_fold(SURVIVAL, trees(holdout=0.0, rounds=900), prepared(), 0, 0, CPU)
    numbers = [epoch["epoch"] for epoch in fold.history]
    assert len(numbers) <= 200
    assert (numbers[0], numbers[-1]) == (0, 899)


@pytest.mark.parametrize("network", TREES)
def test_equal_seeds_give_equal_files(network: str, tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        train_fold(SURVIVAL, trees(network), prepared(), 1, seed, CPU).save(tmp_path / f"{name}.fold")
    one, two, other = ((tmp_path / f"{name}.fold").read_bytes() for name in ("one", "two", "other"))
    assert one == two != other


def test_validation_rows_decide_nothing() -> None:
    data = prepared()
    inside = (data.fold["fold"] == 0).to_numpy()
    turned = data.train.assign(survived=np.where(inside, 1 - data.train["survived"], data.train["survived"]))
    first, second = (
        train_fold(SURVIVAL, trees(), dataclasses.replace(data, train=rows), 0, 0, CPU) for rows in (data.train, turned)
    )
    assert torch.equal(first.weights["booster_0"], second.weights["booster_0"])
    assert first.history == second.history
    assert not first.validation.equals(second.validation), "the change itself must be seen"


def test_the_rounds_come_from_a_hold_out_and_all_training_rows_are_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, bool]] = []
    make = folds.make_network

    def watching(*arguments: Any) -> Any:
        network = make(*arguments)
        grow = network.grow

        def recorded(inputs: Any, learned: Any, watched: Any, *others: Any) -> Any:
            seen.append((len(learned), watched is not None))
            return grow(inputs, learned, watched, *others)

        network.grow = recorded
        return network

    monkeypatch.setattr(folds, "make_network", watching)
    fold = train_fold(SURVIVAL, trees(), prepared(), 0, 0, CPU)
    learned = ROWS - len(fold.validation)
    assert seen == [(learned - learned // 5, True), (learned, False)]
    best = min(fold.history, key=lambda epoch: epoch["val_loss"])["epoch"]
    assert bytes(fold.weights["booster_0"].numpy()).count(b"\nTree=") == best + 1


def test_a_hold_out_of_too_few_rows_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"model.holdout: found 0.01, which does not suit the 80 training rows"
    ) as caught:
        trained(trees(holdout=0.01))
    assert caught.value.next_step == "raise it, or set it to 0 to make all rounds"


# --- every kind of problem --------------------------------------------------------------------------------------------


def tags(rng: np.random.Generator) -> Tables:
    x = rng.normal(size=(210, 2))
    frame = pd.DataFrame(x, columns=["x", "y"]).assign(Id=np.arange(1, 211), a=x[:, 0] > 0, b=x[:, 1] > 0.8)
    frame = frame.astype({"a": int, "b": int})
    answers = pd.DataFrame({"Id": frame["Id"][150:], "a": 0.5, "b": 0.5})
    return {"train.csv": frame[:150], "test.csv": frame[150:][["x", "y", "Id"]], "sample_submission.csv": answers}


TAGGED = dataclasses.replace(
    SURVIVAL,
    slug="tagged",
    kind="tagging",
    metric="auc",
    targets=("a", "b"),
    types={"Id": int, "x": float, "y": float, "a": int, "b": int},
    inputs=dataclasses.replace(SURVIVAL.inputs, numeric=("x", "y"), categorical=(), group=()),
    sample=tags,
)


@pytest.mark.parametrize("network", TREES)
def test_each_tag_has_its_own_trees(network: str) -> None:
    metrics, submission, data = kinds.through(TAGGED, trees(network, TAGGED))
    assert metrics["oof"] > 0.9
    assert submission["a"].corr(data.test["x"]) > 0.7
    assert submission["b"].corr(data.test["y"]) > 0.5
    fold = TrainedFold.load(Path("results/tagged/checkpoints/fold_0.fold"))
    assert set(fold.weights) == {"booster_0", "booster_1"}


@pytest.mark.parametrize("network", TREES)
def test_a_table_is_searched(network: str) -> None:
    metrics, submission, data = kinds.through(kinds.RELEVANCE, trees(network, kinds.RELEVANCE))
    assert metrics["further"]["ndcg@10"] > 0.9
    assert submission["relevance"].corr(data.test["near"]) > 0.8


NUMBERS: list[dict[str, Any]] = [
    {"loss": "smooth_l1", "beta": 1.0},
    {"loss": "squared_error"},
    {"loss": "squared_error", "power": True},
    {"loss": "absolute_error"},
    {"loss": "quantile", "alpha": 0.5},
    {"loss": "poisson"},
]


@pytest.mark.parametrize("network", TREES)
@pytest.mark.parametrize("objective", NUMBERS, ids=lambda objective: "-".join(map(str, objective.values())))
def test_each_loss_of_numbers_predicts_in_the_targets_units(network: str, objective: dict[str, Any]) -> None:
    counts = dataclasses.replace(PRICES, log_target=False, metric="rmse")
    settings = trees(network, counts)
    settings = Lane.model_validate({**settings.model_dump(), "objective": objective})
    fold = train_fold(counts, settings, prepared(PRICES), 0, 0, CPU)
    error = fold.validation["prediction"] - fold.validation["target"]
    spread = fold.validation["target"].std()
    assert error.std() < 0.8 * spread
    assert abs(error.mean()) < 0.4 * spread


def test_a_quantile_lies_above_most_rows() -> None:
    counts = dataclasses.replace(PRICES, log_target=False, metric="rmse")
    content = trees(competition=counts).model_dump()
    settings = Lane.model_validate({**content, "objective": {"loss": "quantile", "alpha": 0.9}})
    rows = train_fold(counts, settings, prepared(PRICES), 0, 0, CPU).validation
    assert (rows["prediction"] > rows["target"]).mean() > 0.7


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_folds_file_has_the_trees_as_text_and_no_pickle(tmp_path: Path) -> None:
    path = tmp_path / "results" / "survival" / "checkpoints" / "fold_0.fold"
    fold = train_fold(SURVIVAL, trees(), prepared(), 0, 0, CPU)
    fold.save(path)
    with zipfile.ZipFile(path) as archive:
        assert b"\nTree=0\nnum_leaves=" in archive.read("weights.safetensors")
        made = json.loads(archive.read("made.json"))
    assert made["model"] == trees().model.model_dump()
    again = TrainedFold.load(path)
    assert again.model == fold.model
    without_weights(path)
    pd.testing.assert_frame_equal(FoldRecord.load(path).validation, fold.validation)
    with pytest.raises(UserError, match="weights were removed"):
        TrainedFold.load(path)


def test_a_file_with_broken_trees_is_refused(tmp_path: Path) -> None:
    fold = train_fold(SURVIVAL, trees(), prepared(), 0, 0, CPU)
    broken = dataclasses.replace(fold, weights={"booster_0": fold.weights["booster_0"][:40]})
    broken.save(tmp_path / "fold_0.fold")
    with pytest.raises(UserError, match=r"cannot be read as a fold .*is not LightGBM's text"):
        TrainedFold.load(tmp_path / "fold_0.fold")


def test_finished_folds_come_from_the_store(capsys: pytest.CaptureFixture[str]) -> None:
    first = trained(trees()) / "oof.parquet"
    before = first.read_bytes()
    assert "fold 0: accuracy" in capsys.readouterr().out
    trained(trees())
    assert capsys.readouterr().out.count("taken from the fold store") == FOLDS
    assert first.read_bytes() == before
    trained(trees(learning_rate=0.11))
    assert "taken from the fold store" not in capsys.readouterr().out


def test_the_outcome_counts_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    trained(trees(rounds=12, holdout=0.0))
    assert "out of fold, after 12 rounds" in capsys.readouterr().out


# --- params.yaml ------------------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(repository: Path) -> Params:
    return params.load(repository / "params.yaml")


def content(shipped: Params, **sections: Any) -> dict[str, Any]:
    """The content of params.yaml with titanic's lane as trees; `sections` replace its own."""
    read = shipped.model_dump(mode="json")
    titanic = read["competitions"]["titanic"]
    own = trees()
    titanic |= {"model": own.model.model_dump(), "training": {"folds": "all"}, "objective": own.objective.model_dump()}
    read["competitions"] = {"titanic": titanic | sections}
    return read


def test_a_lane_of_trees_needs_no_settings_of_lightning(shipped: Params) -> None:
    read = params.check(content(shipped))
    validate(read)
    assert read.competitions["titanic"].training.model_dump() == {"folds": "all", "seeds": 1}
    assert Params.model_validate(read.model_dump()) == read


def test_settings_of_lightning_are_refused_by_name(shipped: Params) -> None:
    training = {**shipped.competitions["titanic"].training.model_dump(mode="json"), "epoch": 3}
    with pytest.raises(UserError) as caught:
        params.check(content(shipped, training=training))
    found = caught.value.problem
    for key in ("epochs", "optimizer", "early_stopping", "callbacks"):
        assert f"competitions.titanic.training.{key}: unknown key; another choice of this section has it" in found
    assert "training.epoch: unknown key" in found


def test_a_network_needs_them(shipped: Params) -> None:
    model = shipped.competitions["titanic"].model.model_dump()
    with pytest.raises(UserError, match=r"titanic.training.epochs: missing"):
        params.check(content(shipped, model=model))


def test_a_wrong_model_is_the_only_mistake_that_is_named(shipped: Params) -> None:
    with pytest.raises(UserError) as caught:
        params.check(content(shipped, model={**MODELS["lightgbm"], "leaves": 1}))
    assert caught.value.problem.splitlines() == [
        "params.yaml: competitions.titanic.model.leaves: found 1 (int); expected greater than or equal to 2"
    ]


def test_what_trees_cannot_do_is_refused(shipped: Params) -> None:
    smooth = {"loss": "cross_entropy", "label_smoothing": 0.1}
    with pytest.raises(UserError) as caught:
        validate(params.check(content(shipped, objective=smooth)))
    assert caught.value.problem.splitlines() == [
        "params.yaml: competitions.titanic.objective.label_smoothing: found 0.1; lightgbm needs none"
    ]
