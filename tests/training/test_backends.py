"""Equal networks, rows and seeds train equally in PyTorch and in `groundwork.scratch`."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML
from tests.training.tiny import CPU, PRICES, SURVIVAL, in_memory, lane, prepared

from groundwork import cli, scratch
from groundwork.competitions import Inputs, Labelled
from groundwork.data.rows import PreparedRows
from groundwork.experiments.records import load
from groundwork.experiments.selection import differing
from groundwork.sections.encodings import ImageEncoding
from groundwork.sections.networks import CNNSettings
from groundwork.settings import Lane
from groundwork.tracking.reading import read_records
from groundwork.training.checkpoint import TrainedFold
from groundwork.training.fold import train_fold

SIDE = 10
PICTURES = dataclasses.replace(
    SURVIVAL,
    slug="pictures",
    targets=("label",),
    types={"label": int} | {f"p{place}": int for place in range(SIDE * SIDE)},
    inputs=Inputs(image=(SIDE, SIDE)),
)
every_competition = pytest.mark.parametrize(
    "competition", [SURVIVAL, PRICES, PICTURES], ids=lambda competition: competition.slug
)
# All that there is to an optimizer step, for 125 steps: weights that differ in one of them drift apart.
LONG: dict[str, Any] = {
    "epochs": 25, "learning_rate": 0.003, "weight_decay": 0.05, "gradient_clip": 1.0, "weight_averaging": 0.9,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def drawn() -> PreparedRows:
    """Draw noisy pictures of vertical or horizontal bars."""
    chance = np.random.default_rng(0)
    label = chance.integers(0, 2, 120)
    images = chance.integers(0, 120, (120, SIDE, SIDE))
    for image, lies, place in zip(images, label, chance.integers(1, SIDE - 1, 120), strict=True):
        (image if lies else image.T)[place] += 100
    pixels = pd.DataFrame(images.reshape(120, -1), columns=list(PICTURES.types)[1:], dtype="uint8")
    rows = in_memory(pixels.assign(label=label, Id=range(120)))
    return dataclasses.replace(rows, fold=pd.DataFrame({"fold": np.arange(120) % 3}))


def settings(competition: Labelled, backend: str, dropout: float = 0.0, **training: Any) -> Lane:
    made = lane(PRICES if competition is PRICES else SURVIVAL, dropout, **training)
    if competition is PICTURES:
        model = CNNSettings(network="cnn", backend=backend, channels=[3, 4], dropout=dropout)
        still = ImageEncoding(inputs="image", degrees=5, scale=0.1, shear=0, shift=1)
        return made.model_copy(update={"model": model, "encoding": still})
    return made.model_copy(update={"model": made.model.model_copy(update={"backend": backend})})


def trained(
    competition: Labelled, backend: str, precision: str = "32-true", seed: int = 0, **changes: Any
) -> TrainedFold:
    rows = drawn() if competition is PICTURES else prepared(competition)
    hardware = CPU.model_copy(update={"precision": precision})
    return train_fold(competition, settings(competition, backend, **changes), rows, 0, seed, hardware)


def in_the_other(fold: TrainedFold) -> TrainedFold:
    """Return the same fold with the other backend in its section `model`."""
    backend = {"torch": "scratch", "scratch": "torch"}[fold.model.backend]
    return dataclasses.replace(fold, model=fold.model.model_copy(update={"backend": backend}))


def computes_in(fold: TrainedFold) -> str:
    """Return the package of the fold's network, `models` or `scratch`, whatever its settings say."""
    return type(fold.network).__module__.split(".")[1]


# --- the same curves --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("precision", "tolerance"), [("64-true", 1e-9), ("32-true", 1e-4)])
@every_competition
def test_125_steps_give_the_same_losses(competition: Labelled, precision: str, tolerance: float) -> None:
    theirs, ours = (trained(competition, backend, precision, **LONG) for backend in ("torch", "scratch"))
    assert (computes_in(theirs), computes_in(ours)) == ("models", "scratch")
    expected, actual = pd.DataFrame(theirs.history), pd.DataFrame(ours.history)
    assert len(expected) == 25
    assert expected["train_loss"].iloc[-1] < 0.6 * expected["train_loss"].iloc[0], "there is something to compare"
    for curve in ("train_loss", "val_loss", "learning_rate"):
        np.testing.assert_allclose(actual[curve], expected[curve], rtol=0, atol=tolerance, err_msg=curve)


@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_every_schedule_gives_the_same_losses(schedule: str) -> None:
    changes = {"schedule": schedule, "epochs": 8, "weight_averaging": 0.0, "gradient_clip": 0.1}
    theirs, ours = (trained(PICTURES, backend, "64-true", **changes) for backend in ("torch", "scratch"))
    for epoch, expected_epoch in zip(ours.history, theirs.history, strict=True):
        assert epoch == pytest.approx(expected_epoch, rel=0, abs=1e-9)


@every_competition
def test_the_same_seed_drops_the_same_and_gives_the_same_bits(competition: Labelled) -> None:
    first = trained(competition, "scratch", dropout=0.3)
    scratch.manual_seed(7)  # whatever happened before does not count
    again = trained(competition, "scratch", dropout=0.3)
    assert again.history == first.history
    assert all(torch.equal(again.weights[name], values) for name, values in first.weights.items())
    assert trained(competition, "scratch", dropout=0.3, seed=1).history != first.history
    assert trained(competition, "scratch", dropout=0.0).history != first.history


# --- checkpoints in either --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["torch", "scratch"])
@every_competition
def test_a_checkpoint_predicts_the_same_in_the_other_backend(competition: Labelled, backend: str) -> None:
    fold = trained(competition, backend, dropout=0.3, learning_rate=0.1)
    in_the_other(fold).save(Path("fold_0.fold"))
    converted = TrainedFold.load(Path("fold_0.fold"))
    assert {computes_in(fold), computes_in(converted)} == {"models", "scratch"}
    rows = drawn() if competition is PICTURES else prepared(competition)
    expected, actual = (trained.predict(rows.test, torch.device("cpu")) for trained in (fold, converted))
    np.testing.assert_allclose(actual, expected, rtol=1e-4)
    assert actual.std(0).min() > 1e-3 * actual.mean(), "predictions that are all the same would say nothing"
    back = in_the_other(converted).network.state_dict()
    assert back.keys() == fold.weights.keys()
    assert all(torch.equal(back[name], values) for name, values in fold.weights.items())


# --- the whole way ----------------------------------------------------------------------------------------------------


def write_params(repository: Path, backend: str) -> None:
    """Write and validate params.yaml, with smaller trainings of the lanes that have both backends."""
    params = YAML(typ="safe").load(repository / "params.yaml")
    params["competitions"] = {
        name: section | {"folds": 2, "model": section["model"] | {"backend": backend}}
        for name, section in params["competitions"].items()
        if "backend" in section["model"]
    }
    for section in params["competitions"].values():
        section["training"]["epochs"] = 12
    digits = params["competitions"]["digit-recognizer"]
    digits["model"]["channels"] = [8, 16]
    digits["training"] |= {"folds": 1, "epochs": 4, "batch_size": 16, "learning_rate": 0.01, "weight_averaging": 0.95}
    YAML(typ="safe").dump(params, Path("params.yaml"))
    shutil.copy(repository / "dvc.yaml", "dvc.yaml")
    groundwork("validate")


def groundwork(*arguments: str) -> None:
    cli.app([*arguments], standalone_mode=False)


def logged_run(folder: Path) -> dict[str, Any]:
    """Read a run with W&B's own reader."""
    return next(record["run"] for record in read_records(folder) if record["type"] == "run")


@pytest.mark.parametrize("name", ["digit-recognizer", "house-prices"])
def test_a_lane_of_scratch_ends_in_a_submission(name: str, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    write_params(repository, "scratch")
    for stage in ("fetch", "prepare", "train", "evaluate", "predict", "submission"):
        groundwork(stage, name)
    assert computes_in(TrainedFold.load(Path(f"results/{name}/checkpoints/fold_0.fold"))) == "scratch"
    assert len(pd.read_csv(f"results/{name}/submission.csv")) == len(
        pd.read_parquet(f"data/prepared/{name}/test.parquet")
    )


def test_both_backends_are_compared_on_the_leaderboard(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_params(repository, "torch")
    for stage in ("fetch", "prepare", "train", "evaluate", "predict", "submission"):
        groundwork(stage, "titanic")
    write_params(repository, "scratch")
    for stage in ("train", "evaluate", "predict", "submission"):
        groundwork(stage, "titanic")
    assert Path("results/titanic/submission.csv").exists()

    experiments, problems = load("titanic")
    assert not problems
    assert differing(experiments) == ["model.backend"]
    capsys.readouterr()
    groundwork("leaderboard", "titanic")
    assert {word for word in capsys.readouterr().out.split() if "=" in word} == {
        "model.backend=torch",
        "model.backend=scratch",
    }

    runs = [logged_run(folder) for folder in Path("wandb").glob("offline-run-*")]
    assert {run["run_group"] for run in runs} == {"titanic"}
    assert {run["config"]["update"]["params"]["model"]["backend"] for run in runs} == {"torch", "scratch"}
