"""Which columns networks rely on: each network predicts the rows of its own fold, with one column shuffled."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from tests.training.boosted import trees
from tests.training.purchases import SHOP
from tests.training.tiny import PRICES, QUIETLY, ROWS, SURVIVAL, prepared

from groundwork.ask import commands
from groundwork.ask.importance import SHUFFLES, importance
from groundwork.competitions import Inputs, Labelled
from groundwork.errors import UserError
from groundwork.objectives.metrics import metric_of
from groundwork.stages.train import train
from groundwork.training.checkpoint import TrainedFold, fold_file
from groundwork.training.inference import device


@pytest.fixture(scope="module", params=[SURVIVAL, PRICES], ids=lambda competition: competition.slug)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Labelled, Path]:
    """A lane with two networks for each fold."""
    folder, competition = tmp_path_factory.mktemp("importance"), request.param
    settings = trees(competition=competition)
    settings = settings.model_copy(update={"training": settings.training.model_copy(update={"seeds": 2})})
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        train("one", competition, settings, prepared(competition), folder / "results/one", seed=0, **QUIETLY)
    return competition, folder


def test_a_column_that_decides_the_target_comes_first_and_noise_costs_nothing(
    trained: tuple[Labelled, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    competition, folder = trained
    monkeypatch.chdir(folder)
    found = importance("one", competition, prepared(competition), folder / "results/one")
    assert (found["rows"], found["shuffles"], found["metric"]) == (ROWS, SHUFFLES, competition.scorer.name)
    losses = {column["name"]: column["loss"] for column in found["columns"]}
    assert set(losses) == {"x", "z", "label", "key"}
    assert next(iter(losses)) == "x"
    assert losses["x"] > 0.1 > abs(losses["z"]), "of both metrics, though one falls and the other rises"
    for column in found["columns"]:
        assert column["loss"] == pytest.approx(np.mean(column["folds"]))
        assert column["sd"] == pytest.approx(np.std(column["folds"], ddof=1))
    assert json.dumps(importance("one", competition, prepared(competition), folder / "results/one")) == json.dumps(
        found
    )


def test_each_network_predicts_its_own_held_out_rows_with_one_column_shuffled_among_them(
    trained: tuple[Labelled, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    competition, folder = trained
    monkeypatch.chdir(folder)
    asked: list[tuple[int, pd.DataFrame]] = []
    predict = TrainedFold.predict

    def noted(self: TrainedFold, frame: pd.DataFrame, where: Any) -> Any:
        asked.append((self.fold, frame))
        return predict(self, frame, where)

    monkeypatch.setattr(TrainedFold, "predict", noted)
    found = importance("one", competition, prepared(competition), folder / "results/one")
    shuffled_columns = []
    for fold in range(3):
        saved = [TrainedFold.load(folder / "results/one/checkpoints" / fold_file(fold, seed)) for seed in range(2)]
        assert saved[0].validation is not None
        rows = len(saved[0].validation)
        mine = [frame for number, frame in asked if number == fold]
        for frame in mine:
            assert set(frame["Id"]) == set(saved[0].validation["id"])
        whole, _, many, _ = mine  # by both networks
        whole = whole.reset_index(drop=True)
        for start in range(0, len(many), rows):
            part = many[start : start + rows].reset_index(drop=True)
            (other,) = [name for name in whole if not part[name].equals(whole[name])]
            before, after = (frame[other].astype(object).fillna("missing") for frame in (whole, part))
            assert before.value_counts().to_dict() == after.value_counts().to_dict()
            shuffled_columns.append(other)
        # The loss of the first column, by its definition.
        target, metric = saved[0].validation.iloc[:, 2].to_numpy(), metric_of(competition.metric)

        def scored(frame: pd.DataFrame, saved: Any = saved, target: Any = target, metric: Any = metric) -> float:
            return metric.score(target, np.mean([predict(one, frame, device()) for one in saved], 0))

        losses = [scored(whole) - scored(many[start : start + rows]) for start in range(0, SHUFFLES * rows, rows)]
        sign = 1 if metric.higher_is_better else -1
        (x,) = [column for column in found["columns"] if column["name"] == "x"]
        assert x["folds"][fold] == pytest.approx(sign * np.mean(losses), abs=1e-6)
    assert shuffled_columns == [name for _ in range(3) for name in ("x", "z", "label", "key") for _ in range(SHUFFLES)]


def test_other_data_pictures_and_purchases_are_refused(
    trained: tuple[Labelled, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    competition, folder = trained
    monkeypatch.chdir(folder)
    rows = prepared(competition)
    with pytest.raises(UserError, match="trained on other data than is prepared now") as caught:
        importance("one", competition, dataclasses.replace(rows, data_sha256="other"), folder / "results/one")
    assert caught.value.next_step == "train again: `groundwork repro one`"
    pictures = dataclasses.replace(competition, inputs=Inputs(image=(2, 2)))
    with pytest.raises(UserError, match="one: its networks read image; expected a table"):
        importance("one", pictures, rows, folder / "results/one")
    with pytest.raises(UserError, match="shop: its networks read purchases; expected a table"):
        importance("shop", SHOP, rows, folder / "results/one")
    with pytest.raises(UserError, match="groundwork repro two"):
        importance("two", competition, rows, folder / "results/two")


def test_a_blend_has_no_networks_and_its_lanes_are_named(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = YAML(typ="safe").load(repository / "params.yaml")
    content["competitions"]["titanic-wide"] = content["competitions"]["titanic"]
    shutil.copy(repository / "params.yaml", "params.yaml")
    with Path("params.yaml").open("w") as stream:
        YAML().dump({**content, "blends": {"mean": ["titanic", "titanic-wide"]}}, stream)
    with pytest.raises(UserError, match="mean: found a blend, which has no networks of its own") as caught:
        commands.importance("mean")
    assert caught.value.next_step == "name one of: titanic, titanic-wide"


def test_what_is_printed_has_the_most_important_column_first() -> None:
    columns = [
        {"name": "x", "loss": 0.25, "sd": 0.0125, "folds": [0.24, 0.26]},
        {"name": "zone", "loss": -0.00001, "sd": 0.01, "folds": [-0.01, 0.01]},
    ]
    told = commands.as_text("one", {"run_id": "abc", "metric": "auc", "rows": 1200, "shuffles": 5, "columns": columns})
    assert "1,200 rows" in told
    assert "  x     +0.2500 ± 0.0125\n  zone  +0.0000 ± 0.0100\n" in told
    alone = [{"name": "x", "loss": 0.25, "sd": None, "folds": [0.25]}]
    told = commands.as_text("one", {"run_id": "abc", "metric": "auc", "rows": 12, "shuffles": 1, "columns": alone})
    assert "one fold tells no spread" in told
    assert "  x  +0.2500\n" in told
