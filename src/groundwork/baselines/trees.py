"""Boosted trees of a table's columns, with settings that suit most tables."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import pandas as pd

from groundwork.baselines import Array
from groundwork.competitions import Labelled
from groundwork.data.holdout import held_out
from groundwork.models import trees
from groundwork.models.trees.growth import grow
from groundwork.naming import ByName
from groundwork.objectives import KINDS
from groundwork.sections.encodings import TableEncoding
from groundwork.sections.networks import LightGBMSettings

SIZES: dict[str, Any] = {
    "rounds": 2000, "leaves": 15, "rows_per_leaf": 20, "feature_share": 0.5, "row_share": 0.8,
    "l2": 2.0, "set_codes": 9,
}  # fmt: skip
HOLDOUT = 0.15
# By `Objective.head`. A beta of ten standard deviations squares all errors.
LOSSES: ByName[dict[str, Any]] = {
    "classes": {"loss": "cross_entropy"},
    "tags": {"loss": "binary_cross_entropy"},
    "numbers": {"loss": "smooth_l1", "beta": 10.0},
}


@dataclass(frozen=True)
class LightGBM:
    """Boosted trees of LightGBM (Ke et al. 2017), stopped by a hold-out of the training rows.

    Attributes
    ----------
    labels
        The table of all labels.
    seed
        Seed of the hold-out, and of the shares of rows and columns that trees see.
    """

    competition: Labelled
    encoding: TableEncoding
    labels: pd.DataFrame
    seed: int
    name: str = "LightGBM"
    seeded: ClassVar[bool] = True

    def fit_predict(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> Array:
        """Fit on `train` and predict `valid`; see `Baseline`."""
        from groundwork.encoders.table import TableEncoder

        kind, task = KINDS[self.competition.kind], self.competition.task
        link = None if task.log else self.competition.scorer.link
        if link:
            to, back = link
            train = train.assign(**{name: to(train[name]) for name in task.targets})

        def fitted(rows: pd.DataFrame) -> Any:
            objective = kind.fit(task, rows, self.labels, {})
            # Trees need no clipping.
            encoding = self.encoding.model_copy(update={"clip": 0.0})
            encoder = TableEncoder.of(encoding, self.competition, None, 0)
            return objective, encoder, encoder.fit_transform(rows, objective.signals(rows))

        sizes = {**LightGBMSettings.pace(kind.class_count(self.labels, task)), **SIZES}
        try:
            split = held_out(self.competition, train, HOLDOUT, self.seed)
        except ValueError:
            # Too few rows, or a class of one row.
            split, sizes = None, {**sizes, "rounds": 100}
        grown = grow(fitted, partial(trees.of_lightgbm, sizes), train, split, sizes, LOSSES[kind.head], self.seed)
        logits = grown.network(**grown.encoder.transform(valid))
        predicted: Array = grown.objective.predict(logits).numpy().astype(float)
        return back(predicted) if link else predicted
