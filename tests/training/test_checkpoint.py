import resource
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.training.tiny import SURVIVAL, in_memory, lane

from groundwork.errors import UserError
from groundwork.models.fnn import FNN
from groundwork.training.build import make_encoder, make_network, make_objective
from groundwork.training.checkpoint import TrainedFold


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
    frame["survived"] = rng.integers(0, 2, 30)
    settings, rows = lane(), in_memory(frame)
    objective = make_objective(SURVIVAL, settings.objective, frame, rows)
    encoder = make_encoder(SURVIVAL, settings, rows)
    encoder.fit_transform(frame, objective.signals(frame))
    network = make_network(settings.model, encoder, objective)
    assert isinstance(network, FNN)
    torch.nn.init.normal_(network.head)
    validation = pd.DataFrame({"id": [1], "fold": np.int8(2), "target": [0], "p0": [0.5], "p1": [0.5]})
    return TrainedFold(2, settings.model, encoder, objective, network.state_dict(), [{"epoch": 0}], validation), frame


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
