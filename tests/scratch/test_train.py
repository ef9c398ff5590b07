from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from groundwork.scratch import Tensor, manual_seed, nn
from groundwork.scratch import functional as F
from groundwork.scratch.data import DataLoader, StandardScaler, TensorDataset
from groundwork.scratch.optim import SGD, Adam, AdamW, LambdaLR, cosine
from groundwork.scratch.train import EarlyStopping, Epoch, evaluate, fit


def moons(rows: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Make points on two half circles that reach into each other."""
    chance = np.random.default_rng(seed)
    angle, moon = chance.uniform(0, np.pi, rows), chance.integers(0, 2, rows)
    points = np.stack([np.cos(angle) + moon, np.sin(angle) * (1 - 2 * moon) + moon / 2], 1)
    return points + chance.normal(0, 0.1, points.shape), moon


def loaders(dtype: type = np.float64) -> tuple[DataLoader, DataLoader]:
    scaler = StandardScaler()
    (x, y), (x_valid, y_valid) = moons(130, 0), moons(90, 1)
    train = TensorDataset(scaler.fit_transform(x).astype(dtype), y)
    valid = TensorDataset(scaler.transform(x_valid).astype(dtype), y_valid)
    return DataLoader(train, 32, shuffle=True), DataLoader(valid, 50)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 2)).double()


class Scale(nn.Module):
    """One weight: the output is the input times it."""

    def __init__(self, weight: float) -> None:
        self.weight = nn.Parameter(np.array([weight]))
        self.calls = np.array(0)

    def forward(self, input: Tensor) -> Tensor:
        self.calls += self.training
        return input * self.weight


def pairs(x: list[float], y: list[float], batch_size: int = 8) -> DataLoader:
    return DataLoader(TensorDataset(np.array(x), np.array(y)), batch_size)


def test_it_learns_to_tell_moons_apart_that_it_has_not_seen() -> None:
    manual_seed(0)
    train, valid = loaders(np.float32)
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
    history = fit(net, F.cross_entropy, train, valid, AdamW(net.parameters(), 1e-2), epochs=30)
    x, y = valid.dataset[:]
    assert (net(x).data.argmax(1) == y.data).mean() > 0.97
    assert history[-1]["val_loss"] < 0.1 < 0.3 < history[0]["val_loss"]
    assert not net.training


def in_torch(ours: nn.Sequential, train: DataLoader, valid: DataLoader, epochs: int) -> list[Epoch]:
    """Write the loop as it is written in torch: same weights, same batches."""
    net = torch.nn.Sequential(
        torch.nn.Linear(2, 16), torch.nn.BatchNorm1d(16), torch.nn.Tanh(), torch.nn.Linear(16, 2)
    ).double()
    net.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in ours.state_dict().items()})
    optimizer = torch.optim.Adam(net.parameters(), 1e-2, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, cosine(epochs * len(train), warmup=0.2))

    def mean_loss(batches: DataLoader, learn: bool) -> float:
        net.train(learn)
        losses, rows = [], []
        for inputs, target in batches:
            loss = torch.nn.functional.cross_entropy(net(torch.from_numpy(inputs.data)), torch.from_numpy(target.data))
            losses.append(loss.item())
            rows.append(len(target.data))
            if learn:
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), 0.3)
                optimizer.step()
                schedule.step()
        return float(np.average(losses, weights=rows))

    return [
        {"epoch": epoch, "train_loss": mean_loss(train, True), "val_loss": mean_loss(valid, False)}
        for epoch in range(epochs)
    ]


def test_the_same_loop_in_torch_gives_the_same_losses() -> None:
    epochs = 15
    manual_seed(5)
    net = network()
    train, valid = loaders()
    manual_seed(6)
    theirs = in_torch(net, train, valid, epochs)
    manual_seed(6)
    optimizer = Adam(net.parameters(), 1e-2, weight_decay=1e-3)
    schedule = LambdaLR(optimizer, cosine(epochs * len(train), warmup=0.2))
    ours = fit(net, F.cross_entropy, train, valid, optimizer, epochs, schedule, clip_norm=0.3)
    assert [list(entry) for entry in ours] == [["epoch", "train_loss", "val_loss"]] * epochs
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, rel=0, abs=1e-9)


def test_the_same_seed_gives_the_same_history() -> None:
    def history(seed: int) -> list[Epoch]:
        manual_seed(seed)
        net = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 2)).double()
        return fit(net, F.cross_entropy, *loaders(), SGD(net.parameters(), 0.1), epochs=3)

    assert history(0) == history(0)
    assert history(0) != history(1)


def test_losses_are_means_over_rows_not_over_batches() -> None:
    net = Scale(0.0)
    (entry,) = fit(
        net, F.mse_loss, pairs([1, 1, 1], [3, 3, 0], 2), pairs([1, 1, 1], [1, 1, 4], 2), SGD([net.weight], 0), 1
    )
    assert entry == {"epoch": 0, "train_loss": 6.0, "val_loss": 6.0}


def test_validation_learns_nothing_and_makes_no_graph() -> None:
    net = nn.Sequential(Scale(2.0), nn.Dropout(0.9))
    graphs = []

    def loss(output: Tensor, target: Tensor) -> Tensor:
        graphs.append(output.requires_grad)
        return F.mse_loss(output, target)

    assert evaluate(net, loss, pairs([1, 2], [0, 0])) == 10
    assert graphs == [False]
    assert (net[0].calls, net[0].weight.grad) == (0, None)


def test_each_epoch_trains_in_training_mode_though_validation_ended_it() -> None:
    net = Scale(1.0)
    fit(net, F.mse_loss, pairs([1, 2], [0, 0], 1), pairs([1], [0]), SGD([net.weight], 0.1), epochs=3)
    assert net.calls == 6


def scripted(losses: list[float], stopping: EarlyStopping) -> tuple[Scale, list[Epoch]]:
    """Fit a network whose weight counts the epochs from 1, with the validation losses given."""
    net = Scale(0.0)

    def loss(output: Tensor, target: Tensor) -> Tensor:
        if net.training:
            return -net.weight.sum()  # the gradient is -1: with a learning rate of 1, each step adds 1
        return Tensor(np.array(losses[round(net.weight.data[0]) - 1]))

    return net, fit(
        net, loss, pairs([1], [1]), pairs([1], [1]), SGD([net.weight], 1.0), len(losses), early_stopping=stopping
    )


@pytest.mark.parametrize(
    ("losses", "patience", "min_delta", "epochs", "best"),
    [
        ([5, 4, 3, 3.5, 3.2, 1], 2, 0.0, 5, 3),
        ([5, 4, 3, 3.5, 3.2, 1], 3, 0.0, 6, 6),
        ([5, 4, 4, 4, 1], 2, 0.0, 4, 2),
        ([5, 4.9, 4.8, 4.7, 1], 2, 0.5, 3, 3),
        ([5, 4.8, 4.4, 4.3, 4.2], 2, 0.5, 5, 5),
        ([5, 6, 1], 1, 0.0, 2, 1),
    ],
)
def test_early_stopping_ends_with_the_best_weights_and_buffers(
    losses: list[float], patience: int, min_delta: float, epochs: int, best: int
) -> None:
    net, history = scripted(losses, EarlyStopping(patience, min_delta))
    assert [entry["val_loss"] for entry in history] == losses[:epochs]
    np.testing.assert_array_equal(net.weight.data, [best])
    assert net.calls == best


def test_early_stopping_serves_a_single_fit() -> None:
    stopping = EarlyStopping(1)
    scripted([2.0, 1.0], stopping)
    with pytest.raises(ValueError, match="must not remember another fit"):
        scripted([2.0, 1.0], stopping)


def test_early_stopping_needs_validation_and_patience() -> None:
    net = Scale(1.0)
    with pytest.raises(ValueError, match="early stopping needs validation batches"):
        fit(net, F.mse_loss, pairs([1], [1]), None, SGD([net.weight]), 1, early_stopping=EarlyStopping(1))
    with pytest.raises(ValueError, match="patience: found 0; expected 1 or more"):
        EarlyStopping(0)


def test_without_validation_the_history_has_training_losses_only_and_on_epoch_sees_each_entry() -> None:
    net, seen = Scale(1.0), []
    history = fit(net, F.mse_loss, pairs([1], [0]), None, SGD([net.weight], 0.5), 2, on_epoch=seen.append)
    assert history == seen == [{"epoch": 0, "train_loss": 1.0}, {"epoch": 1, "train_loss": 0.0}]


def test_the_gradient_is_clipped_to_the_norm() -> None:
    net = Scale(0.0)
    fit(net, F.mse_loss, pairs([1], [100]), None, SGD([net.weight], 1.0), 1, clip_norm=0.25)
    assert net.weight.data[0] == pytest.approx(0.25)


@pytest.mark.parametrize(("x", "y"), [([np.nan], [1.0]), ([1.0], [np.inf])])
def test_a_loss_that_is_no_number_ends_the_training_before_it_spoils_the_weights(x: Any, y: Any) -> None:
    net = Scale(2.0)
    with pytest.raises(
        ArithmeticError, match=r"epoch 0: a batch's training loss is (nan|inf): lower the learning rate"
    ):
        fit(net, F.mse_loss, pairs(x, y), None, SGD([net.weight]), 1)
    assert net.weight.data == [2.0]
    with pytest.raises(ArithmeticError, match=r"the validation loss is (nan|inf)"):
        fit(net, F.mse_loss, pairs([1], [1]), pairs(x, y), SGD([net.weight]), 1)


def test_a_training_that_diverges_says_so() -> None:
    net = Scale(2.0)
    with pytest.raises(ArithmeticError, match="lower the learning rate, clip gradients"), np.errstate(all="ignore"):
        fit(net, F.mse_loss, pairs([1, 2], [0, 0]), None, SGD([net.weight], 1e6), 100)


@pytest.mark.parametrize("epochs", [1, 2])
def test_no_batches_are_an_error_and_so_is_an_iterator_that_is_used_up(epochs: int) -> None:
    net = Scale(1.0)
    batches = iter(pairs([1] * (epochs - 1), [1] * (epochs - 1)))
    with pytest.raises(ValueError, match="found no batches"):
        fit(net, F.mse_loss, batches, None, SGD([net.weight]), epochs)
