import dataclasses
import resource
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.algorithms.tiny import PRICES, SURVIVAL, lane

from groundwork.algorithms.compose import Question, TrainedFold, make_augment, make_encoder, make_network
from groundwork.competitions import Competition, Inputs
from groundwork.data.transforms import ImageEncoder
from groundwork.errors import UserError
from groundwork.models.cnn import CNN
from groundwork.models.fnn import FNN
from groundwork.objectives.losses import Classification, Regression
from groundwork.params import CNNSettings, ImageEncoding

STILL = ImageEncoding(inputs="image", degrees=0, scale=0, shear=0, shift=0)
DIGITS = dataclasses.replace(
    SURVIVAL, target="label", columns={"label": int, "p0": int, "p1": int}, inputs=Inputs(image=(1, 2))
)


def question(competition: Competition, target: list[float], labels: list[float] | None = None) -> Question:
    settings = lane(competition).objective
    return Question.of(competition, settings, np.array(target), np.array(labels or target))


def test_all_folds_know_the_classes_of_all_rows() -> None:
    asked = question(SURVIVAL, [4, 2, 2], labels=[4, 2, 2, 9])
    assert asked.objective == Classification(3, label_smoothing=0.05)
    assert asked.columns == ["p0", "p1", "p2"]
    assert asked.tensor(np.array([9, 2, 4])).tolist() == [2, 0, 1]
    assert asked.tensor(np.array([9])).dtype == torch.int64
    assert asked.signals(np.array([9, 2, 4])).tolist() == [[0, 1], [0, 0], [1, 0]]


def test_a_regression_is_standardized_by_its_training_rows_logarithms() -> None:
    prices = [100.0, 200.0, 400.0]
    asked = question(PRICES, prices, labels=[1.0, 1e9])
    objective = asked.objective
    assert isinstance(objective, Regression)
    assert objective.mean == pytest.approx(np.log(prices).mean())
    assert objective.scale == pytest.approx(np.log(prices).std())
    assert (objective.low, objective.high) == (100.0, 400.0)
    assert objective.log
    assert objective.beta == 0.5
    assert asked.columns == ["prediction"]
    assert asked.tensor(np.array(prices)).dtype == torch.float32
    np.testing.assert_allclose(asked.signals(np.array(prices)), np.log(prices)[:, None])


def test_a_regression_without_logarithm_is_standardized_in_its_own_units() -> None:
    asked = question(dataclasses.replace(PRICES, log_target=False), [1.0, 2.0, 3.0])
    assert isinstance(asked.objective, Regression)
    assert asked.objective.mean == 2.0
    assert not asked.objective.log
    assert asked.signals(np.array([5.0])).tolist() == [[5.0]]


def test_equal_targets_do_not_divide_by_zero() -> None:
    asked = question(PRICES, [100.0, 100.0])
    assert isinstance(asked.objective, Regression)
    assert asked.objective.scale == 1.0


def test_pixels_are_all_columns_but_the_target() -> None:
    encoder = make_encoder(DIGITS, STILL, bins=1)
    assert isinstance(encoder, ImageEncoder)
    assert encoder.columns == ["p0", "p1"]
    assert encoder.shape == (1, 2)


def test_pictures_are_augmented_where_there_is_something_to_do() -> None:
    assert make_augment(STILL) is None
    assert make_augment(lane().encoding) is None
    augment = make_augment(STILL.model_copy(update={"shift": 1.0}))
    assert augment is not None
    images = torch.rand(2, 1, 5, 5)
    assert not torch.equal(augment({"image": images}, torch.Generator().manual_seed(0))["image"], images)


def test_networks_have_the_sizes_of_their_settings() -> None:
    model = CNNSettings(network="cnn", channels=[3, 5], dropout=0.4)
    cnn = make_network(model, make_encoder(DIGITS, STILL, 1), outputs=7)
    assert isinstance(cnn, CNN)
    assert cnn(torch.zeros(2, 1, 8, 8)).shape == (2, 7)
    assert cnn.head[0].p == 0.4


def trained_fold() -> tuple[TrainedFold, pd.DataFrame]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=30),
            "z": np.where(rng.random(30) < 0.3, np.nan, 1.0),
            "label": pd.array(rng.choice(["a", "b"], 30), dtype="str"),
            "key": pd.array(rng.choice(["k", "l", "m"], 30), dtype="str"),
        }
    )
    target = rng.integers(0, 2, 30)
    settings, asked = lane(), question(SURVIVAL, target.tolist())
    encoder = make_encoder(SURVIVAL, settings.encoding, bins=4)
    encoder.fit_transform(frame, asked.signals(target))
    network = make_network(settings.model, encoder, asked.objective.outputs)
    assert isinstance(network, FNN)
    torch.nn.init.normal_(network.head)
    validation = pd.DataFrame({"id": [1], "fold": np.int8(2), "target": [0], "p0": [0.5], "p1": [0.5]})
    return TrainedFold(2, settings.model, encoder, asked, network.state_dict(), [{"epoch": 0}], validation), frame


def test_a_fold_predicts_and_encodes_bit_by_bit_the_same_from_its_file(tmp_path: Path) -> None:
    fold, frame = trained_fold()
    fold.save(tmp_path / "fold_2.pt")
    loaded = TrainedFold.load(tmp_path / "fold_2.pt")
    first, again = fold.encoder.transform(frame), loaded.encoder.transform(frame)
    assert all(torch.equal(first[name], again[name]) for name in first)
    predicted = loaded.predict(frame, torch.device("cpu"))
    np.testing.assert_array_equal(predicted, fold.predict(frame, torch.device("cpu")))
    assert predicted.shape == (30, 2)
    assert len(np.unique(predicted[:, 0])) > 10
    assert (loaded.fold, loaded.model, loaded.history) == (2, fold.model, [{"epoch": 0}])
    pd.testing.assert_frame_equal(loaded.validation, fold.validation)
    assert [path.name for path in tmp_path.iterdir()] == ["fold_2.pt"]


def test_a_missing_or_broken_checkpoint_says_how_to_make_it_again(tmp_path: Path) -> None:
    path = tmp_path / "results" / "titanic" / "checkpoints" / "fold_0.pt"
    with pytest.raises(UserError, match=r"fold_0\.pt: not found"):
        TrainedFold.load(path)
    path.parent.mkdir(parents=True)
    fold, _ = trained_fold()
    fold.save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match="cannot be read as a checkpoint") as caught:
        TrainedFold.load(path)
    assert caught.value.next_step == "train again: `dvc repro --force train@titanic`"
    torch.save({"something": "else"}, path)
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        TrainedFold.load(path)


def test_a_full_disk_leaves_the_former_checkpoint_and_one_message(tmp_path: Path) -> None:
    fold, _ = trained_fold()
    fold.save(tmp_path / "fold_2.pt")
    former = (tmp_path / "fold_2.pt").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(former) // 2, hard))
    try:
        with pytest.raises(UserError, match="could not be written"):
            fold.save(tmp_path / "fold_2.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "fold_2.pt").read_bytes() == former
