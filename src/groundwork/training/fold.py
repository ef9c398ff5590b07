"""Trains a fold: fits encoder, objective and network on its training rows, and predicts its validation rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd
import pytorch_lightning as pl
from torch import nn

from groundwork.competitions import Competition
from groundwork.data.holdout import held_out
from groundwork.data.prepared import FINAL, Prepared
from groundwork.encoders import Encoder
from groundwork.encoders.ragged import Encoded
from groundwork.errors import UserError
from groundwork.models.trees.growth import grow
from groundwork.naming import ByName
from groundwork.objectives.base import Objective
from groundwork.objectives.oof import out_of_fold_rows
from groundwork.settings import Hardware, Lane
from groundwork.training.batches import Batches, Rows
from groundwork.training.build import make_encoder, make_network, make_objective
from groundwork.training.callbacks import OnStep
from groundwork.training.checkpoint import TrainedFold
from groundwork.training.fit import fit
from groundwork.training.inference import Epoch, device, predict
from groundwork.training.origin import Origin, resolved
from groundwork.training.seeds import fold_seed


def train_fold(
    competition: Competition,
    lane: Lane,
    prepared: Prepared,
    fold: int,
    seed: int,
    hardware: Hardware,
    callbacks: Sequence[pl.Callback] = (),
    on_epoch: Callable[[Epoch], None] | None = None,
    replicate: int = 0,
    on_step: OnStep | None = None,
) -> TrainedFold:
    """Fit encoder, objective and network on the training rows of `fold`, and predict its validation rows.

    Parameters
    ----------
    fold
        Its number; `FINAL` trains on all rows and has no validation rows.
    seed, replicate
        See `groundwork.training.seeds.fold_seed`.
    callbacks, on_epoch, on_step
        See `groundwork.training.fit.fit`.

    Raises
    ------
    UserError
        If there are too few rows, or the loss becomes NaN.
    """
    start, hardware = fold_seed(seed, replicate, fold), resolved(hardware)
    pl.seed_everything(start, workers=True, verbose=False)
    train, valid = prepared.training(fold), None if fold == FINAL else prepared.validation(fold)
    task = Work(competition, lane, prepared, fold, train, valid, start, hardware, callbacks, on_epoch, on_step)
    learned = LEARNING[lane.model.learned_by](task)
    validation = None
    if valid is not None:
        inputs = learned.encoder.transform(valid) if learned.valid_inputs is None else learned.valid_inputs
        predicted = predict(learned.network, learned.objective, inputs, device(hardware))
        target = learned.objective.tensor(valid).numpy()
        validation = out_of_fold_rows(valid, competition.task, fold, target, predicted.numpy())
    return TrainedFold(
        fold,
        lane.encoding.inputs,
        lane.model,
        learned.encoder,
        learned.objective,
        learned.network.state_dict(),
        learned.history,
        validation,
        Origin.here(hardware, seed, replicate, lane.model.libraries),
    )


@dataclass(frozen=True)
class Work:
    """What a fold is trained from.

    Attributes
    ----------
    train, valid
        Its rows; no validation rows for `FINAL`.
    seed
        The fold's own, see `groundwork.training.seeds.fold_seed`.
    callbacks, on_epoch, on_step
        See `groundwork.training.fit.fit`.
    """

    competition: Competition
    lane: Lane
    prepared: Prepared
    fold: int
    train: pd.DataFrame
    valid: pd.DataFrame | None
    seed: int
    hardware: Hardware
    callbacks: Sequence[pl.Callback] = ()
    on_epoch: Callable[[Epoch], None] | None = None
    on_step: OnStep | None = None

    def fitted(self, train: pd.DataFrame) -> tuple[Objective, Encoder, Encoded]:
        """Fit objective and encoder on rows; return both, and the rows' tensors."""
        objective = make_objective(self.competition, self.lane.objective, train, self.prepared)
        encoder = make_encoder(self.competition, self.lane, self.prepared)
        return objective, encoder, encoder.fit_transform(train, objective.signals(train))

    def split(self, share: float, key: str, without: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Hold out a share of the training rows; messages name its `key` in params.yaml, and what 0 does."""
        try:
            return held_out(self.competition, self.train, share, self.seed)
        except ValueError as error:
            raise UserError(
                f"params.yaml: {key}: found {share}, which does not suit the {len(self.train)} "
                f"training rows of fold {self.fold}: {error}",
                f"raise it, or set it to 0 to {without}",
            ) from None


@dataclass(frozen=True)
class Learned:
    """A fitted encoder and objective with a trained network.

    Attributes
    ----------
    history
        Metrics of each epoch, or of each round.
    valid_inputs
        The encoded validation rows, if they were needed in training.
    """

    objective: Objective
    encoder: Encoder
    network: nn.Module
    history: list[Epoch] = field(default_factory=list)
    valid_inputs: Encoded | None = None


def _by_descent(work: Work) -> Learned:
    """Train a network by gradient descent, with Lightning."""
    settings: Any = work.lane.training
    train, watched = work.train, work.valid
    if settings.early_stopping and settings.early_stopping.holdout:
        train, watched = work.split(
            settings.early_stopping.holdout, "training.early_stopping.holdout", "stop on the validation rows"
        )
    objective, encoder, inputs = work.fitted(train)
    rows = Rows(inputs, objective.tensor(encoder.examples(train)))
    watched_rows = None
    if watched is not None:
        query = work.competition.task.query
        queries = watched[query].to_numpy(dtype=object) if query else None
        watched_rows = Rows(encoder.transform(watched), objective.tensor(watched), queries)

    network = make_network(work.lane.model, encoder, objective)
    result = fit(
        network,
        objective,
        work.competition.scorer,
        Batches.seeded(rows, settings.batch_size, work.seed, encoder.augment()),
        watched_rows,
        settings,
        work.hardware,
        callbacks=work.callbacks,
        on_epoch=work.on_epoch,
        on_step=work.on_step,
    )
    valid_inputs = watched_rows.inputs if watched_rows and watched is work.valid else None
    return Learned(objective, encoder, result.network, result.history, valid_inputs)


def _by_boosting(work: Work) -> Learned:
    """Grow boosted trees."""
    model: Any = work.lane.model
    split = work.split(model.holdout, "model.holdout", "make all rounds") if model.holdout else None
    grown = grow(
        work.fitted,
        partial(make_network, model),
        work.train,
        split,
        model.sizes,
        work.lane.objective.model_dump(),
        work.seed,
    )
    if work.on_epoch:
        for epoch in grown.history:
            work.on_epoch(epoch)
    return Learned(grown.objective, grown.encoder, grown.network, grown.history)


# By `Network.learned_by`.
LEARNING: ByName[Callable[[Work], Learned]] = {
    "descent": _by_descent,
    "boosting": _by_boosting,
}
