"""Verdicts between experiments and baselines, remembered in ``results/.verdicts`` until their rows change."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork.errors import UserError
from groundwork.experiments.evidence import (
    PREPARED,
    Evidence,
    of_baseline,
    of_experiment,
    rows_and_predictions,
    spread_of,
)
from groundwork.experiments.records import RESULTS, Baseline, Experiment
from groundwork.files import write_json

if TYPE_CHECKING:
    from groundwork.verdict.verdict import Verdict

# Part of what a remembered verdict depends on: raise it when the statistics or the words change.
VERSION = 1


def verdict_between(
    a: Evidence, b: Evidence, spread: Sequence[Evidence] = (), *, tried: int = 1, prepared: Path = PREPARED
) -> "Verdict":
    """Compare two sides.

    Parameters
    ----------
    spread
        What `spread_of` gives: the seeds of other experiments of the lane.
    tried
        How many variants are compared in one go.

    Raises
    ------
    UserError
        If they have other rows, folds or targets, or if rows cannot be found.
    """
    from groundwork.verdict.luck import FEW
    from groundwork.verdict.verdict import Side, judge

    rows, (first, second) = rows_and_predictions([a, b], prepared)
    pair = [Side(side.name, seeds, side.seeded) for side, seeds in ((a, first), (b, second))]
    own = [side.identity for side in (a, b)]
    known = sum(len(side.replicates) - 1 for side in pair)
    others = []
    for other in spread if known < FEW else ():
        # What cannot be found, or is a side itself, tells nothing more about the seeds.
        if other.identity not in own and other.judged_by == a.judged_by:
            try:
                others.append([rows.predictions(frame, other.name) for frame in other.read()])
            except UserError:
                continue
    return judge(rows, *pair, spread=others, tried=tried)


def remembered(
    a: Evidence,
    b: Evidence,
    spread: Sequence[Evidence] = (),
    *,
    results: Path = RESULTS,
    prepared: Path = PREPARED,
    tried: int = 1,
) -> dict[str, Any]:
    """Return the verdict as plain data, from ``results/.verdicts`` where it was found before.

    Parameters
    ----------
    tried
        As in `verdict_between`.

    Returns
    -------
    dict
        As `Verdict.to_json` gives it; or ``outcome`` ``none`` and a ``sentence`` that says why, where rows are missing.
    """
    content = [
        VERSION,
        *([tried] if tried > 1 else []),
        *((side.name, side.identity, side.judged_by) for side in (a, b)),
        [s.identity for s in spread],
    ]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
    path = results / ".verdicts" / a.lane_name / f"{digest}.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(known, dict) and {"sentence", "outcome"} <= known.keys():
            return known
    except (OSError, ValueError):
        pass
    try:
        verdict = verdict_between(a, b, spread, tried=tried, prepared=prepared).to_json()
    except UserError as error:
        return {"outcome": "none", "sentence": f"no verdict on {a.name} and {b.name}: {error.problem}"}
    write_json(path, verdict)
    return verdict


def verdicts_of(
    pairs: Sequence[tuple[Experiment, Experiment]], experiments: Sequence[Experiment], results: Path = RESULTS
) -> list[Mapping[str, Any]]:
    """Return the verdict on each pair of a lane's `experiments`."""
    spread = spread_of(experiments, results)
    sides = [[of_experiment(one, results) for one in pair] for pair in pairs]
    return [remembered(a, b, spread, results=results) for a, b in sides]


def told(
    shown: Experiment, ranked: Sequence[Experiment], compared: Sequence[Baseline], results: Path = RESULTS
) -> list[Mapping[str, Any]]:
    """Return the verdicts that a lane's table ends with: on the shown experiment and the best other one of each sort.

    Parameters
    ----------
    shown, ranked
        The current experiment, and all comparable ones, best first.
    compared
        The baselines, best first.
    """
    spread, own = spread_of(ranked, results), of_experiment(shown, results)
    others = [of_experiment(other, results) for other in ranked if other.run_id != shown.run_id][:1]
    others += [of_baseline(baseline, shown, results) for baseline in compared[:1]]
    return [remembered(own, other, spread, results=results) for other in others]
