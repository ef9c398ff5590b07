"""One fit: a network, an objective, rows and settings in; the trained network and its history out."""

import logging
import signal
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Checkpoint
from torch import nn

from groundwork.errors import UserError
from groundwork.objectives.base import Objective
from groundwork.objectives.metrics import Metric
from groundwork.settings import Hardware, Training
from groundwork.training.batches import Batches, Rows
from groundwork.training.callbacks import BestWeights, early_stopping
from groundwork.training.inference import AUTO, Epoch
from groundwork.training.module import Learner


@dataclass(frozen=True)
class Fit:
    """What a fit leaves.

    Attributes
    ----------
    network
        On the CPU, in evaluation mode, float32; its weights are the best epoch's with early stopping, the last ones
        without.
    history
        For each epoch: ``epoch``, ``train_loss``, ``val_loss``, ``val_<metric>``, ``learning_rate`` (at its end).
    """

    network: nn.Module
    history: list[Epoch]


class _History(Checkpoint):
    """Collects each epoch's metrics.

    A `Checkpoint`, because Lightning calls those after the module has logged; and where there is one, Lightning adds
    none of its own, which would write a file each epoch.
    """

    def __init__(self, on_epoch: Callable[[Epoch], None] | None) -> None:
        self.epochs: list[Epoch] = []
        self.on_epoch = on_epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.epochs.append({"epoch": trainer.current_epoch, **values})
        if self.on_epoch and trainer.is_global_zero:
            self.on_epoch(self.epochs[-1])


def fit(
    network: nn.Module,
    objective: Objective,
    metric: Metric,
    train: Batches,
    valid: Rows | None,
    settings: Training,
    hardware: Hardware = AUTO,
    callbacks: Sequence[pl.Callback] = (),
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Fit:
    """Train `network` until its epochs, its patience or its time are used up.

    Parameters
    ----------
    network
        Takes the inputs' tensors by name and returns logits; trained in place.
    objective, metric
        Loss and predictions; the competition's metric, by which early stopping picks the best epoch.
    train, valid
        Training batches and validation rows, in memory, on the CPU. Without validation rows there is no validation
        loss, and nothing to stop early by.
    settings, hardware
        Sections ``training`` and ``hardware`` of params.yaml.
    callbacks
        More Lightning callbacks.
    on_epoch
        Called after each epoch with its metrics, in the first process only.

    Raises
    ------
    UserError
        If the loss becomes NaN, or the hardware asked for is not there.
    KeyboardInterrupt
        On Ctrl-C.
    """
    history = _History(on_epoch)
    stopping: list[pl.Callback] = []
    if settings.early_stopping:
        stop = settings.early_stopping
        stopping = [early_stopping(metric, stop.patience, stop.min_delta), BestWeights(metric)]
    trainer = _trainer(hardware, settings, [*callbacks, *stopping, history])
    learner = Learner(network, objective, metric, train, valid, settings)
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(learner)
    except SystemExit:
        # Lightning answers Ctrl-C by ignoring further ones and leaving the process.
        if trainer.interrupted:
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from None
        raise
    if not history.epochs:
        raise UserError(
            f"training.max_time {settings.max_time} ran out before the first epoch ended",
            "raise training.max_time in params.yaml, or set it to null",
        )
    return Fit(learner.scored.float().cpu().eval(), history.epochs)


def _trainer(hardware: Hardware, settings: Training, callbacks: list[pl.Callback]) -> pl.Trainer:
    # What Lightning says at every start (devices found, tips, data-loader workers) is noise over five folds.
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*(does not have many workers|LeafSpec)")
    precision = hardware.precision
    if precision == "auto":
        bf16 = hardware.accelerator in ("auto", "gpu") and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        precision = "bf16-mixed" if bf16 else "32-true"
    try:
        return pl.Trainer(
            accelerator=hardware.accelerator,
            devices=hardware.devices,
            precision=precision,
            strategy=hardware.strategy,
            num_nodes=hardware.num_nodes,
            max_epochs=settings.epochs,
            max_time=settings.max_time,
            callbacks=callbacks,
            logger=False,
            # The same seed on the same machine gives the same bits; on a CPU it does without being asked to.
            deterministic="warn" if torch.cuda.is_available() and hardware.accelerator != "cpu" else None,
            # Each of these costs more than a small network's whole epoch; callbacks and the tracker do their work.
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (MisconfigurationException, TypeError, ValueError) as error:
        raise UserError(
            f"params.yaml: hardware: {' '.join(str(error).split())}",
            "set hardware.accelerator, hardware.devices and hardware.strategy to `auto` in params.yaml",
        ) from None
