"""The one Lightning module: a network, an objective and an optimizer make a run."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from groundwork.algorithms.inference import EVALUATION_ROWS
from groundwork.algorithms.optimizers import adamw, schedule
from groundwork.algorithms.regularization import averaged
from groundwork.data.batches import Batches, Inputs, Rows
from groundwork.errors import UserError
from groundwork.objectives.losses import Objective
from groundwork.objectives.metrics import Metric
from groundwork.params import Training

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
        Training batches and validation rows, in memory.
    settings
        Optimizer, schedule, clipping.

    Raises
    ------
    UserError
        From training, when the loss stops being a finite number.
    """

    def __init__(
        self, network: nn.Module, objective: Objective, metric: Metric, train: Batches, valid: Rows, settings: Training
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
        logits = self.logits(self.valid.inputs)
        prediction = self.objective.predict(logits)
        train_loss = torch.stack(self.losses).mean()
        val_loss = self.objective.loss(logits, self.valid.target)
        # The validation loss too: the last mini-batch can ruin the weights after its own loss was taken.
        for name, loss in (("training", train_loss), ("validation", val_loss)):
            if not loss.isfinite():
                clip = "" if self.settings.gradient_clip else ", or set gradient_clip: 1.0"
                raise UserError(
                    f"the {name} loss became {loss.item()} in epoch {self.current_epoch}; expected a finite number",
                    f"lower the lane's training.learning_rate ({self.settings.learning_rate}){clip} in params.yaml",
                )
        self.log_dict(
            {
                "train_loss": train_loss,
                "val_loss": val_loss,
                f"val_{self.metric.name}": self.metric.on_device(self.valid.target, prediction),
                "learning_rate": self._optimizer().param_groups[0]["lr"],
            },
            # Several processes must choose the same best epoch, and stop together.
            sync_dist=True,
        )

    def _optimizer(self) -> LightningOptimizer:
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        return optimizer

    def _converted(self, rows: Rows) -> Rows:
        """Give `rows` the numbers that the trainer's precision computes in: float64 for 64-true."""
        return replace(rows, inputs=self.trainer.precision_plugin.convert_input(rows.inputs))

    def _clip_gradients(self, optimizer: LightningOptimizer, norm: float) -> None:
        # Lightning's own `clip_gradients` refuses fused optimizers in mixed precision.
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            scaler.unscale_(optimizer.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), norm)

    @torch.no_grad()
    def logits(self, inputs: Inputs) -> Tensor:
        """Logits of all rows of `inputs`, float32 or float64, in evaluation mode, a piece at a time."""
        network = self.scored
        training = network.training
        network.eval()
        rows = len(next(iter(inputs.values())))
        with self.trainer.precision_plugin.forward_context():
            pieces = [
                network(**{name: tensor[start : start + EVALUATION_ROWS] for name, tensor in inputs.items()})
                for start in range(0, rows, EVALUATION_ROWS)
            ]
        network.train(training)
        logits = torch.cat(pieces)
        # A mean over rows in half precision would keep two digits.
        return logits if logits.dtype == torch.float64 else logits.float()
