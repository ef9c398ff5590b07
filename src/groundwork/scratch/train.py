"""The training loop: forward, loss, backward, step; after each epoch, the loss on validation rows."""

import math
from collections.abc import Callable, Iterable

from groundwork.scratch.arrays import Array
from groundwork.scratch.grad_mode import no_grad
from groundwork.scratch.nn import Module
from groundwork.scratch.optim import LambdaLR, OneCycleLR, Optimizer, clip_grad_norm_
from groundwork.scratch.tensor import Tensor

Batches = Iterable[tuple[Tensor, ...]]  # the network's inputs, and last the target; iterated over once for each epoch
Loss = Callable[[Tensor, Tensor], Tensor]  # of the network's output and the target, their mean loss
Epoch = dict[str, float]


class EarlyStopping:
    """Stops after `patience` epochs in a row that do not improve, and remembers the best weights.

    An epoch improves if its validation loss falls by more than `min_delta`; the best is the lowest. One for each fit.
    """

    def __init__(self, patience: int, min_delta: float = 0.0) -> None:
        if patience < 1:
            raise ValueError(f"patience: found {patience}; expected 1 or more")
        self.patience, self.min_delta = patience, min_delta
        self.lowest, self.to_beat, self.waited = math.inf, math.inf, 0
        self.weights: dict[str, Array] | None = None

    def update(self, val_loss: float, network: Module) -> bool:
        """Record an epoch; return whether to stop."""
        if val_loss < self.lowest:
            self.lowest = val_loss
            self.weights = {name: values.copy() for name, values in network.state_dict().items()}
        if val_loss < self.to_beat - self.min_delta:
            self.to_beat, self.waited = val_loss, 0
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, network: Module) -> None:
        """Load the best weights and buffers into `network`."""
        if self.weights is not None:
            network.load_state_dict(self.weights)


def fit(
    network: Module,
    loss: Loss,
    train: Batches,
    valid: Batches | None,
    optimizer: Optimizer,
    epochs: int,
    schedule: LambdaLR | OneCycleLR | None = None,
    early_stopping: EarlyStopping | None = None,
    clip_norm: float | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train `network` in place; it ends in evaluation mode, with its last weights or, with early stopping, its best.

    `schedule` steps after each batch, gradients are clipped to a common norm of `clip_norm`, and `on_epoch` is called
    with each entry of the history. ArithmeticError is raised once a loss is NaN or infinite.

    Returns
    -------
    list of dict
        For each epoch ``epoch``, from 0, ``train_loss``, and ``val_loss`` if there is `valid`: means over rows. The
        training loss is that of each batch before its step.
    """
    if early_stopping and (valid is None or early_stopping.weights):
        raise ValueError("early stopping needs validation batches to look at, and must not remember another fit")
    history = []
    for epoch in range(epochs):
        network.train()
        total, rows = 0.0, 0
        for *inputs, target in train:
            batch_loss = loss(network(*inputs), target)
            total += _finite(batch_loss, f"epoch {epoch}: a batch's training loss") * len(target.data)
            rows += len(target.data)
            optimizer.zero_grad()
            batch_loss.backward()
            if clip_norm is not None:
                clip_grad_norm_(network.parameters(), clip_norm)
            optimizer.step()
            if schedule:
                schedule.step()
        entry: Epoch = {"epoch": epoch, "train_loss": _mean(total, rows)}
        if valid is not None:
            entry["val_loss"] = evaluate(network, loss, valid)
        history.append(entry)
        if on_epoch:
            on_epoch(entry)
        if early_stopping and early_stopping.update(entry["val_loss"], network):
            break
    if early_stopping:
        early_stopping.restore(network)
    network.eval()
    return history


@no_grad()
def evaluate(network: Module, loss: Loss, batches: Batches) -> float:
    """Return the mean loss over rows, in evaluation mode, without learning."""
    network.eval()
    total, rows = 0.0, 0
    for *inputs, target in batches:
        total += _finite(loss(network(*inputs), target), "the validation loss") * len(target.data)
        rows += len(target.data)
    return _mean(total, rows)


def _mean(total: float, rows: int) -> float:
    if rows == 0:
        raise ValueError("found no batches: the loader is empty, or an iterator that another epoch used up")
    return total / rows


def _finite(loss: Tensor, what: str) -> float:
    if not math.isfinite(value := loss.item()):
        raise ArithmeticError(f"{what} is {value}: lower the learning rate, clip gradients, or look for NaN in rows")
    return value
