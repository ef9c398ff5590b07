"""Callbacks: early stopping, the best epoch's weights, averaged weights, and those that params.yaml names."""

import copy
from collections.abc import Callable, Sequence
from inspect import getfile
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from groundwork.errors import UserError
from groundwork.naming import load
from groundwork.objectives.metrics import Metric
from groundwork.sections.training import OwnCallback
from groundwork.training.dotted import KEY, locate

OnStep = Callable[[float, dict[str, float]], None]

# Hooks that Lightning calls once for each of its steps, however many mini-batches it has; hooks of gradients and
# optimizers are called for each mini-batch.
BY_STEP = ("on_train_batch_start", "on_train_batch_end")
# Lightning's callbacks that have such a hook, and the options with which it does nothing.
BY_EPOCH: dict[str, Callable[[dict[str, Any]], bool]] = {
    "pytorch_lightning.callbacks.LearningRateMonitor": lambda options: options.get("logging_interval") == "epoch",
    "pytorch_lightning.callbacks.ModelCheckpoint": lambda options: not options.get("every_n_train_steps"),
    "pytorch_lightning.callbacks.Timer": lambda options: options.get("interval") == "epoch",
}
INSTEAD = {
    "pytorch_lightning.callbacks.LearningRateMonitor": "logging_interval: epoch",
    "pytorch_lightning.callbacks.ModelCheckpoint": "every_n_epochs in place of every_n_train_steps",
    "pytorch_lightning.callbacks.Timer": "interval: epoch",
}


def early_stopping(metric: Metric, patience: int, min_delta: float) -> EarlyStopping:
    """Make the callback that stops after `patience` epochs without an improvement of more than `min_delta`."""
    mode = "max" if metric.higher_is_better else "min"
    return EarlyStopping(
        f"val_{metric.name}",
        min_delta=min_delta,
        patience=patience,
        mode=mode,
        verbose=False,
        check_on_train_epoch_end=True,
    )


class BestWeights(Checkpoint):
    """Keeps the weights of the epoch with the best validation metric and restores them when training ends.

    They are kept in memory: writing a checkpoint file for each better epoch takes longer than a small network's epoch.
    This is a `Checkpoint`, because Lightning calls checkpoints after the module has logged its epoch.

    Parameters
    ----------
    metric
        The metric to compare. Of equal epochs the last one is kept, whose weights have been trained for longer.
    """

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.epoch = -1
        self.score = float("-inf") if metric.higher_is_better else float("inf")
        self.weights: dict[str, Tensor] = {}

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Any) -> None:
        """Compare this epoch with the best so far."""
        score = trainer.callback_metrics[f"val_{self.metric.name}"].item()
        if score >= self.score if self.metric.higher_is_better else score <= self.score:
            self.epoch, self.score = trainer.current_epoch, score
            self.weights = copy.deepcopy(module.scored.state_dict())

    def on_train_end(self, trainer: pl.Trainer, module: Any) -> None:
        """Load the best epoch's weights into the network that was scored."""
        if self.weights:
            module.scored.load_state_dict(self.weights)


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Make an exponential moving average of a network's weights and running statistics.

    The average of the last ``1 / (1 - decay)`` mini-batches generalizes better than the last weights
    (Polyak and Juditsky, https://doi.org/10.1137/0330046). The decay starts low, so that the random initial
    weights are soon forgotten.
    """

    def follow(average: Sequence[Tensor], current: Sequence[Tensor], updates: Tensor | int) -> None:
        now = min(decay, (int(updates) + 1) / (int(updates) + 10))
        for mean, value in zip(average, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - now)
            else:
                mean.copy_(value)

    average = AveragedModel(network, multi_avg_fn=follow, use_buffers=True)
    return average.requires_grad_(False)


def make_callbacks(named: Sequence[OwnCallback]) -> list[pl.Callback]:
    """Make the callbacks that section ``training.callbacks`` of params.yaml names.

    A path names a class in this repository's ``src/`` or one of Lightning's callbacks (see
    `groundwork.training.dotted`), so that only code of the repository runs, and none that came with data.

    Raises
    ------
    UserError
        If a path names no such class, its module cannot be imported, or the callback does not take its options.
    """
    return [_make(entry) for entry in named]


def _make(entry: OwnCallback) -> pl.Callback:
    file = locate(entry.callback)
    name = entry.callback.rpartition(".")[2]
    try:
        loaded = load(entry.callback)
        if file is not None and Path(imported := getfile(loaded)).resolve() != file.resolve():
            raise ImportError(f"another module of this name comes first: {imported}")
        callback = loaded(**entry.options)
    except (MisconfigurationException, Exception) as error:
        # The user writes module and options, so any error in them is the user's to fix.
        raise UserError(
            f"{KEY}: {entry.callback}: {type(error).__name__}: {' '.join(str(error).split())}",
            f"fix its options in params.yaml ({', '.join(entry.options) or 'none are given'})"
            + (f", or the file {file}" if file else ""),
        ) from error
    if not isinstance(callback, pl.Callback):
        raise UserError(
            f"{KEY}: {entry.callback}: found a {type(callback).__name__}; expected a Lightning callback",
            f"derive it from pytorch_lightning.Callback: class {name}(pl.Callback)",
        )
    return callback


def by_step(named: Sequence[OwnCallback], callbacks: Sequence[pl.Callback]) -> list[str]:
    """Say which of these callbacks count Lightning's steps, and what to use instead."""
    counting = []
    for entry, callback in zip(named, callbacks, strict=True):
        overridden = [hook for hook in BY_STEP if getattr(type(callback), hook) is not getattr(pl.Callback, hook)]
        suits = BY_EPOCH.get(entry.callback)
        harmless = suits is not None and suits(entry.options)
        if entry.callback.endswith("GradientAccumulationScheduler"):
            counting.append(f"{entry.callback} (raise batch_size instead)")
        elif overridden and not harmless:
            instead = INSTEAD.get(entry.callback, f"{overridden[0].replace('batch', 'epoch')}, by epoch")
            counting.append(f"{entry.callback} (use {instead})")
    return counting


class StepLog(Logger):
    """A Lightning logger for callbacks that log by step, such as `LearningRateMonitor`.

    Parameters
    ----------
    on_step
        Called with the epochs done so far, such as 1.25, and the values; in the first process only.
    """

    def __init__(self, on_step: OnStep | None, steps_per_epoch: int) -> None:
        super().__init__()
        self.on_step = on_step
        self.steps_per_epoch = steps_per_epoch

    @property
    def name(self) -> str:
        """The folder for Lightning's checkpoints in the working directory, if no ``dirpath`` is given."""
        return "lightning_logs"

    @property
    def version(self) -> str:
        """The folder inside it; empty for none."""
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Pass `metrics` to `on_step`."""
        if self.on_step:
            self.on_step((step or 0) / self.steps_per_epoch, {name: float(value) for name, value in metrics.items()})

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """Do nothing: the tracker logs a run's settings."""
