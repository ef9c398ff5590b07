"""What the leaderboard has of a lane, for the terminal and as JSON (docs/leaderboard.md)."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundwork.experiments.openings import summary
from groundwork.experiments.records import LEDGER, RESULTS, Baseline, Experiment, baselines, chosen_lanes, load
from groundwork.experiments.selection import Selection, differing, folded, split
from groundwork.experiments.verdicts import told

SCHEMA = 1
EVERYTHING = Selection()


@dataclass(frozen=True)
class Board:
    """The table of a lane.

    Attributes
    ----------
    ranked
        All comparable experiments, best first; equal retrainings are one.
    rows, others
        Those of `ranked`, and of the other ones, that were asked for.
    shown
        The current experiment, or else the best.
    compared
        The baselines, best first.
    verdicts
        On the shown experiment and the best other ones.
    private
        What the private rows have told, and how often they were opened; None if they never were.
    """

    lane_name: str
    ranked: Sequence[Experiment]
    rows: Sequence[Experiment]
    others: Sequence[Experiment]
    shown: Experiment
    compared: Sequence[Baseline]
    verdicts: Sequence[Mapping[str, Any]]
    private: str | None = None

    @property
    def ranks(self) -> dict[str, int]:
        """The place of each comparable experiment by its score, from 1."""
        return {one.run_id: rank for rank, one in enumerate(self.ranked, start=1)}

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        keys, ranks = differing(self.ranked), self.ranks
        rows = [_plain(one, keys, ranks[one.run_id]) for one in self.rows]
        others = [_plain(one, differing([self.shown, one]), None) for one in self.others]
        return {
            "lane": self.lane_name,
            "metric": self.shown.metric,
            "higher_is_better": self.shown.higher_is_better,
            "experiments": rows + others,
            "left_out": len(self.ranked) - len(self.rows),
            "baselines": [{"name": model.name, **_scores(model)} for model in self.compared],
            "verdicts": [dict(verdict) for verdict in self.verdicts],
            "private": self.private,
        }


def boards(
    chosen: Sequence[str] | None = None,
    selection: Selection = EVERYTHING,
    results: Path = RESULTS,
    ledger: Path = LEDGER,
) -> Iterator[Board]:
    """Read the boards of chosen lanes, or of all that have experiments; say on stderr what could not be read.

    Raises
    ------
    UserError
        If a chosen lane has no experiments, or there is no such column to sort by.
    """
    for lane_name in chosen_lanes(chosen, results):
        experiments, problems = load(lane_name, results, ledger)
        compared, broken = baselines(experiments[0], results) if experiments else ([], [])
        for problem in problems + broken:
            print(f"warning: {problem}", file=sys.stderr)
        if not experiments:
            continue
        ranked, others, shown = split(folded(experiments))
        rows = selection.of(ranked, differing(ranked))
        # Scores of other rows or folds have no order.
        apart = Selection(selection.top, since=selection.since).of(others, [])
        verdicts, looked = told(shown, ranked, compared, results), summary(lane_name, results)
        yield Board(lane_name, ranked, rows, apart, shown, compared, verdicts, looked)


def _plain(one: Experiment, keys: Sequence[str], rank: int | None) -> dict[str, Any]:
    return {
        "rank": rank,
        "run_id": one.run_id,
        "count": 1 + len(one.retrained),
        "retrained": list(one.retrained),
        "current": one.current,
        **_scores(one),
        "seeds": list(one.seeds),
        "public_score": one.public_score,
        "changes": {key: one.settings.get(key) for key in keys},
        "note": one.note,
        "commit": one.commit,
        "started": one.started.isoformat(),
        "seconds": one.seconds,
    }


def _scores(model: Experiment | Baseline) -> dict[str, Any]:
    names = ("score", "sd", "oof", "folds", "further")
    return {name: list(value) if isinstance(value := getattr(model, name), tuple) else value for name in names}
