"""Trains a fold: fits encoder, objective and network on its training rows, and predicts its validation rows."""

from collections.abc import Callable, Sequence

import pandas as pd
import pytorch_lightning as pl
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from groundwork.competitions import Competition
from groundwork.data.prepared import FINAL, Prepared
from groundwork.encoders.ragged import Encoded
from groundwork.errors import UserError
from groundwork.objectives import KINDS
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
    settings = lane.training
    train, valid = prepared.training(fold), None if fold == FINAL else prepared.validation(fold)
    watched = valid
    if settings.early_stopping and settings.early_stopping.holdout:
        train, watched = _held_out(competition, train, settings.early_stopping.holdout, fold, start)
    objective = make_objective(competition, lane.objective, train, prepared)
    encoder = make_encoder(competition, lane, prepared)
    rows = Rows(encoder.fit_transform(train, objective.signals(train)), objective.tensor(encoder.examples(train)))
    watched_rows = None if watched is None else _rows(encoder.transform(watched), objective, watched, competition)

    network = make_network(lane.model, encoder, objective)
    result = fit(
        network,
        objective,
        competition.scorer,
        Batches.seeded(rows, settings.batch_size, start, encoder.augment()),
        watched_rows,
        settings,
        hardware,
        callbacks=callbacks,
        on_epoch=on_epoch,
        on_step=on_step,
    )
    validation = None
    if valid is not None:
        inputs = watched_rows.inputs if watched_rows and watched is valid else encoder.transform(valid)
        predicted = predict(result.network, objective, inputs, device(hardware))
        validation = out_of_fold_rows(valid, competition.task, fold, objective.tensor(valid).numpy(), predicted.numpy())
    return TrainedFold(
        fold,
        lane.encoding.inputs,
        lane.model,
        encoder,
        objective,
        result.network.state_dict(),
        result.history,
        validation,
        Origin.here(hardware, seed, replicate),
    )


def _rows(inputs: Encoded, objective: Objective, frame: pd.DataFrame, competition: Competition) -> Rows:
    query = competition.task.query
    return Rows(inputs, objective.tensor(frame), frame[query].to_numpy(dtype=object) if query else None)


def _held_out(
    competition: Competition, train: pd.DataFrame, share: float, fold: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split training rows into those to learn from and a hold-out for early stopping; groups stay together."""
    task = competition.task
    try:
        if task.groups:
            split = GroupShuffleSplit(1, test_size=share, random_state=seed)
            kept, watched = next(split.split(train, groups=train[task.groups]))
            return train.iloc[kept], train.iloc[watched]
        strata = KINDS[competition.kind].holdout_strata(train, task)
        kept, watched = train_test_split(train, test_size=share, stratify=strata, random_state=seed)
        return kept, watched
    except ValueError as error:
        raise UserError(
            f"params.yaml: training.early_stopping.holdout: found {share}, which does not suit the {len(train)} "
            f"training rows of fold {fold}: {error}",
            "raise it, or set it to 0 to stop on the validation rows",
        ) from None
