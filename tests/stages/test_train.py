import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from tests.services.wandb_server import WandbServer
from tests.training.tiny import CPU, FOLDS, PRICES, ROWS, SURVIVAL, lane, prepared, trained

from groundwork.competitions import Labelled
from groundwork.data.rows import PreparedRows
from groundwork.encoders.table import TableEncoder
from groundwork.errors import UserError
from groundwork.objectives.oof import cross_validate
from groundwork.settings import Tracking
from groundwork.tracking.reading import read_back, read_records
from groundwork.training.archive import pack_state
from groundwork.training.checkpoint import TrainedFold
from groundwork.training.fold import train_fold

FILES = {"checkpoints", "oof.parquet", "history.csv", "run.json"}
HOLDOUT = {"patience": 2, "min_delta": 0.0, "holdout": 0.2}


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def weights(results: Path) -> list[dict[str, torch.Tensor]]:
    return [TrainedFold.load(path).weights for path in sorted((results / "checkpoints").iterdir())]


def assert_bit_equal(one: Path, other: Path) -> None:
    for file in ("oof.parquet", "history.csv"):
        assert (one / file).read_bytes() == (other / file).read_bytes(), file
    for first, second in zip(weights(one), weights(other), strict=True):
        assert all(torch.equal(first[name], second[name]) for name in first)


# --- what it writes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("competition", [SURVIVAL, PRICES], ids=lambda competition: competition.slug)
def test_it_writes_predictions_for_each_row_by_the_fold_that_did_not_see_it(competition: Labelled) -> None:
    results = trained(competition)
    data = prepared(competition)
    assert {path.name for path in results.iterdir()} == FILES
    oof = pd.read_parquet(results / "oof.parquet")
    columns = ["p0", "p1"] if competition is SURVIVAL else ["prediction"]
    assert list(oof.columns) == ["id", "fold", "target", *columns]
    assert oof["id"].tolist() == data.train["Id"].tolist()
    assert oof["fold"].tolist() == data.fold["fold"].tolist()
    np.testing.assert_allclose(oof["target"], data.train[competition.targets[0]], rtol=1e-6)
    if competition is SURVIVAL:
        assert oof["target"].dtype == np.int64
        np.testing.assert_allclose(oof[columns].sum(axis=1), 1, rtol=1e-5)
    for fold in range(FOLDS):
        model = TrainedFold.load(results / "checkpoints" / f"fold_{fold}.fold")
        inside = (data.fold["fold"] == fold).to_numpy()
        again = model.predict(data.train[inside], torch.device("cpu"))
        np.testing.assert_array_equal(oof.loc[inside, columns].to_numpy().squeeze(), again)


def test_it_writes_the_history_of_each_fold_and_what_the_run_was() -> None:
    results = trained(epochs=4)
    history = pd.read_csv(results / "history.csv")
    assert set(history.columns) == {"fold", "epoch", "train_loss", "val_loss", "val_accuracy", "learning_rate"}
    assert history[["fold", "epoch"]].to_numpy().tolist() == [[f, e] for f in range(FOLDS) for e in range(4)]
    run = json.loads((results / "run.json").read_text())
    assert set(run) == {
        "run_id", "wandb_dir", "started", "seconds", "commit", "dirty", "params", "code_sha256", "data_sha256",
        "folds_sha256", "hardware", "folds",
    }  # fmt: skip
    files = {fold: TrainedFold.load(results / "checkpoints" / f"{fold}.fold") for fold in run["folds"]}
    assert list(files) == ["fold_0", "fold_1", "fold_2"]
    assert {fold: made["key"] for fold, made in run["folds"].items()} == {
        fold: trained.origin.key for fold, trained in files.items()
    }
    assert all(0 < made["seconds"] <= run["seconds"] + 0.1 for made in run["folds"].values())
    data = prepared()
    assert run["data_sha256"] == data.data_sha256
    assert run["params"] == {"seed": 0, **lane(epochs=4).model_dump(mode="json")}
    assert run["commit"] is None, "this directory is no repository"
    stored = pq.read_schema(results / "oof.parquet").metadata[b"folds_sha256"].decode()
    assert stored == run["folds_sha256"] == data.folds_sha256


def test_a_later_training_replaces_every_file_of_the_former_one() -> None:
    trained()
    results = trained(folds=1, epochs=2)
    assert [path.name for path in (results / "checkpoints").iterdir()] == ["fold_0.fold"]
    assert set(pd.read_parquet(results / "oof.parquet")["fold"]) == {0}
    assert {path.name for path in results.iterdir()} == FILES


def test_more_folds_than_there_are_is_refused() -> None:
    with pytest.raises(UserError, match=r"training.folds: found 4; the data has 3 folds"):
        trained(folds=4)
    assert not Path("results/survival").exists()


def test_its_run_in_wandb_is_named_by_what_changed_and_shows_the_worst_rows(server: WandbServer) -> None:
    tracking = Tracking(mode="offline", project="tests", artifacts="references")
    for epochs in (1, 2):
        results = trained(epochs=epochs, tracking=tracking)
        logged = json.loads((results / "run.json").read_text())
    run = read_back(Path(logged["wandb_dir"]))
    assert run["name"] == "survival epochs=2"
    assert run["summary"]["cv/score"] == run["summary"]["cv/mean"]
    assert run["summary"]["mean/val_loss"] > 0
    assert run["summary"]["oof/worst_rows"]["nrows"] == 100
    records = read_records(Path(logged["wandb_dir"]))
    made = {record["artifact"]["name"] for record in records if record["type"] == "artifact"}
    assert {"survival-data", "survival-folds"} <= made


# --- seeds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("competition", "stop"), [(SURVIVAL, HOLDOUT), (PRICES, None)])
def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(
    competition: Labelled, stop: dict[str, float] | None
) -> None:
    changes: dict[str, Any] = {"early_stopping": stop, "weight_averaging": 0.5}
    first = trained(competition, "first", **changes)
    torch.rand(7), np.random.default_rng().random()  # whatever happened before does not count
    assert_bit_equal(first, trained(competition, "again", **changes))
    other = trained(competition, "other", seed=1, **changes)
    assert (first / "oof.parquet").read_bytes() != (other / "oof.parquet").read_bytes()


def test_a_fold_comes_out_the_same_alone_and_among_others() -> None:
    trained(results="all")
    trained(results="one", folds=1)
    alone, together = weights(Path("one/survival"))[0], weights(Path("all/survival"))[0]
    assert all(torch.equal(alone[name], together[name]) for name in alone)


def test_folds_differ_in_their_first_weights() -> None:
    first, second, _ = weights(trained(epochs=1, learning_rate=1e-12))
    assert not torch.allclose(first["hidden.0.weight"], second["hidden.0.weight"], atol=1e-3)


def test_the_largest_seed_that_params_allows_trains_all_folds() -> None:
    trained(seed=2**32 - 1, epochs=1)


def test_several_seeds_are_averaged_and_a_single_one_keeps_its_fold(capsys: pytest.CaptureFixture[str]) -> None:
    one = trained()
    alone, run = pd.read_parquet(one / "oof.parquet"), json.loads((one / "run.json").read_text())
    assert not {"seeds", "replicates"} & run.keys()
    capsys.readouterr()
    results = trained(seeds=3)
    printed = printed_by(capsys)
    assert printed.count(TAKEN) == FOLDS, "replicate 0 is what one seed trains"
    assert "survival: fold 2, seed 2: accuracy" in printed
    folds = {path.name: TrainedFold.load(path) for path in (results / "checkpoints").iterdir()}
    assert sorted(folds) == sorted(f"fold_{k}{seed}.fold" for k in range(FOLDS) for seed in ("", "_seed_1", "_seed_2"))
    rows = [
        pd.concat([folds[f"fold_{k}{seed}.fold"].validation for k in range(FOLDS)]).sort_values("id", ignore_index=True)
        for seed in ("", "_seed_1", "_seed_2")
    ]
    np.testing.assert_array_equal(rows[0][["p0", "p1"]], alone[["p0", "p1"]])
    oof = pd.read_parquet(results / "oof.parquet")
    np.testing.assert_array_equal(oof[["p0", "p1"]], np.mean([table[["p0", "p1"]] for table in rows], axis=0))
    run = json.loads((results / "run.json").read_text())
    assert [score["oof"] for score in run["seeds"]] == [cross_validate(table, "accuracy")["oof"] for table in rows]
    assert [sorted(made) for made in run["replicates"]] == [["fold_0", "fold_1", "fold_2"]] * 2
    assert len(pd.read_csv(results / "history.csv")) == 3 * FOLDS

    shutil.rmtree("results/.folds")
    trained(seeds=3, results="results")
    assert printed_by(capsys).count(TAKEN) == 3 * FOLDS, "checkpoints fill the store"
    trained()
    assert printed_by(capsys).count(TAKEN) == FOLDS
    assert (one / "oof.parquet").read_bytes() == Path("results/survival/oof.parquet").read_bytes()


# --- leakage ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[TableEncoder, list[int], dict[str, torch.Tensor]]]:
    """Record each encoder that train_fold fits, with its training rows and their features."""
    fits: list[tuple[TableEncoder, list[int], dict[str, torch.Tensor]]] = []
    original = TableEncoder.fit_transform

    def fit_transform(self: TableEncoder, frame: pd.DataFrame, target: np.ndarray) -> dict[str, torch.Tensor]:
        out = original(self, frame, target)
        fits.append((self, frame["Id"].tolist(), {name: tensor.clone() for name, tensor in out.items()}))
        return out

    monkeypatch.setattr(TableEncoder, "fit_transform", fit_transform)
    return fits


def planted(data: PreparedRows, competition: Labelled, fold: int) -> PreparedRows:
    """Change numbers, labels, keys and targets of the validation rows of `fold`."""
    train, inside = data.train.copy(), (data.fold["fold"] == fold).to_numpy()
    train.loc[inside, "x"] = 1e6
    train.loc[inside, "z"] = np.nan
    train.loc[inside, "label"] = "new"
    train.loc[inside, "key"] = train.loc[~inside, "key"].dropna().iloc[0]
    (name,) = competition.targets
    target = train.loc[inside, name]
    train.loc[inside, name] = 1 - target if competition is SURVIVAL else target * 50
    return dataclasses.replace(data, train=train)


@pytest.mark.parametrize("stop", [None, HOLDOUT, HOLDOUT | {"holdout": 0.0}])
@pytest.mark.parametrize("competition", [SURVIVAL, PRICES], ids=lambda competition: competition.slug)
def test_validation_rows_leave_no_trace_in_training_features_and_in_what_was_learned(
    recorded: list[tuple[TableEncoder, list[int], dict[str, torch.Tensor]]],
    competition: Labelled,
    stop: dict[str, float] | None,
) -> None:
    data, settings = prepared(competition), lane(competition, epochs=1, early_stopping=stop)
    tables = (data, planted(data, competition, fold=1))
    folds = [train_fold(competition, settings, given, 1, 0, CPU) for given in tables]
    (first, ids, features), (second, other_ids, other_features) = recorded
    outside = set(data.train["Id"][data.fold["fold"] != 1])
    assert ids == other_ids
    assert set(ids) <= outside
    assert len(ids) == pytest.approx(len(outside) * (0.8 if stop is HOLDOUT else 1), abs=1)
    for name, tensor in features.items():
        assert torch.equal(tensor, other_features[name]), name
    learned, other_learned = (pack_state(encoder.state()) for encoder in (first, second))
    assert learned.keys() == other_learned.keys()
    assert [name for name in learned if learned[name] != other_learned[name]] == []
    assert folds[0].objective == folds[1].objective
    if not stop or stop["holdout"]:
        # Where nothing is chosen by the validation rows, not even the weights know of them.
        assert all(torch.equal(value, folds[1].weights[name]) for name, value in folds[0].weights.items())
    assert not folds[0].validation.equals(folds[1].validation), "the change itself must be seen"


def test_rows_kept_aside_to_stop_by_are_neither_learned_from_nor_validated(
    recorded: list[tuple[TableEncoder, list[int], dict[str, torch.Tensor]]],
) -> None:
    data = prepared()
    fold = train_fold(SURVIVAL, lane(early_stopping=HOLDOUT), data, 0, 0, CPU)
    (_, learned_from, _) = recorded[0]
    aside = set(data.train["Id"]) - set(learned_from) - set(fold.validation["id"])
    assert len(aside) == 16
    assert set(fold.validation["id"]) == set(data.train["Id"][data.fold["fold"] == 0])
    targets = data.train.set_index("Id").loc[sorted(aside), "survived"]
    assert targets.mean() == pytest.approx(0.5, abs=0.1), "kept aside in the classes' shares"


def test_too_few_rows_to_keep_aside_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"early_stopping.holdout: found 0.01, which does not suit the 80 training rows"
    ):
        trained(early_stopping={"patience": 1, "min_delta": 0.0, "holdout": 0.01})


# --- the fold store ---------------------------------------------------------------------------------------------------

TAKEN = "taken from the fold store"


def printed_by(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_going_back_to_former_settings_trains_nothing_and_gives_the_same_bytes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = trained()
    before = {path.name: path.read_bytes() for path in (first / "checkpoints").iterdir()}
    rows = (first / "oof.parquet").read_bytes()
    trained(dropout=0.5)
    assert TAKEN not in printed_by(capsys)
    shutil.rmtree(first)  # as DVC deletes outputs, and `dvc gc` what it had of them
    again = trained()
    assert printed_by(capsys).count(TAKEN) == FOLDS
    assert {path.name: path.read_bytes() for path in (again / "checkpoints").iterdir()} == before
    assert (again / "oof.parquet").read_bytes() == rows


def test_folds_are_equal_bytes_wherever_they_were_trained() -> None:
    first, second = trained(results="first"), trained(results="second")
    for fold in range(FOLDS):
        name = f"checkpoints/fold_{fold}.fold"
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_a_lane_that_was_pulled_is_a_filled_store(capsys: pytest.CaptureFixture[str]) -> None:
    results = trained(folds=2)
    before = json.loads((results / "run.json").read_text())["folds"]["fold_0"]
    shutil.rmtree("results/.folds")
    capsys.readouterr()
    trained()
    assert printed_by(capsys).count(TAKEN) == 2
    assert json.loads((results / "run.json").read_text())["folds"]["fold_0"] == before


def test_pulled_folds_that_are_damaged_or_name_a_place_elsewhere_are_trained_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = trained()
    expected = weights(results)
    shutil.rmtree("results/.folds")
    paths = sorted((results / "checkpoints").iterdir())
    paths[0].write_bytes(b"x")
    fold = TrainedFold.load(paths[1])
    dataclasses.replace(fold, origin=dataclasses.replace(fold.origin, key="../../../outside")).save(paths[1])
    fold = TrainedFold.load(paths[2])
    other = dataclasses.replace(fold, fold=0, validation=fold.validation.assign(fold=np.int8(0)))
    other.save(paths[2])
    capsys.readouterr()
    trained()
    printed = printed_by(capsys)
    assert TAKEN not in printed
    assert "fold_0.fold: cannot be read as a fold" in printed
    assert "fold_2.fold: is another fold than its path says; it is trained again" in printed
    assert not list(Path().rglob("outside"))
    for first, second in zip(expected, weights(results), strict=True):
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_lane_that_mixes_folds_of_two_machines_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    trained()
    assert "not all made in the same way" not in printed_by(capsys)
    (path,) = Path("results/.folds").rglob("fold_1.fold")
    fold = TrainedFold.load(path)
    dataclasses.replace(fold, origin=dataclasses.replace(fold.origin, threads=77)).save(path)
    trained()
    printed = printed_by(capsys)
    assert printed.count("its folds were not all made in the same way (threads") == 1
    assert "or 77)" in printed


def test_the_store_gives_up_weights_of_former_settings_and_trains_them_anew_with_the_same_outcome(
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = trained()
    expected = weights(results)
    trained(dropout=0.5, store_bytes=0)
    assert printed_by(capsys).count("the fold store pruned its 3 least recently used folds, of survival:") == 1
    assert len(list(Path("results/.folds").rglob("*.fold"))) == 2 * FOLDS
    trained()
    printed = printed_by(capsys)
    assert printed.count("its weights were removed to keep the fold store small; it is trained again") == FOLDS
    for first, second in zip(expected, weights(results), strict=True):
        assert all(torch.equal(first[name], second[name]) for name in first)


# --- stopped and resumed ----------------------------------------------------------------------------------------------

SCRIPT = """
import sys, time
from pathlib import Path
from tests.services.wandb_server import WandbServer
from tests.training.tiny import CPU, trained
from groundwork.errors import UserError
from groundwork.stages import train
from groundwork.settings import Tracking

if __name__ == "__main__":
    log = train.log
    def wait_in_fold_1(tracker, part, epoch):
        log(tracker, part, epoch)
        if part == (1, 0):
            Path("in fold 1").touch()
            time.sleep(3600)
    try:
        if sys.argv[1] == "together":
            hardware = CPU.model_copy(update={"strategy": "ddp", "devices": 2})
            trained(epochs=12, hardware=hardware, tracking=Tracking(mode="offline", project="tests"))
        else:
            train.log = wait_in_fold_1
            trained(weight_averaging=0.5)
    except UserError as error:
        print(f"USER ERROR {error}", file=sys.stderr)
        sys.exit(error.exit_code)
"""


def started(how: str) -> subprocess.Popen[str]:
    """Start a small training in its own process, in the working directory."""
    Path("script.py").write_text(SCRIPT)
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), str(root / "src")])
    return subprocess.Popen(
        [sys.executable, "script.py", how],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcomes() -> set[str]:
    return {path.name for path in Path("results").iterdir() if not path.name.startswith(".")}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_training_goes_on_at_the_last_finished_fold_with_the_same_outcome(
    how: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    process = started("alone")
    while not Path("in fold 1").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(how)
    _, errors = process.communicate()
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert "USER ERROR survival: stopped in fold 1; 1 of 3 folds are finished and kept" in errors
        assert "run the same command again" in errors
        assert "Traceback" not in errors
    assert outcomes() == set()

    resumed = trained(weight_averaging=0.5)
    printed = capsys.readouterr().out
    assert printed.count("taken from the fold store") == 1
    assert "fold 0: taken from the fold store" in printed
    assert_bit_equal(resumed, trained(results="whole", weight_averaging=0.5))


@pytest.fixture
def broken_off(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Train fold 0 and stop in fold 1 as Ctrl-C would; return the checkpoint of fold 0."""

    def train(**changes: Any) -> Path:
        from groundwork.stages import train as stage

        original = stage.train_fold

        def stopped(*arguments: Any, **more: Any) -> TrainedFold:
            if arguments[3] == 1:
                raise KeyboardInterrupt
            return original(*arguments, **more)

        with monkeypatch.context() as patched:
            patched.setattr(stage, "train_fold", stopped)
            with pytest.raises(UserError, match="stopped in fold 1"):
                trained(**changes)
        (kept,) = Path("results/.folds").rglob("fold_0.fold")
        return kept

    return train


@pytest.mark.parametrize("change", [{"seed": 1}, {"dropout": 0.3}, {"learning_rate": 0.02}, {"hardware": "64-true"}])
def test_folds_of_other_parameters_are_not_taken_over(
    broken_off: Callable[..., Path], change: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    broken_off()
    if "hardware" in change:
        change = {"hardware": CPU.model_copy(update={"precision": change["hardware"]})}
    trained(**change)
    assert TAKEN not in capsys.readouterr().out


def test_folds_of_other_data_are_not_taken_over(
    broken_off: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    broken_off()
    path = Path("data/prepared/survival/train.parquet")
    frame = pd.read_parquet(path)
    frame.loc[0, "z"] += 1
    frame.to_parquet(path)
    trained()
    assert TAKEN not in capsys.readouterr().out


def test_more_folds_of_the_same_training_take_over_the_finished_ones(
    broken_off: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    broken_off(folds=2)
    trained()
    assert "fold 0: taken from the fold store" in capsys.readouterr().out


def test_a_kept_fold_that_cannot_be_read_is_trained_again(
    broken_off: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    kept = broken_off()
    kept.write_bytes(kept.read_bytes()[:100])
    resumed = trained()
    printed = capsys.readouterr().out
    assert TAKEN not in printed
    assert printed.count("it is trained again") == 1
    assert f"{kept}: cannot be read as a fold" in " ".join(printed.split())
    assert_bit_equal(resumed, trained(results="whole"))


def test_a_failed_training_leaves_the_former_results_alone() -> None:
    results = trained()
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="loss became nan"):
        trained(learning_rate=1e30)
    assert {path: path.read_bytes() for path in results.rglob("*") if path.is_file()} == before


# --- several processes ------------------------------------------------------------------------------------------------


def test_two_processes_train_together_and_one_writes() -> None:
    process = started("together")
    printed, errors = process.communicate()
    assert process.returncode == 0, errors
    results = Path("results/survival")
    assert {path.name for path in results.iterdir()} == FILES
    assert [path.name for path in sorted((results / "checkpoints").iterdir())] == [
        f"fold_{k}.fold" for k in range(FOLDS)
    ]
    for fold in range(FOLDS):
        assert printed.count(f"survival: fold {fold}: accuracy") == 1, "one process speaks"
    oof = pd.read_parquet(results / "oof.parquet")
    assert len(oof) == ROWS
    history = pd.read_csv(results / "history.csv")
    assert len(history) == 12 * FOLDS
    assert len(list(Path("wandb").glob("offline-run-*"))) == 1
    alone = pd.read_parquet(trained(results="alone", epochs=12) / "oof.parquet")
    together, single = (cross_validate(frame, "accuracy") for frame in (oof, alone))
    assert together["oof"] > oof["target"].value_counts(normalize=True).max() + 0.1
    assert together["oof"] == pytest.approx(single["oof"], abs=0.2)
    assert not oof["p0"].equals(alone["p0"])
