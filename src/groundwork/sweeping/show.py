"""Says what a sweep has found, to people and to programs."""

import shlex
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from groundwork.adding.flow import flow
from groundwork.sweeping.outcome import Outcome
from groundwork.sweeping.trials import PLACE, PROBLEM
from groundwork.verdict.verdict import Verdict

SCHEMA = 1
SEEDS = 5  # for a second look at the best trial


def as_text(outcome: Outcome) -> str:
    """Return the verdict on the best trial, what the sweep tells of keys and luck, and the next commands."""
    sweep, best = outcome.sweep, outcome.best
    lane_name = sweep.plan.plan.lane_name
    states = (("complete", TrialState.COMPLETE), ("pruned", TrialState.PRUNED), ("failed", TrialState.FAIL))
    counts = ", ".join(f"{outcome.count(state)} {name}" for name, state in states)
    lines = [
        "",
        f"{lane_name}: {len(outcome.trials)} of {sweep.wanted} trials: {counts}; {sweep.trained} folds trained now",
    ]
    lines += [
        f"  trial {one.number} is running: {one.user_attrs.get(PLACE, 'it has just begun')}" for one in outcome.running
    ]
    again = "  -> the same command goes on from there"
    if outcome.current is None:
        return "\n".join([*lines, "  no trial yet: the folds of the current settings are not finished", again])
    steps = [] if outcome.finished else [again]
    if best is None:
        others = [one for one in outcome.trials if one.state != TrialState.COMPLETE]
        pruned = sum(one.state == TrialState.PRUNED for one in others)
        why = f"{pruned} of them were not promising beside the current settings" if others else "raise `--trials`"
        lines.append(f"  only the current settings were trained to the end, of {len(outcome.trials)} trials; {why}")
    elif outcome.verdict is None:
        lines.append(f"  the best trial, {best.number}, is the current settings by now, or its folds are gone")
    else:
        run_id = outcome.record["run"]["run_id"]
        lines += ["", f"{lane_name} {outcome.verdict.a.name}: {_name(outcome, best)}  run {run_id}"]
        lines += [f"  {line}" for line in outcome.verdict.lines]
        steps += _next(outcome, outcome.verdict, run_id)
    lines += _learned(outcome)
    return "\n".join([*lines, "", *steps, f"  -> `groundwork leaderboard {lane_name}` shows all experiments"])


def _next(outcome: Outcome, found: Verdict, run_id: str) -> list[str]:
    """Say what to do about the best trial: nothing, where it is not ahead."""
    lane_name = outcome.sweep.plan.plan.lane_name
    if found.gain <= 0:
        return ["  -> keep the current settings: no complete trial is ahead of them"]
    if found.outcome == "better":
        return [f"  -> `groundwork keep {run_id}` writes it into params.yaml"]
    changes = " ".join(f"{key}={shlex.quote(flow(value))}" for key, value in _changes(outcome).items())
    return [
        f"  -> `groundwork try {lane_name} {changes} --seeds {SEEDS}` judges it by itself, with more seeds",
        f"  -> `groundwork keep {run_id}` writes it into params.yaml all the same",
    ]


def _learned(outcome: Outcome) -> list[str]:
    lines = []
    if outcome.importance:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in outcome.importance.items())
        lines.append(
            f"  keys        {shares} of the variance of the scores ({outcome.count(TrialState.COMPLETE)} trials)"
        )
    if outcome.optimism:
        luck = outcome.optimism
        lines.append(
            f"  optimism    {outcome.sweep.metric.name} {luck.naive:.4f}, the best mean over folds, is "
            f"{luck.honest:.4f} where each fold is scored by the trial that is best on the others: "
            f"{max(luck.value, 0.0):.4f} is the luck of choosing"
        )
    return lines


def _name(outcome: Outcome, trial: FrozenTrial) -> str:
    shown = outcome.sweep.plan.space.shown(trial.params)
    return " ".join(f"{name}={value}" for name, value in shown.items())


def _changes(outcome: Outcome) -> dict[str, Any]:
    assert outcome.best is not None
    return dict(outcome.sweep.plan.candidate(outcome.best.number, outcome.best.params).changes)


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome as plain data; docs/sweeps.md documents it."""
    sweep, best, luck = outcome.sweep, outcome.best, outcome.optimism
    return {
        "schema": SCHEMA,
        "lane": sweep.plan.plan.lane_name,
        "sweep": sweep.name,
        "seeds": sweep.plan.plan.seeds,
        "finished": outcome.finished,
        "folds_trained_now": sweep.trained,
        "trials": {
            "wanted": sweep.wanted,
            "complete": outcome.count(TrialState.COMPLETE),
            "pruned": outcome.count(TrialState.PRUNED),
            "failed": outcome.count(TrialState.FAIL),
            "running": len(outcome.running),
        },
        "best": None
        if best is None
        else {
            **_trial(outcome, best),
            "run_id": outcome.record["run"]["run_id"] if outcome.record else best.user_attrs["run_id"],
            "changes": _changes(outcome),
            "metrics": outcome.record.get("metrics"),
            "verdict": outcome.verdict.to_json() if outcome.verdict else None,
        },
        "importance": dict(outcome.importance) or None,
        "optimism": {"naive": luck.naive, "honest": luck.honest, "optimism": luck.value} if luck else None,
        "all": [_trial(outcome, trial) for trial in outcome.trials],
    }


def _trial(outcome: Outcome, trial: FrozenTrial) -> dict[str, Any]:
    failed = trial.state == TrialState.FAIL
    return {
        "trial": trial.number,
        "state": "failed" if failed else trial.state.name.lower(),
        "values": outcome.sweep.plan.space.changes(trial.params),
        "score": trial.value,
        "folds": trial.user_attrs.get("folds", []),
        "run_id": trial.user_attrs.get("run_id"),
        "problem": trial.user_attrs.get(PROBLEM),
    }
