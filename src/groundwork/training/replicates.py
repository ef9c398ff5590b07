"""The folds of a run by replicate: their keys, the mean of their predictions, and the score of each seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from groundwork.competitions import Competition
from groundwork.data.prepared import FINAL, Prepared
from groundwork.errors import UserError
from groundwork.objectives import KINDS
from groundwork.objectives.metrics import Metric
from groundwork.objectives.oof import columns, concatenate, cross_validate, predictions
from groundwork.settings import Hardware, Lane
from groundwork.training.checkpoint import FoldRecord, TrainedFold
from groundwork.training.store import fold_key

# The number of a fold, and of its replicate.
Part = tuple[int, int]
Fold = TrainedFold | FoldRecord


@dataclass(frozen=True)
class Order:
    """What the folds of a lane are trained from.

    Attributes
    ----------
    hardware
        With its precision resolved: see `groundwork.training.origin.resolved`.
    code
        Hash of the fingerprint of the code that this lane's training uses.
    """

    lane_name: str
    competition: Competition
    lane: Lane
    prepared: Prepared
    seed: int
    hardware: Hardware
    code: str

    def keys(self, seeds: int) -> dict[Part, str]:
        """Return the key of each fold, for each of `seeds` replicates, one whole replicate after the other.

        Raises
        ------
        UserError
            If the lane asks for more folds than there are.
        """
        folds = _folds_to_train(self.prepared, self.lane)
        return {(fold, replicate): self._key(fold, replicate) for replicate in range(seeds) for fold in folds}

    def _key(self, fold: int, replicate: int) -> str:
        return fold_key(
            self.lane,
            self.prepared,
            seed=self.seed,
            replicate=replicate,
            fold=fold,
            precision=self.hardware.precision,
            code=self.code,
        )


def _folds_to_train(prepared: Prepared, lane: Lane) -> list[int]:
    folds, final = prepared.folds, [FINAL] if prepared.final else []
    wanted = len(folds) if lane.training.folds == "all" else lane.training.folds
    if wanted > len(folds):
        raise UserError(
            f"params.yaml: training.folds: found {wanted}; the data has {len(folds)} folds",
            "lower it, or set it to `all`",
        )
    return folds[:wanted] + final


def replicates(folds: Sequence[Fold]) -> list[pd.DataFrame]:
    """Return the out-of-fold rows of each replicate, sorted by id."""
    numbers = sorted({fold.origin.replicate for fold in folds})
    return [_rows([fold for fold in folds if fold.origin.replicate == number]) for number in numbers]


def _rows(folds: Sequence[Fold]) -> pd.DataFrame:
    # The final model has no validation rows.
    oof = concatenate([trained.validation for trained in folds if trained.validation is not None])
    return oof.sort_values(["id", "fold"], ignore_index=True)


def averaged(rows: Sequence[pd.DataFrame], kind: str) -> pd.DataFrame:
    """Return out-of-fold rows with the mean prediction of all replicates; a single one stays as it is."""
    first, *others = rows
    if not others:
        return first
    mean = KINDS[kind].combine([predictions(oof) for oof in rows])
    return first.assign(**columns("p", "prediction", mean))


def history_of(folds: Sequence[Fold]) -> pd.DataFrame:
    """Return the curves of the first replicate's folds, a row for each fold and epoch."""
    # The final model has no validation rows.
    validated = [trained for trained in folds if trained.validation is not None and not trained.origin.replicate]
    return pd.concat([pd.DataFrame(trained.history).assign(fold=trained.fold) for trained in validated])


def by_seed(rows: Sequence[pd.DataFrame], metric: Metric) -> list[dict[str, Any]]:
    """Score each replicate by itself: ``oof`` over all rows at once, each fold, and the folds' ``mean``.

    No threshold is chosen for them: they show how much the seed alone moves the score.
    """
    scores = [cross_validate(oof, metric) for oof in rows]
    return [{name: score[name] for name in ("oof", "mean", "folds")} for score in scores]


def mixed(folds: Sequence[Fold]) -> str | None:
    """Say how the folds' devices, threads or versions differ; None if they do not."""
    records = [trained.origin.record for trained in folds]
    values = {name: {record.get(name, "none") for record in records} for name in records[0]}
    differing = [f"{name} {' or '.join(sorted(several))}" for name, several in values.items() if len(several) > 1]
    if not differing:
        return None
    return f"its folds were not all made in the same way ({'; '.join(differing)}): last digits may depend on it"
