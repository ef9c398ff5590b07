"""Early stopping, the best epoch's weights, and averaged weights."""

import copy
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from groundwork.objectives.metrics import Metric


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
