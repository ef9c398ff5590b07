import copy
import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.tiny import CPU, SURVIVAL, lane, prepared, training
from tests.training.tiny import PRICES as TINY_PRICES
from torch import Tensor, nn

from groundwork.competitions import Labelled
from groundwork.encoders.ragged import Inputs
from groundwork.errors import UserError
from groundwork.models.cnn import CNN
from groundwork.models.fnn import FNN
from groundwork.objectives.base import Objective
from groundwork.objectives.classification import Classification
from groundwork.objectives.metrics import METRICS
from groundwork.objectives.oof import predictions, targets
from groundwork.objectives.regression import Regression
from groundwork.settings import Lane
from groundwork.training import steps
from groundwork.training.batches import Batches, Rows
from groundwork.training.fit import Fit, fit
from groundwork.training.fold import train_fold
from groundwork.training.inference import predict
from groundwork.training.optimizers import make_optimizer, schedule

CLASSES = Classification(2, label_smoothing=0.05)
PRICES = Regression(mean=5.0, scale=1.0, low=1.0, high=1e5, log=True)
CPU_DEVICE = torch.device("cpu")


def rows(count: int = 90, seed: int = 0, target: str = "class") -> Rows:
    source = torch.Generator().manual_seed(seed)
    numbers = torch.randn(count, 3, generator=source)
    codes = torch.randint(0, 3, (count, 2), generator=source)
    score = numbers[:, 0] + 0.7 * torch.randn(count, generator=source)
    return Rows(
        {"numeric": numbers, "categorical": codes}, (score > 0).long() if target == "class" else (score + 5).exp()
    )


def network(outputs: int = 2, dropout: float = 0.0) -> FNN:
    torch.manual_seed(0)
    edges = torch.linspace(-2, 2, 5).repeat(3, 1)
    return FNN(edges, [3, 3], outputs, members=2, width=8, embedding=3, dropout=dropout)


def pictures(count: int = 30) -> Rows:
    images = torch.randn(count, 1, 9, 7, generator=torch.Generator().manual_seed(0))
    return Rows({"image": images}, torch.arange(count) % 2)


def fitted(net: nn.Module | None = None, train: Rows | None = None, **changes: Any) -> Fit:
    hardware = CPU.model_copy(update=changes.pop("hardware", {}))
    objective: Objective = changes.pop("objective", CLASSES)
    metric = METRICS["accuracy" if isinstance(objective, Classification) else "rmse_log"]
    train = train or rows()
    valid = changes.pop("valid", train)
    settings = training(**changes)
    return fit(net or network(), objective, metric, Batches.seeded(train, 16, 7), valid, settings, hardware)


def loop(net: nn.Module, train: Rows, precision: torch.dtype | None = None, **changes: Any) -> nn.Module:
    """Train without Lightning; return the network, or its moving average."""
    settings = training(**changes)
    batches = Batches.seeded(train, 16, 7)
    optimizer = make_optimizer(net, settings)
    plan = schedule(optimizer, settings.schedule, settings.epochs * batches.steps, settings.warmup)
    average, steps = copy.deepcopy(net), 0
    net.train()
    for _ in range(settings.epochs):
        for which in batches.epoch():
            inputs, target = batches.take(which)
            with torch.autocast("cpu", precision or torch.bfloat16, enabled=precision is not None):
                loss = CLASSES.loss(net(**inputs), target)
            optimizer.zero_grad()
            loss.backward()
            if settings.gradient_clip:
                norm = torch.stack([p.grad.norm() for p in net.parameters() if p.grad is not None]).norm()
                for parameter in net.parameters():
                    assert parameter.grad is not None
                    parameter.grad *= min(1.0, settings.gradient_clip / (norm.item() + 1e-6))
            optimizer.step()
            plan.step()
            decay = min(settings.weight_averaging, (steps + 1) / (steps + 10)) if steps else 0.0
            steps += 1
            current = net.state_dict()
            for name, value in average.state_dict().items():
                if value.is_floating_point():
                    value.copy_(decay * value + (1 - decay) * current[name])
                else:
                    value.copy_(current[name])
    return average if settings.weight_averaging else net


def assert_same_weights(got: nn.Module, expected: nn.Module, **tolerance: float) -> None:
    expected_weights = expected.state_dict()
    assert got.state_dict().keys() == expected_weights.keys()
    for name, value in got.state_dict().items():
        torch.testing.assert_close(
            value, expected_weights[name], msg=lambda text, name=name: f"{name}: {text}", **tolerance
        )


def moved(net: nn.Module, other: nn.Module) -> float:
    return max((a - b).abs().max().item() for a, b in zip(net.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gradient_clip": 0.05, "schedule": "constant"},
        {"schedule": "one-cycle", "warmup": 0.3},
        {"weight_averaging": 0.9},
        {"weight_averaging": 0.5, "gradient_clip": 0.1, "weight_decay": 0.3},
    ],
)
def test_a_fit_is_the_loop_that_one_would_write_by_hand(changes: dict[str, Any]) -> None:
    expected = loop(network(), rows(), **changes)
    got = fitted(network(), **changes).network
    assert_same_weights(got, expected, rtol=1e-4, atol=1e-6)
    assert moved(got, network()) > 0.02


def test_the_running_statistics_of_a_cnn_are_averaged_with_its_weights() -> None:
    def cnn() -> CNN:
        torch.manual_seed(0)
        return CNN(1, [3, 4], outputs=2)

    for averaging in (0.0, 0.9):
        expected = loop(cnn(), pictures(), weight_averaging=averaging)
        assert_same_weights(
            fitted(cnn(), pictures(), weight_averaging=averaging).network, expected, rtol=1e-3, atol=1e-5
        )


def test_clipping_bounds_what_a_step_changes() -> None:
    """Adam's step does not depend on the gradients' scale unless epsilon is large, so epsilon is large here."""
    free = fitted(network(), schedule="constant").network
    clipped = fitted(network(), schedule="constant", gradient_clip=1e-9).network
    assert moved(clipped, network()) < 0.5 * moved(free, network())


def test_bf16_training_casts_the_weights_anew_for_each_mini_batch() -> None:
    expected = loop(network(), rows(), precision=torch.bfloat16, gradient_clip=1.0)
    got = fitted(network(), gradient_clip=1.0, hardware={"precision": "bf16-mixed"})
    assert_same_weights(got.network, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true", "32-true"])
@pytest.mark.parametrize("kind", ["classes", "prices", "pictures"])
def test_every_precision_trains_every_problem_and_leaves_a_float32_network(precision: str, kind: str) -> None:
    net, train, objective = {
        "classes": (network(), rows(), CLASSES),
        "prices": (network(1), rows(target="price"), PRICES),
        "pictures": (CNN(1, [3, 4], 2), pictures(), CLASSES),
    }[kind]
    result = fitted(
        net,
        train,
        objective=objective,
        gradient_clip=1.0,
        weight_averaging=0.5,
        early_stopping={"patience": 2, "min_delta": 0.0, "holdout": 0.0},
        hardware={"precision": precision},
    )
    assert all(value.dtype in (torch.float32, torch.int64) for value in result.network.state_dict().values())
    predicted = predict(result.network, objective, train.inputs, CPU_DEVICE)
    assert predicted.dtype == torch.float32
    assert predicted.isfinite().all()
    # To more digits than half precision has: the loss is a mean over rows, taken in full precision.
    assert not math.isclose(result.history[-1]["val_loss"] * 256 % 1, 0, abs_tol=1e-9)


def test_epochs_of_more_mini_batches_than_lightning_sees_at_once_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = loop(network(), rows(100))
    monkeypatch.setattr(steps, "STEPS_PER_CALL", 4)  # 6 mini-batches: 4 and 2
    assert_same_weights(fitted(network(), rows(100)).network, expected, rtol=1e-4, atol=1e-6)


class Scripted(nn.Module):
    """Trains a single weight; in epoch `k`, ``scores[k]`` of ten validation rows are predicted correctly."""

    def __init__(self, scores: list[int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1))
        self.register_buffer("epoch", torch.tensor(-1))
        self.scores = scores

    def forward(self, number: Tensor) -> Tensor:
        if self.training:
            self.epoch += 1
            return number * self.weight + torch.tensor([0.0, 1.0])
        correct = torch.arange(len(number)) < self.scores[int(self.epoch)]
        return torch.stack([correct.float(), 1 - correct.float()], dim=1)


def scripted(scores: list[int], stop: dict[str, float] | None) -> tuple[Fit, Scripted]:
    """Train an epoch of a single mini-batch for each of `scores`."""
    data = Rows({"number": torch.ones(10, 1)}, torch.zeros(10, dtype=torch.int64))
    net = Scripted(scores)
    return fitted(net, data, epochs=len(scores), early_stopping=stop), net


@pytest.mark.parametrize(
    ("scores", "patience", "min_delta", "epochs", "best"),
    [
        ([3, 5, 4, 4, 9], 2, 0.0, 4, 1),  # stops before the 9
        ([3, 5, 4, 4, 9], 3, 0.0, 5, 4),
        ([3, 4, 5, 6, 7], 1, 0.0, 5, 4),
        ([3, 4, 5, 6, 7], 2, 0.15, 5, 4),  # 3 -> 4 is too little, 3 -> 5 is enough
        ([3, 4, 4, 4, 7], 2, 0.15, 3, 2),  # too little to go on for, and yet the best; of equal epochs the last
        ([5, 5, 5, 5, 5], 2, 0.0, 3, 2),
    ],
)
def test_early_stopping_waits_for_its_patience_and_gives_back_the_best_epoch(
    scores: list[int], patience: int, min_delta: float, epochs: int, best: int
) -> None:
    result, net = scripted(scores, {"patience": patience, "min_delta": min_delta, "holdout": 0.0})
    assert [round(10 * epoch["val_accuracy"]) for epoch in result.history] == scores[:epochs]
    assert int(net.epoch) == best


def test_without_early_stopping_the_last_epoch_stays() -> None:
    result, net = scripted([3, 9, 1, 2], None)
    assert len(result.history) == 4
    assert int(net.epoch) == 3


def test_a_metric_whose_lower_values_are_better_stops_and_chooses_by_them() -> None:
    train, valid = rows(20, target="price"), rows(200, seed=5, target="price")
    stop = {"patience": 2, "min_delta": 0.0, "holdout": 0.0}
    result = fitted(
        network(1), train, valid=valid, objective=PRICES, epochs=60, learning_rate=0.05, schedule="constant",
        early_stopping=stop,
    )  # fmt: skip
    scores = [epoch["val_rmse_log"] for epoch in result.history]
    assert len(scores) < 60, "the few training rows should be learned by heart"
    assert scores.index(min(scores)) == len(scores) - 3
    predicted = predict(result.network, PRICES, valid.inputs, CPU_DEVICE)
    again = METRICS["rmse_log"].on_device(valid.target, predicted)
    assert again.item() == pytest.approx(min(scores), rel=1e-6)


def test_the_best_epoch_of_averaged_weights_is_the_averages() -> None:
    stop = {"patience": 50, "min_delta": 0.0, "holdout": 0.0}
    valid = rows(200, seed=5)
    result = fitted(
        network(), rows(20), valid=valid, epochs=20, learning_rate=0.05, weight_averaging=0.8, early_stopping=stop
    )
    scores = [epoch["val_accuracy"] for epoch in result.history]
    predicted = predict(result.network, CLASSES, valid.inputs, CPU_DEVICE)
    assert METRICS["accuracy"].score(valid.target.numpy(), predicted.numpy()) == pytest.approx(max(scores))
    # The loss tells the average from the network that it follows; the accuracy may be the same.
    with torch.no_grad():
        loss = CLASSES.loss(result.network(**valid.inputs), valid.target)
    last_best = max(index for index, score in enumerate(scores) if score == max(scores))
    assert loss.item() == pytest.approx(result.history[last_best]["val_loss"], rel=1e-5)
    assert max(scores) > scores[-1]


def test_history_holds_each_epochs_losses_metric_and_rate() -> None:
    heard: list[dict[str, float]] = []
    train, valid = rows(), rows(50, seed=1)
    net = network()
    result = fit(
        net, CLASSES, METRICS["accuracy"], Batches.seeded(train, 16, 7), valid, training(epochs=4), CPU,
        on_epoch=heard.append,
    )  # fmt: skip
    assert heard == result.history
    assert [epoch["epoch"] for epoch in heard] == [0, 1, 2, 3]
    assert set(heard[0]) == {"epoch", "train_loss", "val_loss", "val_accuracy", "learning_rate"}
    assert heard[-1]["learning_rate"] == pytest.approx(0, abs=1e-9)
    with torch.no_grad():
        logits = net.eval()(**valid.inputs)
    assert heard[-1]["val_loss"] == pytest.approx(CLASSES.loss(logits, valid.target).item(), rel=1e-5)
    accuracy = METRICS["accuracy"].score(valid.target.numpy(), CLASSES.predict(logits).numpy())
    assert heard[-1]["val_accuracy"] == pytest.approx(accuracy)


def test_dropout_is_off_while_an_epoch_is_scored_and_on_again_after() -> None:
    seen: list[tuple[bool, bool]] = []
    net = network(dropout=0.5)
    net.register_forward_hook(lambda module, *_: seen.append((module.training, torch.is_grad_enabled())))
    fitted(net, rows(32), epochs=2)
    assert seen == [(True, True), (True, True), (False, False)] * 2


def test_validation_takes_rows_a_piece_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fitted(network()).history
    monkeypatch.setattr("groundwork.training.batches.ROWS_AT_ONCE", 7)
    pieces = fitted(network())
    assert pieces.history[-1]["val_loss"] == pytest.approx(whole[-1]["val_loss"], rel=1e-5)
    assert predict(pieces.network, CLASSES, rows().inputs, CPU_DEVICE).shape == (90, 2)


def test_max_time_ends_the_training_early_with_what_it_has() -> None:
    result = fitted(epochs=100_000, max_time="00:00:00:01", schedule="constant")
    assert 1 <= len(result.history) < 100_000
    assert result.network(**rows().inputs).isfinite().all()


def test_no_time_at_all_is_refused() -> None:
    with pytest.raises(UserError, match="max_time 00:00:00:00 ran out before the first epoch"):
        fitted(max_time="00:00:00:00")


def test_an_input_that_is_not_finite_ends_in_one_message() -> None:
    train = rows()
    train.inputs["numeric"][3, 0] = math.inf
    with pytest.raises(UserError, match="training loss became nan in epoch 0") as caught:
        fitted(train=train)
    assert "learning_rate" in caught.value.next_step


def test_a_validation_row_that_is_not_finite_ends_in_one_message() -> None:
    valid = rows()
    valid.inputs["numeric"][3, 0] = math.inf
    with pytest.raises(UserError, match="validation loss became nan in epoch 0"):
        fitted(valid=valid)


@pytest.mark.parametrize("stop", [None, {"patience": 2, "min_delta": 0.0, "holdout": 0.0}])
def test_a_last_step_that_ruins_the_weights_is_noticed(stop: dict[str, float] | None) -> None:
    """The loss of the only mini-batch is finite, but the weights after it are not."""
    with pytest.raises(UserError, match="validation loss became"):
        fitted(train=rows(16), epochs=1, learning_rate=1e38, schedule="constant", warmup=0.0, early_stopping=stop)


@pytest.mark.parametrize(
    "hardware",
    [
        {"strategy": "nonsense"},
        {"devices": [0]},
        {"accelerator": "mps"},
        pytest.param(
            {"accelerator": "gpu"}, marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
        ),
    ],
)
def test_hardware_that_is_not_there_is_refused(hardware: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"params.yaml: hardware(\.accelerator)?: ") as caught:
        fitted(hardware=hardware)
    assert "\n" not in caught.value.problem


def test_a_fit_leaves_nothing_on_the_disk(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fitted(early_stopping={"patience": 2, "min_delta": 0.0, "holdout": 0.0})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["auto", "16-mixed", "32-true"])
def test_a_gpu_trains_what_a_cpu_trains(precision: str) -> None:
    on_gpu = fitted(
        network(), gradient_clip=0.05, hardware={"accelerator": "gpu", "devices": 1, "precision": precision}
    )
    assert next(on_gpu.network.parameters()).device.type == "cpu"
    expected = predict(fitted(network(), gradient_clip=0.05).network, CLASSES, rows().inputs, CPU_DEVICE)
    got = predict(on_gpu.network, CLASSES, rows().inputs, torch.device("cuda"))
    torch.testing.assert_close(got, expected, rtol=0, atol=0.05)


def test_augmented_inputs_reach_the_network() -> None:
    def to_zero(inputs: Inputs, _: torch.Generator) -> Inputs:
        return {name: torch.zeros_like(tensor) for name, tensor in inputs.items()}

    seen: list[Tensor] = []
    net = network()
    net.numbers.register_forward_hook(lambda module, inputs, _: seen.append(inputs[0]) if net.training else None)
    batches = Batches.seeded(rows(), 16, 7, to_zero)
    fit(net, CLASSES, METRICS["accuracy"], batches, rows(), training(epochs=1), CPU)
    assert len(seen) == batches.steps
    assert all(numbers.eq(0).all() for numbers in seen)


@pytest.mark.parametrize("name", ["f1", "mcc", "average_precision", "brier"])
def test_early_stopping_follows_a_metric_that_is_computed_on_the_cpu(name: str) -> None:
    metric, valid = METRICS[name], rows(200, seed=5)
    assert metric.on_device is None
    stop = {"patience": 2, "min_delta": 0.0, "holdout": 0.0}
    settings = training(epochs=60, learning_rate=0.05, schedule="constant", early_stopping=stop)
    result = fit(network(), CLASSES, metric, Batches.seeded(rows(20), 16, 7), valid, settings, CPU)
    scores = [epoch[f"val_{name}"] for epoch in result.history]
    assert len(scores) < 60
    best = max(scores) if metric.higher_is_better else min(scores)
    predicted = predict(result.network, CLASSES, valid.inputs, CPU_DEVICE)
    assert metric.score(valid.target.numpy(), predicted.numpy()) == pytest.approx(best, rel=1e-6)


def test_early_stopping_follows_a_ranking_within_queries() -> None:
    metric, objective = METRICS["ndcg@10"], Regression(mean=0.0, scale=1.0, low=-9.0, high=9.0)
    source = rows(60, seed=5, target="price")
    queries = np.array([f"query {row % 9}" for row in range(60)], dtype=object)
    valid = Rows(source.inputs, (source.target % 4).round(), queries)
    settings = training(epochs=3, early_stopping={"patience": 2, "min_delta": 0.0, "holdout": 0.0})
    result = fit(network(1), objective, metric, Batches.seeded(valid, 16, 7), valid, settings, CPU)
    predicted = predict(result.network, objective, valid.inputs, CPU_DEVICE)
    best = metric.score(valid.target.numpy(), predicted.numpy(), queries)
    assert max(epoch["val_ndcg@10"] for epoch in result.history) == pytest.approx(best, rel=1e-6)


def test_early_stopping_on_rows_that_cannot_be_scored_says_so() -> None:
    valid = rows(20)
    valid = Rows(valid.inputs, torch.zeros_like(valid.target))
    settings = training(epochs=3, early_stopping={"patience": 2, "min_delta": 0.0, "holdout": 0.05})
    with pytest.raises(UserError, match="mcc cannot be computed on the 20 rows that early stopping watches: found eq"):
        fit(network(), CLASSES, METRICS["mcc"], Batches.seeded(rows(), 16, 7), valid, settings, CPU)


@pytest.mark.parametrize(
    ("competition", "objective"),
    [
        (SURVIVAL, {"loss": "ordinal"}),
        (SURVIVAL, {"loss": "cross_entropy", "label_smoothing": 0.0, "class_weight": "balanced", "focal": 1.0}),
        (dataclasses.replace(TINY_PRICES, log_target=False), {"loss": "poisson"}),
        (dataclasses.replace(TINY_PRICES, log_target=False), {"loss": "squared_error", "power": True}),
        (TINY_PRICES, {"loss": "quantile", "alpha": 0.5}),
    ],
)
def test_a_lane_trains_with_any_loss(
    competition: Labelled, objective: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = Lane.model_validate({**lane(competition, epochs=12).model_dump(), "objective": objective})
    trained = train_fold(competition, chosen, prepared(competition), 0, 0, CPU)
    oof = trained.validation
    assert oof is not None
    score = competition.scorer.score(targets(oof), predictions(oof))
    constant = (
        np.full(len(oof), np.exp(np.log(targets(oof)).mean())) if "prediction" in oof else np.eye(2)[[0] * len(oof)]
    )
    flat = competition.scorer.score(targets(oof), constant)
    assert score > flat if competition.scorer.higher_is_better else score < flat
