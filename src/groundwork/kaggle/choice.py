"""Recommends which two of a competition's submissions to select: the best by verdict, and one unlike it.

Kaggle counts the better of two selected submissions. A second one that is like the first is lucky and unlucky on the
same rows, so it adds little; one that is unlike it, and no worse as far as anybody can tell, adds most. Public scores
are left aside: they come from a part of the test rows, often a small one, and submissions were chosen by them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork.errors import UserError
from groundwork.experiments.evidence import PREPARED, of_experiment, rows_and_predictions, spread_of
from groundwork.experiments.records import LEDGER, RESULTS, Experiment, load
from groundwork.experiments.selection import number
from groundwork.experiments.verdicts import remembered
from groundwork.kaggle.ledger import ERROR, Entry

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Judged:
    """A submission beside the best one.

    Attributes
    ----------
    likeness
        The correlation of its out-of-fold predictions with the best one's; for ranked items the share that both have.
    verdict
        On the best one against it, as `groundwork.experiments.verdicts.remembered` gives it.
    """

    entry: Entry
    experiment: Experiment
    likeness: float
    verdict: Mapping[str, Any]


@dataclass(frozen=True)
class Recommendation:
    """What to select.

    Attributes
    ----------
    selected
        At most two submissions, each with the reasons.
    judged
        The verdict on the best one against each other one.
    left_out
        Submissions that could not be judged, each with the reason.
    """

    selected: Sequence[tuple[Entry, str]] = ()
    judged: Sequence[Judged] = ()
    left_out: Sequence[tuple[Entry, str]] = ()


def recommend(
    entries: Sequence[Entry], results: Path = RESULTS, prepared: Path = PREPARED, ledger: Path = LEDGER
) -> Recommendation:
    """Recommend two of the submissions of one competition.

    Parameters
    ----------
    entries
        Of the ledger, oldest first, of all lanes and blends of the competition; rejected ones are left out. Of several
        of one run the newest counts.
    """
    by_run = {entry.wandb_run: entry for entry in entries if entry.status != ERROR}
    lanes = {entry.lane: load(entry.lane, results, ledger)[0] for entry in by_run.values()}
    known = {run.run_id: run for runs in lanes.values() for run in runs}
    left_out = [(entry, "its run is not among the records here") for run, entry in by_run.items() if run not in known]
    runs = [(entry, known[run]) for run, entry in by_run.items() if run in known]
    if not runs:
        return Recommendation(left_out=left_out)
    judged_by = runs[-1][1].judged_by
    left_out += [(entry, "it was scored on other rows or folds") for entry, run in runs if run.judged_by != judged_by]
    runs = [(entry, run) for entry, run in runs if run.judged_by == judged_by]
    best, first = max(runs, key=lambda pair: pair[1].oof if pair[1].higher_is_better else -pair[1].oof)
    judged = []
    for entry, run in runs:
        if run is first:
            continue
        try:
            judged.append(_judged(entry, run, first, lanes[best.lane], results, prepared, len(runs) - 1))
        except UserError as error:
            left_out.append((entry, f"no verdict: {error.problem}"))
    selected = [(best, _first(first, judged, len(runs)))]
    if judged:
        second, why = _second(judged)
        selected.append((second.entry, why))
    return Recommendation(selected, judged, left_out)


def _judged(
    entry: Entry,
    run: Experiment,
    first: Experiment,
    lane: Sequence[Experiment],
    results: Path,
    prepared: Path,
    tried: int,
) -> Judged:
    one, other = of_experiment(first, results), of_experiment(run, results)
    rows, sides = rows_and_predictions([one, other], prepared)
    verdict = remembered(one, other, spread_of(lane, results), results=results, prepared=prepared, tried=tried)
    return Judged(entry, run, _likeness(*(rows.combine(seeds) for seeds in sides)), verdict)


def _likeness(one: "NDArray[Any]", other: "NDArray[Any]") -> float:
    import numpy as np

    if one.ndim == 2 and np.issubdtype(one.dtype, np.integer):
        # Ranked items, which are codes; -1 fills short lists.
        both = [len(np.intersect1d(a[a >= 0], b[b >= 0])) / max(len(a), 1) for a, b in zip(one, other, strict=True)]
        return float(np.mean(both))
    # Each column without its mean: otherwise the shares of the classes or tags would make any two alike.
    flat = np.stack([(side - side.mean(axis=0)).ravel() for side in (one.astype(float), other.astype(float))])
    return float(np.corrcoef(flat)[0, 1]) if flat.std(1).all() else 0.0


def _first(first: Experiment, judged: Sequence[Judged], count: int) -> str:
    score = f"{first.metric} {number(first.oof)} over all out-of-fold rows, the best of {count}"
    if count == 1:
        return f"{first.metric} {number(first.oof)} over all out-of-fold rows; it is the only one that can be judged"
    if not judged:
        return f"{score} by the records alone: without out-of-fold rows there is no verdict on the others"
    outcomes = [one.verdict["outcome"] for one in judged]
    better = outcomes.count("better")
    luck = len(outcomes) - better
    told = [f"better than {better} of the others by verdict"] if better else []
    told += [f"{'no' if not better else 'but no'} proof that it is better than {luck} of them"] if luck else []
    return f"{score}: {', '.join(told)}"


def _second(judged: Sequence[Judged]) -> tuple[Judged, str]:
    """Choose the one that is least like the first among those that are not worse by verdict."""
    equal = [one for one in judged if one.verdict["outcome"] != "better"]
    if equal:
        second = min(equal, key=lambda one: one.likeness)
        among = (
            f"the least alike of {len(equal)} that are not worse by verdict" if len(equal) > 1 else "and is no worse"
        )
        return second, f"{_unlike(second)}, {among}: {second.verdict['sentence']}"
    second = min(judged, key=lambda one: float(one.verdict["low"]))
    sentence = second.verdict["sentence"]
    return second, f"every other one is worse by verdict; this is the closest, and {_unlike(second)}: {sentence}"


def _unlike(second: Judged) -> str:
    alike = f"its out-of-fold predictions correlate {second.likeness:.2f} with the first one's"
    changed = second.verdict.get("changed") or {}
    if not changed:
        return alike
    return f"{alike}; {changed['lost']:,} rows are in its favour and {changed['gained']:,} in the first one's"
