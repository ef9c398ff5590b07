"""One fold: what is fitted on its training rows, and what that predicts for its validation rows."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytorch_lightning as pl
from sklearn.model_selection import train_test_split

from groundwork.algorithms.compose import Question, TrainedFold, make_augment, make_encoder, make_network
from groundwork.algorithms.fit import fit
from groundwork.algorithms.inference import Epoch, device, predict
from groundwork.competitions import Competition
from groundwork.data.batches import Batches, Rows
from groundwork.data.prepared import Prepared
from groundwork.errors import UserError
from groundwork.objectives.metrics import METRICS
from groundwork.params import Hardware, Lane


def train_fold(
    competition: Competition,
    lane: Lane,
    prepared: Prepared,
    fold: int,
    seed: int,
    hardware: Hardware,
    callbacks: Sequence[pl.Callback] = (),
    on_epoch: Callable[[Epoch], None] | None = None,
) -> TrainedFold:
    """Fit transforms and network on the rows outside `fold`, and predict the rows inside it.

    Parameters
    ----------
    seed
        Fold k starts from ``seed + k``.
    callbacks, on_epoch
        See `groundwork.algorithms.fit.fit`.

    Raises
    ------
    UserError
        If the rows do not suffice, or the loss becomes NaN.
    """
    seed = (seed + fold) % 2**32  # where NumPy's seeds end
    pl.seed_everything(seed, workers=True, verbose=False)
    inside = (prepared.folds["fold"] == fold).to_numpy()
    train, valid = prepared.train[~inside], prepared.train[inside]
    # All rows of train.csv decide which classes there are, so that folds agree; what is fitted sees its own rows only.
    labels = prepared.train[competition.target].to_numpy()
    settings = lane.training
    stopping = settings.early_stopping
    watched = valid
    if stopping and stopping.holdout:
        strata = train[competition.target] if competition.kind == "classification" else None
        try:
            train, watched = train_test_split(train, test_size=stopping.holdout, stratify=strata, random_state=seed)
        except ValueError as error:
            raise UserError(
                f"params.yaml: training.early_stopping.holdout: found {stopping.holdout}, which does not suit the "
                f"{len(train)} training rows of fold {fold}: {error}",
                "raise it, or set it to 0 to stop on the validation rows",
            ) from None
    target = train[competition.target].to_numpy()
    question = Question.of(competition, lane.objective, target, labels)
    encoder = make_encoder(competition, lane.encoding, getattr(lane.model, "bins", 1))
    rows = Rows(encoder.fit_transform(train, question.signals(target)), question.tensor(target))
    watched_rows = Rows(encoder.transform(watched), question.tensor(watched[competition.target].to_numpy()))

    network = make_network(lane.model, encoder, question.objective.outputs)
    result = fit(
        network,
        question.objective,
        METRICS[competition.metric],
        Batches.seeded(rows, settings.batch_size, seed, make_augment(lane.encoding)),
        watched_rows,
        settings,
        hardware,
        callbacks=callbacks,
        on_epoch=on_epoch,
    )
    predicted = predict(result.network, question.objective, encoder.transform(valid), device(hardware)).numpy()
    validation = pd.DataFrame(
        {
            "id": valid[competition.id].to_numpy(),
            "fold": np.int8(fold),
            "target": question.tensor(valid[competition.target].to_numpy()).numpy(),
            **dict(zip(question.columns, predicted.reshape(len(valid), -1).T, strict=True)),
        }
    )
    return TrainedFold(fold, lane.model, encoder, question, result.network.state_dict(), result.history, validation)
