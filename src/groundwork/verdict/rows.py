"""The out-of-fold rows on which both sides of a comparison are scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from groundwork.competitions import Competition
from groundwork.errors import UserError
from groundwork.objectives import KINDS, oof
from groundwork.objectives.decisions import decide
from groundwork.objectives.metrics import Metric
from groundwork.objectives.metrics_labels import plain
from groundwork.objectives.ranking import Array

REFUSED = "compare experiments of the same folds; `groundwork leaderboard` lists those with others apart"


@dataclass(frozen=True)
class Rows:
    """Targets, folds and units of out-of-fold rows, and the metric by which predictions for them are judged.

    Attributes
    ----------
    metric
        The competition's metric.
    judged_as, combine
        The kind's: see `groundwork.objectives.base.Objective`. `combine` averages the predictions of several seeds.
    ids, folds, target
        Of each row: ``[rows]``; targets of tags and lists are ``[rows, columns]``.
    units
        The number, from 0, of the unit that each row belongs to: ``[rows]``. Units are drawn in pairs, as a whole.
    unit_name
        What units are: ``rows``, ``groups``, ``queries`` or ``customers``.
    queries
        The query of each row, or None.
    """

    metric: Metric
    judged_as: tuple[str, ...]
    combine: Callable[[Sequence[Array]], Array]
    ids: Array
    folds: Array
    target: Array
    units: Array
    unit_name: str = "rows"
    queries: Array | None = None

    @classmethod
    def of(cls, competition: Competition, frame: pd.DataFrame, groups: Array | None = None) -> Self:
        """Read them from out-of-fold rows.

        Parameters
        ----------
        frame
            Columns as `groundwork.objectives.oof.out_of_fold_rows` gives them, in any order; the predictions are not
            used.
        groups
            The value of the competition's ``group_folds_by`` for each row of `frame`, whose equal values stay
            together; None if it has none.
        """
        kind, queries = KINDS[competition.kind], oof.groups(frame)
        names, values = "groups", groups
        if values is None:
            names, values = ("queries", queries) if queries is not None else ("rows", frame["id"].to_numpy())
            # A row that several folds validate, such as a customer in two weeks, is one unit.
            names = "customers" if competition.layout == "purchases" else names
        return cls(
            metric=competition.scorer,
            judged_as=kind.judged_as,
            combine=kind.combine,
            ids=frame["id"].to_numpy(),
            folds=frame["fold"].to_numpy(),
            target=oof.targets(frame),
            units=pd.factorize(values, use_na_sentinel=False)[0],
            unit_name=names,
            queries=queries,
        )

    @property
    def count(self) -> int:
        """The number of units."""
        return int(self.units.max()) + 1

    def predictions(self, frame: pd.DataFrame, name: str) -> Array:
        """Return the predictions of other out-of-fold rows, in the order of these rows.

        Parameters
        ----------
        name
            What the message calls `frame`.

        Raises
        ------
        UserError
            If rows, folds or targets are not the same.
        """
        if len(frame) != len(self.ids):
            raise UserError(f"{name}: {len(frame):,} out-of-fold rows; expected {len(self.ids):,}", REFUSED)
        mine = np.lexsort((self.folds, self.ids))
        theirs = np.lexsort((frame["fold"].to_numpy(), frame["id"].to_numpy()))
        for what, own, other in (
            ("ids", self.ids, frame["id"].to_numpy()),
            ("folds", self.folds, frame["fold"].to_numpy()),
            ("targets", self.target, oof.targets(frame)),
        ):
            if not oof.same_values(own[mine], other[theirs]):
                raise UserError(f"{name}: its out-of-fold rows have other {what}", REFUSED)
        found = oof.predictions(frame)
        ordered = np.empty_like(found)
        ordered[mine] = found[theirs]
        return ordered

    def answers(self, predicted: Array) -> Array:
        """Return what the metric scores: predictions, or the labels that are chosen from them where it needs labels.

        Decisions are chosen on the full out-of-fold rows, for each fold on the others, and used where they raise the
        mean over folds, as the evaluate stage does.
        """
        if self.metric.of_labels is None:
            return predicted
        numbers = self.metric.form(self.judged_as) == "numbers"
        obvious = np.rint(predicted) if numbers else plain(self.target, predicted)
        found = decide(self.metric, self.judged_as, self.target, predicted, self.folds)
        return obvious if found is None else max((obvious, found[0]), key=self._worth)

    def score(self, target: Array, answers: Array, queries: Array | None = None) -> float:
        """Score answers, as `answers` gives them, for some of the rows; nan if that is not possible."""
        if self.metric.of_labels is None or (target.ndim == 2 and self.metric.form(self.judged_as) == "numbers"):
            return self.metric.score(target, answers, queries)
        return self.metric.of_labels(target, answers)

    def by_fold(self, answers: Array) -> list[float]:
        """Score answers for each fold."""
        inside = [self.folds == fold for fold in np.unique(self.folds)]
        queries = [None if self.queries is None else self.queries[chosen] for chosen in inside]
        pairs = zip(inside, queries, strict=True)
        return [self.score(self.target[chosen], answers[chosen], query) for chosen, query in pairs]

    def _worth(self, answers: Array) -> float:
        return float(np.mean(self.by_fold(answers))) * (1 if self.metric.higher_is_better else -1)
