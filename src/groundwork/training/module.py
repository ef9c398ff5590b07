"""The Lightning module that trains every network.

How many mini-batches a Lightning step has depends on their size, by the rule in `groundwork.training.steps`:

- **A large mini-batch** (pictures, texts, wide networks) is one Lightning step, with automatic optimization. Callbacks
  by step (``LearningRateMonitor(logging_interval="step")``, ``ModelCheckpoint(every_n_train_steps=...)``) and
  ``accumulate_grad_batches`` work as Lightning's documentation says; the learning rate's schedule steps with the
  optimizer (``interval: step``).
- **Small mini-batches** (tables) share a Lightning step, up to `STEPS_PER_CALL` of them, with manual optimization:
  Lightning's overhead for a step is about as long as such a network's mini-batch. Each mini-batch still has its own
  optimizer step, equal to the last bit on a CPU. Hooks of gradients and optimizers are called for each mini-batch, but
  ``on_train_batch_start`` and ``on_train_batch_end`` are not; callbacks that rely on those are refused by name.
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
        Training batches and validation rows, in memory; None where there are no validation rows.
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
        # A Lightning step of several mini-batches needs several optimizer steps, so optimization is manual.
        self.work = work(network, train)
        self.mini_batches_per_step = mini_batches_per_step(self.work)
        self.automatic_optimization = self.mini_batches_per_step == 1
        self.at = "rows"  # the current part of training, for the message if a device runs out of memory
        self.network = network
        self.objective = objective
        self.metric = metric
        self.batches = train
        self.valid = valid
        self.settings = settings
        self.average = averaged(network, settings.weight_averaging) if settings.weight_averaging else None

    @property
    def scored(self) -> nn.Module:
        """The network that is validated and kept: the averaged one if there is one."""
        return self.network if self.average is None else self.average.module

    def setup(self, stage: str) -> None:
        """Move all rows to this process's device, once."""
        batches = self.batches.to(self.device, self.trainer.global_rank, self.trainer.world_size)
        self.batches = replace(batches, rows=self._converted(batches.rows))
        if self.valid is not None:
            self.valid = self._converted(self.valid.to(self.device))

    def train_dataloader(self) -> EpochLoader:
        """Return a loader of the row numbers of the epoch's mini-batches."""
        return EpochLoader(self.batches, self.mini_batches_per_step)

    def configure_optimizers(self) -> Any:
        """Make the optimizer; its schedule and the average of the weights are updated at each of its steps."""
        optimizer = make_optimizer(self.network, self.settings)
        self.schedule = schedule(optimizer, self.settings.schedule, self.optimizer_steps, self.settings.warmup)
        if self.average is not None:
            average = self.average
            optimizer.register_step_post_hook(lambda *_: average.update_parameters(self.network))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.schedule, "interval": "step"}}

    @property
    def optimizer_steps(self) -> int:
        """Number of optimizer steps of the whole training, if it is not stopped early."""
        epochs = range(self.settings.epochs)
        schedulers = [callback for callback in self._callbacks if isinstance(callback, GradientAccumulationScheduler)]
        factors = [
            schedulers[0].get_accumulate_grad_batches(epoch) if schedulers else self.settings.accumulate_grad_batches
            for epoch in epochs
        ]
        return sum(-(-self.batches.steps // factor) for factor in factors)

    @property
    def _callbacks(self) -> Sequence[pl.Callback]:
        return self.trainer.callbacks  # type: ignore[attr-defined]

    def on_train_epoch_start(self) -> None:
        """Reset the epoch's losses; they stay on the device until the epoch ends."""
        self.losses: list[Tensor] = []
        self.at = "training"

    def training_step(self, mini_batches: tuple[Tensor, ...], _: int) -> Tensor | None:
        """Return the loss of a single mini-batch (row numbers), or take an optimizer step for each of several."""
        if self.automatic_optimization:
            return self._recorded_loss(mini_batches[0])
        optimizer = self._optimizer()
        for rows in mini_batches:
            loss = self._recorded_loss(rows)
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            self.schedule.step()
        return None

    def loss(self, rows: Tensor) -> Tensor:
        """Compute the mean loss of a mini-batch of row numbers."""
        inputs, target = self.batches.take(rows)
        return self.objective.loss(self.network(**inputs), target)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradients' norm.

        The Trainer's ``gradient_clip_val`` is not used: Lightning refuses it for fused optimizers in mixed precision,
        since they undo the loss's scale themselves. This hook is called with automatic and manual optimization, after
        the backward pass. If there is a scale, it is undone here, and the scaler lets the optimizer know.
        """
        if self.settings.gradient_clip is None:
            return
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        # For other optimizers Lightning has undone the scale already.
        if scaler is not None and getattr(optimizer, "_step_supports_amp_scaling", False):
            scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.gradient_clip)

    def on_train_epoch_end(self) -> None:
        """Score the validation rows and log the epoch."""
        self.at = "validation"
        logged = {"train_loss": torch.stack(self.losses).mean()}
        if self.valid is not None:
            logged |= self._validated(self.valid)
        # The validation loss is checked too: the last mini-batch can ruin the weights after its loss was computed.
        for name, loss in (("training", "train_loss"), ("validation", "val_loss")):
            if loss in logged and not logged[loss].isfinite():
                clip = "" if self.settings.gradient_clip else ", or set gradient_clip: 1.0"
                raise UserError(
                    f"the {name} loss became {logged[loss].item()} in epoch {self.current_epoch}; expected a finite "
                    "number",
                    f"lower the lane's training.learning_rate ({self.settings.learning_rate}){clip} in params.yaml",
                )
        logged["learning_rate"] = self._optimizer().param_groups[0]["lr"]
        # Several processes must choose the same best epoch and stop together. The logger is for callbacks only.
        self.log_dict(logged, sync_dist=True, logger=False)

    @torch.no_grad()
    def _validated(self, rows: Rows) -> dict[str, Tensor]:
        """Compute mean loss and metric of `rows`, in evaluation mode, a piece at a time."""
        network = self.scored
        training = network.training
        network.eval()

        def logits_of(piece: Inputs) -> Tensor:
            with self.trainer.precision_plugin.forward_context():
                return network(**piece)

        losses, targets, predictions, order = [], [], [], []
        for numbers, logits in in_pieces(logits_of, rows.inputs):
            # A mean over rows in half precision would have only two correct digits.
            exact = logits if logits.dtype == torch.float64 else logits.float()
            target = rows.target[numbers]
            losses.append(self.objective.loss(exact, target) * len(numbers))
            predictions.append(self.objective.predict(exact))
            targets.append(target)
            order.append(numbers)
        network.train(training)
        scored = {"val_loss": torch.stack(losses).sum() / len(rows)}
        target, predicted = torch.cat(targets), torch.cat(predictions)
        if not scored["val_loss"].isfinite():
            return scored  # training ends with a message
        if self.metric.on_device is not None:
            score = self.metric.on_device(target, predicted)
        else:
            queries = None if rows.queries is None else rows.queries[torch.cat(order).cpu().numpy()]
            value = self.metric.score(target.cpu().numpy(), predicted.cpu().numpy(), queries)
            score = torch.tensor(value, dtype=torch.float32, device=target.device)
        if self.settings.early_stopping and not score.isfinite():
            raise UserError(
                f"{self.metric.name} cannot be computed on the {len(rows)} rows that early stopping watches: "
                f"{self.metric.undefined}",
                "raise the lane's training.early_stopping.holdout in params.yaml, or set early_stopping to null",
            )
        return scored | {f"val_{self.metric.name}": score}

    def _recorded_loss(self, rows: Tensor) -> Tensor:
        loss = self.loss(rows)
        self.losses.append(loss.detach())
        return loss

    def _optimizer(self) -> LightningOptimizer:
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        return optimizer

    def _converted(self, rows: Rows) -> Rows:
        """Convert `rows` to the trainer's precision: float64 for 64-true."""
        convert = self.trainer.precision_plugin.convert_input
        inputs = {
            name: replace(values, values=convert(values.values)) if isinstance(values, Ragged) else convert(values)
            for name, values in rows.inputs.items()
        }
        return replace(rows, inputs=inputs)
