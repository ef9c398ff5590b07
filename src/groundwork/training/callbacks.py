"""Early stopping, the best epoch's weights, averaged weights, and a person's own callbacks."""

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

# Hooks that Lightning calls once for each of its steps, whatever lies in one; it calls those of gradients and of
# optimizers for each mini-batch.
BY_STEP = ("on_train_batch_start", "on_train_batch_end")
# Lightning's callbacks that have such a hook and do nothing in it, given these options.
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
    """Stop after `patience` epochs in which the validation metric got better by no more than `min_delta`."""
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
    """Keep the weights of the epoch with the best validation metric; give them back when training ends.

    They stay in memory until then: a checkpoint file for each better epoch costs more than a small network's epoch.
    A `Checkpoint`, because Lightning calls those after the module has logged its epoch.

    Parameters
    ----------
    metric
        What is compared, in its own direction. Of equal epochs the last counts: its weights have learned for longer.
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
    """Follow `network` with an exponential moving average of its weights and of its running statistics.

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


def own(named: Sequence[OwnCallback]) -> list[pl.Callback]:
    """Make the callbacks that section ``training.callbacks`` of params.yaml names.

    A path leads into this repository's ``src/`` or to Lightning's own (see `groundwork.training.dotted`), so that what
    runs is code that the repository holds, and nothing that came with data.

    Raises
    ------
    UserError
        If a path leads nowhere, its module cannot be imported, or the callback does not take its options.
    """
    return [_made(entry) for entry in named]


def _made(entry: OwnCallback) -> pl.Callback:
    file = locate(entry.callback)
    name = entry.callback.rpartition(".")[2]
    try:
        loaded = load(entry.callback)
        if file is not None and Path(found := getfile(loaded)).resolve() != file.resolve():
            raise ImportError(f"another module of this name comes first: {found}")
        made = loaded(**entry.options)
    except (MisconfigurationException, Exception) as error:
        # A person writes module and options: whatever is wrong with them is theirs to fix.
        raise UserError(
            f"{KEY}: {entry.callback}: {type(error).__name__}: {' '.join(str(error).split())}",
            f"fix its options in params.yaml ({', '.join(entry.options) or 'none are given'})"
            + (f", or the file {file}" if file else ""),
        ) from error
    if not isinstance(made, pl.Callback):
        raise UserError(
            f"{KEY}: {entry.callback}: found a {type(made).__name__}; expected a Lightning callback",
            f"derive it from pytorch_lightning.Callback: class {name}(pl.Callback)",
        )
    return made


def by_step(named: Sequence[OwnCallback], made: Sequence[pl.Callback]) -> list[str]:
    """Say which of these callbacks count Lightning's steps, and what to write in their place."""
    counting = []
    for entry, callback in zip(named, made, strict=True):
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
    """Lightning's logger for callbacks that log by step, such as `LearningRateMonitor`.

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
        """The folder that Lightning's checkpoints go to, below the working directory, where no ``dirpath`` is given."""
        return "lightning_logs"

    @property
    def version(self) -> str:
        """The folder below it."""
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Pass `metrics` on."""
        if self.on_step:
            self.on_step((step or 0) / self.steps_per_epoch, {name: float(value) for name, value in metrics.items()})

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """Do nothing: a run's settings are its tracker's."""
