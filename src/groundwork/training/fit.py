"""Trains a network on rows with an objective and settings; returns it with its history."""

import logging
import signal
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Checkpoint
from torch import nn

from groundwork.errors import UserError
from groundwork.objectives.base import Objective
from groundwork.objectives.metrics import Metric
from groundwork.sections.training import Training
from groundwork.settings import Hardware
from groundwork.training.batches import Batches, Rows
from groundwork.training.callbacks import BestWeights, OnStep, StepLog, by_step, early_stopping, make_callbacks
from groundwork.training.inference import AUTO, Epoch, ran_out
from groundwork.training.memory import explain
from groundwork.training.module import Learner
from groundwork.training.precision import accelerator, resolve
from groundwork.training.processes import check_count, end_with_the_first
from groundwork.training.steps import LARGE, STEPS_PER_CALL


@dataclass(frozen=True)
class Fit:
    """The result of a fit.

    Attributes
    ----------
    network
        On the CPU, in evaluation mode, float32. Its weights are the best epoch's with early stopping, and the last ones
        without.
    history
        For each epoch: ``epoch``, ``train_loss``, ``val_loss``, ``val_<metric>``, ``learning_rate`` (at its end).
    """

    network: nn.Module
    history: list[Epoch]


class _History(Checkpoint):
    """Collects each epoch's metrics.

    This is a `Checkpoint`, because Lightning calls checkpoints after the module has logged, and because Lightning then
    adds no checkpoint of its own, which would write a file each epoch.
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
    on_step: OnStep | None = None,
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
        loss and no early stopping.
    settings, hardware
        Sections ``training`` and ``hardware`` of params.yaml.
    callbacks
        Lightning callbacks, in addition to those that ``settings.callbacks`` names.
    on_epoch
        Called after each epoch with its metrics, in the first process only.
    on_step
        Called with what callbacks of ``settings.callbacks`` log by step: the epochs done so far, such as 1.25, and the
        values; in the first process only.

    Raises
    ------
    UserError
        If the loss becomes NaN, this machine lacks what `hardware` names, the device runs out of memory, or a
        callback or an optimizer does not suit.
    KeyboardInterrupt
        On Ctrl-C.
    """
    history = _History(on_epoch)
    stopping: list[pl.Callback] = []
    if settings.early_stopping:
        stop = settings.early_stopping
        stopping = [early_stopping(metric, stop.patience, stop.min_delta), BestWeights(metric)]
    learner = Learner(network, objective, metric, train, valid, settings)
    user_callbacks = make_callbacks(settings.callbacks)
    _check_steps(learner, user_callbacks)
    # Only callbacks of params.yaml log by step. Without them there is no logger, since it would slow down each step.
    steps = -(-train.steps // settings.accumulate_grad_batches)
    logger: StepLog | Literal[False] = StepLog(on_step, steps) if user_callbacks else False
    trainer = _trainer(hardware, settings, [*callbacks, *user_callbacks, *stopping, history], logger)
    end_with_the_first()
    handler = signal.getsignal(signal.SIGINT)
    out_of_memory = False
    try:
        trainer.fit(learner)
    except SystemExit:
        # On Ctrl-C, Lightning ignores further ones and exits the process.
        if trainer.interrupted:
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from None
        raise
    except MisconfigurationException as error:
        raise UserError(f"params.yaml: training: {_line(error)}", "fix section training in params.yaml") from None
    except RuntimeError as error:
        if not ran_out(error):
            raise
        # Explained below, because the exception keeps the tensors that did not fit in memory.
        out_of_memory = True
    if out_of_memory:
        raise explain(learner)
    if not history.epochs:
        raise UserError(
            f"training.max_time {settings.max_time} ran out before the first epoch ended",
            "raise training.max_time in params.yaml, or set it to null",
        )
    return Fit(learner.scored.float().cpu().eval(), history.epochs)


def _check_steps(learner: Learner, user_callbacks: Sequence[pl.Callback]) -> None:
    """Refuse options that count Lightning's steps if one step has several mini-batches."""
    if learner.automatic_optimization:
        return
    settings = learner.settings
    refused = [f"training.callbacks: {named}" for named in by_step(settings.callbacks, user_callbacks)]
    if settings.accumulate_grad_batches > 1:
        factor = settings.accumulate_grad_batches
        refused.insert(0, f"training.accumulate_grad_batches: {factor} (raise batch_size instead)")
    if refused:
        raise UserError(
            "\n".join(f"params.yaml: {option}: does not work by step here" for option in refused)
            + f"\nA mini-batch of this lane takes about {learner.work:,} multiply-adds, fewer than {LARGE:,}: one "
            f"Lightning step takes up to {STEPS_PER_CALL} of them, each with an optimizer step of its own",
            "write the alternative in brackets into params.yaml; or raise training.batch_size or the network's width: "
            "a mini-batch of that size is one Lightning step",
        )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _trainer(
    hardware: Hardware, settings: Training, callbacks: list[pl.Callback], logger: StepLog | Literal[False]
) -> pl.Trainer:
    # Lightning prints devices, tips and advice on data loaders at every start, which is noise over five folds.
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings(
        "ignore", message=".*(does not have many workers|LeafSpec|smaller than the logging interval)"
    )
    used = accelerator(hardware)
    check_count(hardware, used)
    # Deterministic algorithms would also fill each new tensor, which costs time and hides nothing here.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # no stub names it
    try:
        return pl.Trainer(
            accelerator=used,
            devices=hardware.devices,
            precision=resolve(hardware),
            strategy=hardware.strategy,
            num_nodes=hardware.num_nodes,
            max_epochs=settings.epochs,
            max_time=settings.max_time,
            accumulate_grad_batches=settings.accumulate_grad_batches,
            callbacks=callbacks,
            logger=logger,
            # Equal seeds give equal bits on the same machine. Without this option, several threads of a CPU add the
            # gradients of an embedding in the order in which they arrive.
            deterministic="warn",
            # Each of these takes longer than a small network's epoch; callbacks and the tracker replace them.
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (MisconfigurationException, TypeError, ValueError) as error:
        raise UserError(
            f"params.yaml: hardware: {_line(error)}",
            "set hardware.accelerator, hardware.devices and hardware.strategy to `auto` in params.yaml",
        ) from None
