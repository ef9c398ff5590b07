"""The one Lightning module: a network, an objective and an optimizer make a run."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from groundwork.encoders.ragged import Ragged
from groundwork.errors import UserError
from groundwork.objectives.base import Objective
from groundwork.objectives.metrics import Metric
from groundwork.settings import Training
from groundwork.training.batches import Batches, Rows, pieces
from groundwork.training.callbacks import averaged
from groundwork.training.optimizers import adamw, schedule

STEPS_PER_CALL = 32


class EpochLoader:
    """An epoch's mini-batches, handed to Lightning many at a time.

    Lightning spends about as long on each of its steps as a small network needs for a whole mini-batch. One Lightning
    step therefore runs up to `STEPS_PER_CALL` mini-batches: row numbers travel through its loop, the rows stay put.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return math.ceil(self.batches.steps / STEPS_PER_CALL)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        epoch = self.batches.epoch()
        for start in range(0, len(epoch), STEPS_PER_CALL):
            yield epoch[start : start + STEPS_PER_CALL]


class Learner(pl.LightningModule):
    """Trains `network` on mini-batches and scores it on validation rows after each epoch.

    Parameters
    ----------
    network
        Takes the inputs' tensors by name and returns logits.
    objective
        Loss and predictions.
    metric
        The competition's metric; logged as ``val_<metric>``.
    train, valid
        Training batches and validation rows, in memory; None where nothing is held back.
    settings
        Optimizer, schedule, clipping.

    Raises
    ------
    UserError
        From training, when the loss stops being a finite number.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        metric: Metric,
        train: Batches,
        valid: Rows | None,
        settings: Training,
    ) -> None:
        super().__init__()
        # Several mini-batches in one Lightning step need several optimizer steps in it.
        self.automatic_optimization = False
        self.network = network
        self.objective = objective
        self.metric = metric
        self.batches = train
        self.valid = valid
        self.settings = settings
        self.average = averaged(network, settings.weight_averaging) if settings.weight_averaging else None

    @property
    def scored(self) -> nn.Module:
        """The network that validation looks at, and that remains: the averaged one if there is one."""
        return self.network if self.average is None else self.average.module

    def setup(self, stage: str) -> None:
        """Move all rows to this process's device, once."""
        batches = self.batches.to(self.device, self.trainer.global_rank, self.trainer.world_size)
        self.batches = replace(batches, rows=self._converted(batches.rows))
        if self.valid is not None:
            self.valid = self._converted(self.valid.to(self.device))

    def train_dataloader(self) -> EpochLoader:
        """Row numbers of the epoch's mini-batches."""
        return EpochLoader(self.batches)

    def configure_optimizers(self) -> Any:
        """AdamW; its schedule is stepped with each mini-batch by `training_step`."""
        optimizer = adamw(self.network, self.settings.learning_rate, self.settings.weight_decay)
        steps = self.settings.epochs * self.batches.steps
        self.schedule = schedule(optimizer, self.settings.schedule, steps, self.settings.warmup)
        return optimizer

    def on_train_epoch_start(self) -> None:
        """Start the epoch's mean loss; it stays on the device until the epoch ends."""
        self.losses: list[Tensor] = []

    def training_step(self, mini_batches: tuple[Tensor, ...], _: int) -> None:
        """Take one optimizer step for each of `mini_batches` (row numbers)."""
        optimizer = self._optimizer()
        for rows in mini_batches:
            inputs, target = self.batches.take(rows)
            loss = self.objective.loss(self.network(**inputs), target)
            optimizer.zero_grad()
            self.manual_backward(loss)
            if self.settings.gradient_clip is not None:
                self._clip_gradients(optimizer, self.settings.gradient_clip)
            optimizer.step()
            self.schedule.step()
            if self.average is not None:
                self.average.update_parameters(self.network)
            self.losses.append(loss.detach())

    def on_train_epoch_end(self) -> None:
        """Score the validation rows and log the epoch."""
        logged = {"train_loss": torch.stack(self.losses).mean()}
        if self.valid is not None:
            logged |= self._validated(self.valid)
        # The validation loss too: the last mini-batch can ruin the weights after its own loss was taken.
        for name, loss in (("training", "train_loss"), ("validation", "val_loss")):
            if loss in logged and not logged[loss].isfinite():
                clip = "" if self.settings.gradient_clip else ", or set gradient_clip: 1.0"
                raise UserError(
                    f"the {name} loss became {logged[loss].item()} in epoch {self.current_epoch}; expected a finite "
                    "number",
                    f"lower the lane's training.learning_rate ({self.settings.learning_rate}){clip} in params.yaml",
                )
        logged["learning_rate"] = self._optimizer().param_groups[0]["lr"]
        # Several processes must choose the same best epoch, and stop together.
        self.log_dict(logged, sync_dist=True)

    @torch.no_grad()
    def _validated(self, rows: Rows) -> dict[str, Tensor]:
        """Mean loss and metric of `rows`, in evaluation mode, a piece at a time."""
        network = self.scored
        training = network.training
        network.eval()
        losses, targets, predictions = [], [], []
        for which, piece in pieces(rows.inputs):
            with self.trainer.precision_plugin.forward_context():
                logits = network(**piece)
            # A mean over rows in half precision would keep two digits.
            logits = logits if logits.dtype == torch.float64 else logits.float()
            target = rows.target[which]
            losses.append(self.objective.loss(logits, target) * len(which))
            predictions.append(self.objective.predict(logits))
            targets.append(target)
        network.train(training)
        scored = {"val_loss": torch.stack(losses).sum() / len(rows)}
        if self.metric.on_device is not None:
            scored[f"val_{self.metric.name}"] = self.metric.on_device(torch.cat(targets), torch.cat(predictions))
        return scored

    def _optimizer(self) -> LightningOptimizer:
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        return optimizer

    def _converted(self, rows: Rows) -> Rows:
        """Give `rows` the numbers that the trainer's precision computes in: float64 for 64-true."""
        convert = self.trainer.precision_plugin.convert_input
        inputs = {
            name: replace(one, values=convert(one.values)) if isinstance(one, Ragged) else convert(one)
            for name, one in rows.inputs.items()
        }
        return replace(rows, inputs=inputs)

    def _clip_gradients(self, optimizer: LightningOptimizer, norm: float) -> None:
        # Lightning's own `clip_gradients` refuses fused optimizers in mixed precision.
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            scaler.unscale_(optimizer.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), norm)
