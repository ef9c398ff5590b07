"""The one Lightning module: a network, an objective and an optimizer make a run.

What a Lightning step is depends on the size of a mini-batch, by the rule in `groundwork.training.steps`:

- **A large one** (pictures, texts, wide networks) is one Lightning step, by automatic optimization. Callbacks by step
  (``LearningRateMonitor(logging_interval="step")``, ``ModelCheckpoint(every_n_train_steps=...)``) and
  ``accumulate_grad_batches`` mean what Lightning's documentation says; the learning rate's schedule steps with the
  optimizer (``interval: step``).
- **Small ones** (tables) go up to `STEPS_PER_CALL` into one Lightning step, by manual optimization: Lightning spends
  about as long on each of its steps as such a network needs for a mini-batch. Each mini-batch still has an optimizer
  step of its own, the same as above to the last bit on a CPU; hooks of gradients and optimizers are called for each,
  but ``on_train_batch_start`` and ``on_train_batch_end`` are not. What counts by them is refused by name.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import GradientAccumulationScheduler
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from groundwork.encoders.ragged import Inputs, Ragged
from groundwork.errors import UserError
from groundwork.objectives.base import Objective
from groundwork.objectives.metrics import Metric
from groundwork.sections.training import Training
from groundwork.training.batches import Batches, Rows
from groundwork.training.callbacks import averaged
from groundwork.training.inference import in_pieces
from groundwork.training.optimizers import make_optimizer, schedule
from groundwork.training.steps import EpochLoader, mini_batches_per_step, work


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
        self.work = work(network, train)
        self.mini_batches_per_step = mini_batches_per_step(self.work)
        self.automatic_optimization = self.mini_batches_per_step == 1
        self.at = "rows"  # what is being done, for the message when a device runs out of memory
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
        return EpochLoader(self.batches, self.mini_batches_per_step)

    def configure_optimizers(self) -> Any:
        """Make the optimizer; its schedule, and the average of the weights, step with it."""
        optimizer = make_optimizer(self.network, self.settings)
        self.schedule = schedule(optimizer, self.settings.schedule, self.optimizer_steps, self.settings.warmup)
        if self.average is not None:
            average = self.average
            optimizer.register_step_post_hook(lambda *_: average.update_parameters(self.network))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.schedule, "interval": "step"}}

    @property
    def optimizer_steps(self) -> int:
        """Optimizer steps of the whole training, if it is not stopped early."""
        epochs = range(self.settings.epochs)
        scheduled = [one for one in self._callbacks if isinstance(one, GradientAccumulationScheduler)]
        factors = [
            scheduled[0].get_accumulate_grad_batches(epoch) if scheduled else self.settings.accumulate_grad_batches
            for epoch in epochs
        ]
        return sum(-(-self.batches.steps // factor) for factor in factors)

    @property
    def _callbacks(self) -> Sequence[pl.Callback]:
        return self.trainer.callbacks  # type: ignore[attr-defined]

    def on_train_epoch_start(self) -> None:
        """Start the epoch's mean loss; it stays on the device until the epoch ends."""
        self.losses: list[Tensor] = []
        self.at = "training"

    def training_step(self, mini_batches: tuple[Tensor, ...], _: int) -> Tensor | None:
        """Return the loss of the one mini-batch (row numbers), or take an optimizer step for each of several."""
        if self.automatic_optimization:
            return self._noted_loss(mini_batches[0])
        optimizer = self._optimizer()
        for rows in mini_batches:
            loss = self._noted_loss(rows)
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            self.schedule.step()
        return None

    def loss(self, rows: Tensor) -> Tensor:
        """Mean loss of a mini-batch of row numbers."""
        inputs, target = self.batches.take(rows)
        return self.objective.loss(self.network(**inputs), target)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradients' norm.

        Not by the Trainer's ``gradient_clip_val``: Lightning refuses it for fused optimizers in mixed precision, since
        they undo the loss's scale themselves. This hook is called in both modes, after the backward pass; where there
        is a scale, it is undone here, and the scaler then tells the optimizer so.
        """
        if self.settings.gradient_clip is None:
            return
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        # For other optimizers Lightning has done it.
        if scaler is not None and getattr(optimizer, "_step_supports_amp_scaling", False):
            scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.gradient_clip)

    def on_train_epoch_end(self) -> None:
        """Score the validation rows and log the epoch."""
        self.at = "validation"
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
        # Several processes must choose the same best epoch, and stop together. A logger is there for callbacks alone.
        self.log_dict(logged, sync_dist=True, logger=False)

    @torch.no_grad()
    def _validated(self, rows: Rows) -> dict[str, Tensor]:
        """Mean loss and metric of `rows`, in evaluation mode, a piece at a time."""
        network = self.scored
        training = network.training
        network.eval()

        def logits_of(piece: Inputs) -> Tensor:
            with self.trainer.precision_plugin.forward_context():
                return network(**piece)

        losses, targets, predictions = [], [], []
        for which, logits in in_pieces(logits_of, rows.inputs):
            # A mean over rows in half precision would keep two digits.
            exact = logits if logits.dtype == torch.float64 else logits.float()
            target = rows.target[which]
            losses.append(self.objective.loss(exact, target) * len(which))
            predictions.append(self.objective.predict(exact))
            targets.append(target)
        network.train(training)
        scored = {"val_loss": torch.stack(losses).sum() / len(rows)}
        if self.metric.on_device is not None:
            scored[f"val_{self.metric.name}"] = self.metric.on_device(torch.cat(targets), torch.cat(predictions))
        return scored

    def _noted_loss(self, rows: Tensor) -> Tensor:
        loss = self.loss(rows)
        self.losses.append(loss.detach())
        return loss

    def _optimizer(self) -> LightningOptimizer:
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        return optimizer

    def _converted(self, rows: Rows) -> Rows:
        """Give `rows` the numbers that the trainer's precision computes in: float64 for 64-true."""
        convert = self.trainer.precision_plugin.convert_input
        inputs = {
            name: replace(given, values=convert(given.values)) if isinstance(given, Ragged) else convert(given)
            for name, given in rows.inputs.items()
        }
        return replace(rows, inputs=inputs)
