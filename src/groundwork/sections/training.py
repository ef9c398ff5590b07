"""Defines the section `training`: optimizers, schedules, early stopping."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from groundwork.sections.base import DOTTED, TIME, Betas, Count, Fraction, NotNegative, Positive, Settings


class EarlyStopping(Settings):
    """When to stop before the last epoch.

    `holdout` is the share of a fold's training rows held out to decide when to stop, so that the validation rows take
    no part in that choice and the out-of-fold score stays unbiased. 0 stops on the validation rows themselves, which
    makes the score too optimistic.
    """

    patience: Count
    min_delta: NotNegative
    holdout: Annotated[float, Field(ge=0, le=0.5)]


class AdamW(Settings):
    """Adam with decoupled weight decay: `weight_decay` shrinks the weights and does not change the gradient."""

    name: Literal["adamw"]
    betas: Betas
    eps: Positive


class Adam(Settings):
    """Adam; `weight_decay` is added to the gradient (an L2 penalty)."""

    name: Literal["adam"]
    betas: Betas
    eps: Positive


class SGD(Settings):
    """Gradient descent with momentum; `weight_decay` is added to the gradient. `nesterov` needs a momentum."""

    name: Literal["sgd"]
    momentum: Fraction
    nesterov: bool

    @model_validator(mode="after")
    def _momentum_for_nesterov(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError("a momentum above 0 where nesterov is true")
        return self


class RMSprop(Settings):
    """Steps divided by a moving average of the gradient's size; `alpha` is its decay."""

    name: Literal["rmsprop"]
    alpha: Fraction
    eps: Positive
    momentum: Fraction


class Adagrad(Settings):
    """Steps divided by the root of all squared gradients so far."""

    name: Literal["adagrad"]
    eps: Positive


class Muon(Settings):
    """Orthogonalized momentum for the hidden layers' matrices; AdamW, with `betas` and `eps`, for everything else."""

    name: Literal["muon"]
    momentum: Fraction
    nesterov: bool
    betas: Betas
    eps: Positive


OptimizerSettings = AdamW | Adam | SGD | RMSprop | Adagrad | Muon


class OwnCallback(Settings):
    """A callback by its dotted path, with its keyword arguments; see `groundwork.training.dotted`."""

    model_config = ConfigDict(extra="allow")

    callback: Annotated[str, Field(pattern=DOTTED)]

    @property
    def options(self) -> dict[str, Any]:
        """Return the keyword arguments."""
        return dict(self.model_extra or {})


class Training(Settings):
    """The optimizer, its schedule, and early stopping; see `groundwork.training.fit`.

    `learning_rate` and `weight_decay` apply to every optimizer; `optimizer` has the settings of one optimizer.
    `accumulate_grad_batches` mini-batches make one optimizer step. Each fold is trained `seeds` times, each
    time from other weights and in another order, and its predictions are averaged. Test rows are predicted by the
    networks of all folds and seeds; where folds are spans of time, by the final models of all seeds alone.
    """

    folds: Literal["all"] | Count
    seeds: Count = 1
    epochs: Count
    batch_size: Count
    accumulate_grad_batches: Count
    optimizer: Annotated[OptimizerSettings, Field(discriminator="name")]
    learning_rate: Positive
    weight_decay: NotNegative
    schedule: Literal["constant", "cosine", "one-cycle"]
    warmup: Fraction
    gradient_clip: Positive | None
    weight_averaging: Fraction
    early_stopping: EarlyStopping | None
    max_time: Annotated[str, Field(pattern=TIME)] | None
    callbacks: list[OwnCallback]


class Boosting(Settings):
    """The training of boosted trees: the section `model` has what decides it; `seeds` is as in `Training`."""

    folds: Literal["all"] | Count
    seeds: Count = 1

    @property
    def epochs(self) -> int:
        """Return 1: progress is shown by fold."""
        return 1

    @property
    def early_stopping(self) -> None:
        """Return None: see `groundwork.sections.networks.BoostedTrees`."""

    @property
    def callbacks(self) -> list[OwnCallback]:
        """Return nothing: callbacks are Lightning's."""
        return []
