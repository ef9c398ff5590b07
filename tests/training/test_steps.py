"""A Lightning step has several small mini-batches, or a single large one."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.tiny import ADAMW, CPU, training
from torch import Tensor, nn

from groundwork.encoders.ragged import Ragged
from groundwork.errors import UserError
from groundwork.models.fnn import FNN
from groundwork.objectives.classification import Classification
from groundwork.objectives.metrics import METRICS
from groundwork.scratch import models as scratch
from groundwork.scratch.bridge import as_torch_module
from groundwork.training import steps
from groundwork.training.batches import Batches, Rows
from groundwork.training.fit import Fit, fit
from groundwork.training.steps import STEPS_PER_CALL, EpochLoader, work


def test_lightning_is_handed_many_mini_batches_at_a_time_and_each_once() -> None:
    count = 2 * STEPS_PER_CALL + 3
    rows = Rows({"x": torch.zeros(count, 1)}, torch.zeros(count))
    loader = EpochLoader(Batches.seeded(rows, 1, seed=0), STEPS_PER_CALL)
    calls = list(loader)
    assert [len(call) for call in calls] == [STEPS_PER_CALL, STEPS_PER_CALL, 3]
    assert len(loader) == len(calls)
    drawn = [row for call in calls for batch in call for row in batch.tolist()]
    assert sorted(drawn) == list(range(count))
    assert drawn != [row for call in loader for batch in call for row in batch.tolist()], "each epoch is shuffled anew"


# --- which lanes ------------------------------------------------------------------------------------------------------


class Layers(nn.Module):
    """A network that is never run; only its number of weights matters."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(1000, 1000))  # vectors that are looked up
        self.layers = nn.ModuleList(layers)


def batches(size: int, count: int = 1000, **inputs: Tensor | Ragged) -> Batches:
    return Batches.seeded(Rows(inputs, torch.zeros(count)), size, seed=0)


def test_work_is_rows_times_positions_times_the_weights_of_layers() -> None:
    dense, embedded = nn.Linear(6, 5), nn.Embedding(100, 6)
    assert work(Layers(dense, embedded), batches(64, numeric=torch.zeros(1000, 6))) == 64 * 30
    assert work(Layers(dense), batches(4096, numeric=torch.zeros(1000, 6))) == 1000 * 30, "no more rows than there are"
    assert work(Layers(nn.Conv2d(1, 4, 3)), batches(10, image=torch.zeros(1000, 1, 8, 7))) == 10 * 56 * 36
    words = Ragged(torch.zeros(9), torch.tensor([0, 4]), torch.tensor([4, 5]))
    assert work(Layers(nn.LSTM(3, 2)), batches(2, 2, tokens=words)) == 2 * 5 * (8 * 3 + 8 * 2)


def test_the_twin_of_a_network_has_the_work_of_its_original() -> None:
    numbers = {"numeric": torch.zeros(1000, 2), "categorical": torch.zeros(1000, 1, dtype=torch.int64)}
    sizes: dict[str, Any] = {"members": 2, "width": 8, "embedding": 3}
    network, twin = FNN(torch.zeros(2, 5), [9], 2, **sizes), scratch.FNN(np.zeros((2, 5), "float32"), [9], 2, **sizes)
    expected = work(network, batches(64, **numbers))
    assert work(as_torch_module(twin), batches(64, **numbers)) == expected > 0


# --- both ways, the same bits -----------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))

    def forward(self, numeric: Tensor) -> Tensor:
        return self.layers(numeric)


def rows(count: int = 90) -> Rows:
    numbers = torch.randn(count, 3, generator=torch.Generator().manual_seed(0))
    return Rows({"numeric": numbers}, (numbers[:, 0] > 0).long())


LIGHTNING = "pytorch_lightning.callbacks"


def fitted(count: int = 90, precision: str = "32-true", **changes: Any) -> Fit:
    """Train three epochs of six mini-batches, with 90 rows."""
    steps_logged = changes.pop("on_step", None)
    hardware = CPU.model_copy(update={"precision": precision})
    torch.manual_seed(0)
    train = Batches.seeded(rows(count), 16, 7)
    settings = training(**changes)
    metric = METRICS["accuracy"]
    return fit(Net(), Classification(2), metric, train, rows(), settings, hardware, on_step=steps_logged)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every mini-batch a Lightning step, as for a large network."""
    monkeypatch.setattr(steps, "LARGE", 0)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"schedule": "one-cycle", "gradient_clip": 0.1},
        {"weight_averaging": 0.9, "gradient_clip": 1.0},
        {"early_stopping": {"patience": 1, "min_delta": 0.0, "holdout": 0.0}, "epochs": 8},
        {"optimizer": {"name": "muon", "momentum": 0.9, "nesterov": True, "betas": [0.9, 0.99], "eps": 1e-8}},
        {"optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": False}, "schedule": "constant"},
    ],
)
def test_one_mini_batch_in_a_step_and_many_give_the_same_bits(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    many = fitted(**changes)
    monkeypatch.setattr(steps, "LARGE", 0)
    single = fitted(**changes)
    assert single.history == many.history
    for name, value in many.network.state_dict().items():
        assert torch.equal(single.network.state_dict()[name], value), name


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
def test_clipping_reaches_fused_optimizers_in_every_precision(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changes: dict[str, Any] = {"gradient_clip": 1e-9, "optimizer": {**ADAMW, "eps": 1.0}, "weight_decay": 0.0}
    for large in (0, 10**9):
        monkeypatch.setattr(steps, "LARGE", large)
        layer = fitted(precision=precision, **changes).network.layers[0]
        torch.testing.assert_close(layer.weight, Net().layers[0].weight, rtol=0, atol=1e-6)


# --- callbacks by step ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("alone")
def test_the_learning_rate_is_monitored_at_each_optimizer_step(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[tuple[float, dict[str, float]]] = []
    monitor = {"callback": f"{LIGHTNING}.LearningRateMonitor", "logging_interval": "step"}
    # Lightning's `log_every_n_steps` is 50.
    fitted(16 * 60, epochs=2, callbacks=[monitor], on_step=lambda epoch, values: logged.append((epoch, values)))
    assert [epoch * 60 for epoch, _ in logged] == pytest.approx([49, 99])
    plan = [0.5 * (1 + math.cos(math.pi * (step - 12) / 108)) * 0.01 for step in (49, 99)]
    assert [values["lr-AdamW/pg1"] for _, values in logged] == pytest.approx(plan)


@pytest.mark.usefixtures("alone")
def test_checkpoints_are_written_every_so_many_steps(tmp_path: Path) -> None:
    keep = {
        "callback": f"{LIGHTNING}.ModelCheckpoint", "every_n_train_steps": 4, "save_top_k": -1,
        "dirpath": str(tmp_path), "filename": "{step}", "save_weights_only": True,
    }  # fmt: skip
    fitted(callbacks=[keep])
    assert {path.name for path in tmp_path.iterdir()} == {f"step={step}.ckpt" for step in (4, 8, 12, 16)}


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("how", ["setting", "callback"])
def test_accumulated_mini_batches_make_one_step_of_a_larger_one(how: str) -> None:
    halves: dict[str, Any] = {"accumulate_grad_batches": 2}
    if how == "callback":
        halves = {"callbacks": [{"callback": f"{LIGHTNING}.GradientAccumulationScheduler", "scheduling": {0: 2}}]}
    result = fitted(96, batch_size=16, schedule="cosine", warmup=0.0, epochs=2, **halves)
    assert result.history[-1]["learning_rate"] == pytest.approx(0, abs=1e-9), "the schedule ends with the training"
    assert result.history[0]["learning_rate"] == pytest.approx(0.005)


@pytest.mark.usefixtures("alone")
def test_accumulated_gradients_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.BatchNorm1d, "forward", lambda _, x: x)
    monkeypatch.setattr(nn.Dropout, "forward", lambda _, x: x)

    def fit_with(size: int, factor: int) -> nn.Module:
        settings = training(epochs=1, accumulate_grad_batches=factor, schedule="constant", warmup=0.0)
        train = Batches.seeded(rows(64), size, 7)
        return fit(Net(), Classification(2), METRICS["accuracy"], train, rows(), settings, CPU).network

    whole, halves = fit_with(32, 1), fit_with(16, 2)
    for accumulated, expected in zip(halves.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(accumulated, expected, rtol=1e-4, atol=1e-6)


REFUSED = [
    ({"accumulate_grad_batches": 3}, "training.accumulate_grad_batches: 3 (raise batch_size instead)"),
    (
        {"callbacks": [{"callback": f"{LIGHTNING}.LearningRateMonitor", "logging_interval": "step"}]},
        "LearningRateMonitor (use logging_interval: epoch)",
    ),
    (
        {"callbacks": [{"callback": f"{LIGHTNING}.ModelCheckpoint", "every_n_train_steps": 5}]},
        "ModelCheckpoint (use every_n_epochs in place of every_n_train_steps)",
    ),
    (
        {"callbacks": [{"callback": f"{LIGHTNING}.GradientAccumulationScheduler", "scheduling": {0: 2}}]},
        "GradientAccumulationScheduler (raise batch_size instead)",
    ),
]


@pytest.mark.parametrize(("changes", "problem"), REFUSED)
def test_what_counts_lightning_steps_is_refused_where_several_mini_batches_go_into_one(
    changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UserError) as caught:
        fitted(**changes)
    assert problem in caught.value.problem
    assert "one Lightning step takes up to 32" in caught.value.problem
    assert "batch_size" in caught.value.next_step


def test_all_that_is_refused_stands_in_one_message() -> None:
    callbacks = [entry for change, _ in REFUSED[1:] for entry in change["callbacks"]]
    with pytest.raises(UserError) as caught:
        fitted(accumulate_grad_batches=3, callbacks=callbacks)
    assert all(problem in caught.value.problem for _, problem in REFUSED)


def test_callbacks_by_epoch_work_where_several_mini_batches_go_into_one(tmp_path: Path) -> None:
    logged: list[tuple[float, dict[str, float]]] = []
    monitor = {"callback": f"{LIGHTNING}.LearningRateMonitor", "logging_interval": "epoch"}
    keep = {
        "callback": f"{LIGHTNING}.ModelCheckpoint", "every_n_epochs": 2, "save_top_k": -1, "dirpath": str(tmp_path),
        "filename": "{epoch}", "save_weights_only": True,
    }  # fmt: skip
    fitted(epochs=4, callbacks=[monitor, keep], on_step=lambda epoch, values: logged.append((epoch, values)))
    assert len(logged) == 4
    assert logged[0][1]["lr-AdamW/pg1"] > logged[3][1]["lr-AdamW/pg1"] > 0
    assert len(list(tmp_path.iterdir())) == 2
