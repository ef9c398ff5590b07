"""What a sweep has found: the verdict on its best trial, which keys matter, and how much of the score is luck."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from groundwork.errors import UserError
from groundwork.stages.run_record import former_run
from groundwork.sweeping.run import OutOfTimeError, Sides, Sweep
from groundwork.sweeping.trials import PROBLEM
from groundwork.training.replicates import replicates
from groundwork.trying.judge import verdict
from groundwork.trying.plan import RESULTS
from groundwork.verdict.verdict import Verdict

ENOUGH = 10  # complete trials, below which the importance of keys is noise


@dataclass(frozen=True)
class Optimism:
    """How much of the best trial's score comes from having been chosen.

    Attributes
    ----------
    naive
        The best mean over folds of all trials: chosen and scored on the same folds.
    honest
        The mean over folds of the trial that is best on the other folds.
    """

    naive: float
    honest: float
    higher_is_better: bool

    @property
    def value(self) -> float:
        """The part that is luck: positive where the best score looks better than it is."""
        return (self.naive - self.honest) * (1 if self.higher_is_better else -1)


def optimism(scores: Sequence[Sequence[float]], *, higher_is_better: bool) -> Optimism | None:
    """Choose a trial on the other folds of each fold, and score it there.

    Parameters
    ----------
    scores
        Of each trial, for each fold.

    Returns
    -------
    Optimism or None
        None where there are fewer than two trials or folds.
    """
    if len(scores) < 2 or len(scores[0]) < 2:
        return None
    best = max if higher_is_better else min
    honest = []
    for fold in range(len(scores[0])):
        chosen = best(scores, key=lambda one: fmean(score for other, score in enumerate(one) if other != fold))
        honest.append(chosen[fold])
    return Optimism(best(fmean(one) for one in scores), fmean(honest), higher_is_better)


@dataclass(frozen=True)
class Outcome:
    """What a sweep has found so far.

    Attributes
    ----------
    current
        The folds of the current settings; None if there was no time for them.
    best
        The best trial; None if none was trained to its end.
    verdict
        On the best trial against the current settings, widened for all trials; None where it is the current settings
        by now, or where its folds are gone and there was no time to train them again.
    record
        Of the best trial, with the verdict.
    importance
        Of each key, all together 1; empty where there are too few trials.
    """

    sweep: Sweep
    current: Sides | None
    trials: Sequence[FrozenTrial] = ()
    running: Sequence[FrozenTrial] = ()
    best: FrozenTrial | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None
    importance: Mapping[str, float] = field(default_factory=dict)
    optimism: Optimism | None = None

    def count(self, state: TrialState) -> int:
        """How many trials ended so."""
        return sum(trial.state == state for trial in self.trials)

    @property
    def finished(self) -> bool:
        """Whether there are as many trials as were wanted."""
        return len(self.trials) >= self.sweep.wanted


def outcome(sweep: Sweep, current: Sides | None) -> Outcome:
    """Judge what a sweep has found.

    Raises
    ------
    UserError
        If all of its trials failed.
    """
    trials, running, complete = sweep.trials.finished, sweep.trials.running, sweep.trials.complete()
    if current is None:
        return Outcome(sweep, None, trials, running)
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    if trials and len(failed) == len(trials):
        raise UserError(
            f"{sweep.plan.plan.lane_name}: all {len(trials)} trials failed; the first: {failed[0].user_attrs[PROBLEM]}",
            f"change {sweep.plan.space.path}, then run the command again",
        )
    higher = sweep.metric.higher_is_better
    luck = optimism([trial.user_attrs["folds"] for trial in complete], higher_is_better=higher)
    best = sweep.best()
    record, found = _judged(sweep, current, best, trials) if best else ({}, None)
    return Outcome(sweep, current, trials, running, best, record, found, _importance(sweep, complete), luck)


def _judged(
    sweep: Sweep, current: Sides, best: FrozenTrial, trials: Sequence[FrozenTrial]
) -> tuple[Mapping[str, Any], Verdict | None]:
    """Compare the best trial with the current settings, and write the verdict into its records."""
    bench, plan = sweep.bench, sweep.plan.plan
    candidate = sweep.plan.candidate(best.number, best.params)
    if candidate is plan.current:
        return {}, None  # it has been kept since
    try:
        side = sweep.collect(candidate)
    except OutOfTimeError:
        return {}, None
    tried = sum(
        trial.state != TrialState.FAIL and trial.user_attrs.get("name") != plan.current.name for trial in trials
    )
    folds = [[one.folds[part] for part in bench.keys(one.candidate)] for one in (side, current)]
    sides = [
        (one.candidate.name, bench.identity(one.candidate), replicates(chosen))
        for one, chosen in zip((side, current), folds, strict=True)
    ]
    found = verdict(plan, sides, bench.prepared.folds_sha256, max(tried, 1))
    run = former_run(RESULTS / plan.lane_name, plan.lane_name, bench.keys(candidate)) or bench.tracker(candidate, None)
    record = bench.experiment(candidate, bench.keys(candidate), folds[0], run, datetime.now(UTC), 0.0)
    bench.record(record, bench.found(candidate, sweep=sweep.name, verdict=found.to_json()), sweep.note, anew=True)
    return record, found


def _importance(sweep: Sweep, complete: Sequence[FrozenTrial]) -> dict[str, float]:
    """Return the share of each key in the variance of the scores, by functional analysis of variance, largest first."""
    if len(complete) < ENOUGH or len({trial.value for trial in complete}) == 1:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = get_param_importances(sweep.trials.study, evaluator=FanovaImportanceEvaluator(seed=0))
    return {sweep.plan.space.names[key]: share for key, share in found.items()}
