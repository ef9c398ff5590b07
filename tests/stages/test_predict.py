import dataclasses
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.training.tiny import CPU, PRICES, SURVIVAL, prepared, trained

from groundwork.checks.alarms import CHECKS, Alarm, Check, to_json
from groundwork.competitions import Labelled
from groundwork.errors import UserError
from groundwork.experiments.private import _predicted
from groundwork.files import write_json
from groundwork.stages.predict import predict
from groundwork.stages.submission import submission
from groundwork.training.checkpoint import TrainedFold


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def submitted(competition: Labelled) -> Path:
    results = Path("results", competition.slug)
    predict(competition.slug, competition, prepared(competition), results, CPU)
    return submission(competition.slug, competition, prepared(competition), results)


def each_fold(competition: Labelled) -> list[np.ndarray]:
    folder = Path("results", competition.slug, "checkpoints")
    test = prepared(competition).test
    return [TrainedFold.load(path).predict(test, torch.device("cpu")) for path in sorted(folder.iterdir())]


def test_the_class_with_the_highest_mean_probability_is_handed_in() -> None:
    trained(SURVIVAL, epochs=8)
    path = submitted(SURVIVAL)
    folds = each_fold(SURVIVAL)
    expected = [int(sum(fold[row][1] for fold in folds) > sum(fold[row][0] for fold in folds)) for row in range(40)]
    submission = pd.read_csv(path)
    assert list(submission.columns) == ["Id", "survived"]
    assert submission["Id"].tolist() == prepared(SURVIVAL).test["Id"].tolist()
    assert submission["survived"].tolist() == expected
    assert submission["survived"].dtype == np.int64
    assert any((fold.argmax(1) != expected).any() for fold in folds), "no fold alone gives the same answers"


def test_the_mean_of_the_folds_prices_is_handed_in() -> None:
    trained(PRICES, epochs=8)
    submission = pd.read_csv(submitted(PRICES))
    folds = each_fold(PRICES)
    assert len(folds) == 3
    np.testing.assert_allclose(submission["price"], sum(folds) / 3, rtol=1e-5)
    assert not np.allclose(folds[0], folds[1], rtol=1e-3)


def test_where_folds_are_spans_of_time_the_final_models_of_all_seeds_predict_and_no_fold_does() -> None:
    later = dataclasses.replace(PRICES, slug="later", fold_by_time="z")
    folder = trained(later, epochs=2, seeds=3)
    names = {path.name for path in (folder / "checkpoints").iterdir()}
    finals = {"final.fold", "final_seed_1.fold", "final_seed_2.fold"}
    assert finals < names
    test = prepared(later).test
    alone = [
        TrainedFold.load(folder / "checkpoints" / name).predict(test, torch.device("cpu")) for name in sorted(finals)
    ]
    found = pd.read_parquet(predict("later", later, prepared(later), folder, CPU))["prediction"]
    np.testing.assert_allclose(found, sum(alone) / 3, rtol=1e-5)
    assert not np.allclose(alone[0], alone[1], rtol=1e-3), "each seed is a model of its own"
    for name in names - finals:
        (folder / "checkpoints" / name).unlink()
    again = pd.read_parquet(predict("later", later, prepared(later), folder, CPU))["prediction"]
    assert again.equals(found)
    settings = types.SimpleNamespace(hardware=CPU)
    private = _predicted(folder, later, prepared(later), test, settings)  # type: ignore[arg-type]
    np.testing.assert_array_equal(private, found)


def test_every_seed_of_every_fold_counts_alike() -> None:
    trained(PRICES, epochs=2, seeds=2)
    submission = pd.read_csv(submitted(PRICES))
    folds = each_fold(PRICES)
    assert len(folds) == 6
    np.testing.assert_allclose(submission["price"], sum(folds) / 6, rtol=1e-5)


def test_labels_are_handed_in_as_the_competition_names_them() -> None:
    """The network's indices of classes 2 and 5 are 0 and 1."""
    trained(SURVIVAL, epochs=8)
    frame = pd.read_parquet("data/prepared/survival/train.parquet")
    frame.assign(survived=frame["survived"].map({0: 2, 1: 5})).to_parquet("data/prepared/survival/train.parquet")
    assert set(pd.read_csv(submitted(SURVIVAL))["survived"]) == {2, 5}


def test_what_does_not_pass_the_gate_is_not_written_and_the_former_submission_stays() -> None:
    results = trained(PRICES)
    path = submitted(PRICES)
    before = path.read_bytes()
    for checkpoint in (results / "checkpoints").iterdir():
        fold = TrainedFold.load(checkpoint)
        fold.weights["bias"].fill_(torch.nan)
        fold.save(checkpoint)
    with pytest.raises(UserError, match=r"submission.csv: price: line 2 and 39 more: found no value"):
        submitted(PRICES)
    assert path.read_bytes() == before
    path.unlink()
    with pytest.raises(UserError):
        submitted(PRICES)
    kept = {"checkpoints", "oof.parquet", "history.csv", "run.json", "test.parquet"}
    assert {entry.name for entry in results.iterdir()} == kept


def test_alarms_of_the_checks_are_said_and_stop_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    results = trained(PRICES)
    alarm = Alarm("x alone predicts the price", "it may be made from it", "take it out", ("x",))
    write_json(results / CHECKS, to_json("prices", [Check("a column that gives the target away", alarm)]))
    assert submitted(PRICES).exists()
    said = f"{results / CHECKS}: a column that gives the target away: x alone predicts the price"
    assert said in capsys.readouterr().out


def test_any_folder_of_results_will_do(tmp_path: Path) -> None:
    results = trained(PRICES).rename(tmp_path / "elsewhere")
    with pytest.MonkeyPatch.context() as patched:
        tables = dataclasses.replace(
            prepared(PRICES), sample_submission=Path("data/prepared/prices/sample_submission.csv").absolute()
        )
        (tmp_path / "empty").mkdir()
        patched.chdir(tmp_path / "empty")
        predict("prices", PRICES, tables, results, CPU)
        path = submission("prices", PRICES, tables, results)
    assert path == results / "submission.csv"
    assert len(pd.read_csv(path)) == 40


def test_broken_out_of_fold_predictions_are_said() -> None:
    results = trained(PRICES)
    (results / "oof.parquet").write_bytes(b"PAR1 half a file")
    with pytest.raises(
        UserError, match=r"results/prices/oof.parquet: cannot be read.*\n.*`dvc repro --force train@pri"
    ):
        submitted(PRICES)
    assert not (results / "submission.csv").exists()


def test_a_lane_that_was_not_trained_says_how_to_train_it() -> None:
    with pytest.raises(UserError, match=r"checkpoints: no checkpoints\n  -> train first: `dvc repro train@survival`"):
        submitted(SURVIVAL)


def test_categories_and_groups_that_training_never_saw_are_predicted() -> None:
    trained(SURVIVAL)
    test = prepared(SURVIVAL).test.assign(label="never seen", key="never seen", x=np.nan)
    for path in Path("results/survival/checkpoints").iterdir():
        assert np.isfinite(TrainedFold.load(path).predict(test, torch.device("cpu"))).all()


def test_checkpoints_of_the_former_format_are_refused() -> None:
    trained(SURVIVAL, epochs=1)
    for path in sorted(Path("results/survival/checkpoints").iterdir()):
        path.unlink()
        torch.save({"weights": torch.ones(1)}, path.with_suffix(".pt"))
    with pytest.raises(UserError, match=r"fold_0\.pt: is a checkpoint of the former format") as caught:
        submitted(SURVIVAL)
    assert "survival" in caught.value.next_step
    assert not Path("results/survival/submission.csv").exists()
