"""Words for a verdict: the only place that says whether something is better."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from groundwork.verdict.verdict import Scored, Verdict

SCHEMA = 1
MOST_SEEDS = 999  # more are no advice


def sentence(verdict: "Verdict") -> str:
    """Say the verdict in one line."""
    a, b = verdict.a.name, verdict.b.name
    scores = f"{verdict.metric} {_number(verdict, verdict.a.score)} against {_number(verdict, verdict.b.score)}"
    if verdict.outcome == "unknown":
        way = "ahead of" if verdict.gain > 0 else "behind"
        return (
            f"no verdict: {a} is {way} {b} on these rows ({scores}, {interval(verdict)} by rows alone), but no spread "
            "over seeds is known; `training.seeds: 3` in params.yaml shows it"
        )
    if verdict.outcome == "no difference":
        found = f"no difference seen between {a} and {b}: {scores}, {interval(verdict)}"
        return f"{found}; {advice}" if (advice := needed(verdict)) else found
    return f"{a} is {verdict.outcome} than {b}: {scores}, {interval(verdict)}"


def interval(verdict: "Verdict") -> str:
    """Write the gain and its interval of 95 %, with signs."""
    gain, low, high = (_signed(verdict, value) for value in (verdict.gain, verdict.low, verdict.high))
    return f"{gain} (95 %: {low} to {high})"


def needed(verdict: "Verdict") -> str:
    """Say what would be needed for a verdict; empty where there is one, or nothing to find."""
    if verdict.outcome != "no difference" or not verdict.gain:
        return ""
    ways = []
    if verdict.seeds_needed is not None and verdict.seeds_needed <= MOST_SEEDS:
        ways.append(f"{verdict.seeds_needed} seeds of each")
    if verdict.rows_needed is not None:
        ways.append(f"{verdict.rows_needed:,} {verdict.unit_name}")
    return f"a gain of this size would need about {' or '.join(ways)}" if ways else "no number of seeds would show it"


def lines(verdict: "Verdict") -> list[str]:
    """Say the verdict, and what it stands on, for a terminal."""
    luck, changed = verdict.luck, verdict.changed
    units = f"{luck.units:,} {verdict.unit_name}"
    drawn = f"{verdict.resamples:,} resamples of {units} in pairs"
    if verdict.limited:
        drawn += " (fewer than 2,000: at most 50 million draws)"
    sources = [f"rows ±{_width(verdict, luck.rows)}"]
    if luck.spread.freedom:
        sources.append(f"seeds ±{_width(verdict, luck.of_seeds)} beyond rows, {luck.spread.freedom} degrees of freedom")
    elif luck.share:
        sources.append("seeds unknown")
    told = [sentence(verdict), f"  interval    {drawn}; standard errors: {', '.join(sources)}"]
    if verdict.tried > 1:
        told.append(f"              widened, since {verdict.tried} variants were tried together")
    if changed.right:
        told.append(
            f"  changed     {changed.gained + changed.lost + changed.otherwise:,} rows are answered otherwise: only "
            f"{verdict.a.name} is right on {changed.gained:,}, only {verdict.b.name} on {changed.lost:,}"
        )
    else:
        told.append(
            f"  changed     {verdict.a.name} is closer on {changed.gained:,}, {verdict.b.name} on {changed.lost:,}"
        )
    return told + [_spread(verdict, side) for side in (verdict.a, verdict.b)]


def to_json(verdict: "Verdict") -> dict[str, Any]:
    """Return the verdict as plain data; docs/verdict.md documents it."""
    luck = verdict.luck
    return {
        "schema": SCHEMA,
        "outcome": verdict.outcome,
        "sentence": sentence(verdict),
        "metric": verdict.metric,
        "higher_is_better": verdict.higher_is_better,
        "gain": verdict.gain,
        "low": verdict.low,
        "high": verdict.high,
        "level": 0.95,
        "tried": verdict.tried,
        "units": {"name": verdict.unit_name, "count": luck.units},
        "resamples": verdict.resamples,
        "standard_error": {
            "rows": math.sqrt(luck.rows),
            "seeds": math.sqrt(luck.of_seeds) if luck.spread.freedom else None,
            "degrees_of_freedom_of_seeds": luck.spread.freedom,
        },
        "needed": {"seeds": verdict.seeds_needed, "units": verdict.rows_needed},
        "changed": {"gained": verdict.changed.gained, "lost": verdict.changed.lost},
        "a": _side(verdict.a),
        "b": _side(verdict.b),
    }


def _side(side: "Scored") -> dict[str, Any]:
    return {"name": side.name, "score": side.score, "folds": list(side.folds), "seeds": list(side.seeds)}


def _spread(verdict: "Verdict", side: "Scored") -> str:
    seeds = f"{len(side.seeds)} seed{'s' if len(side.seeds) > 1 else ''}"
    if len(side.seeds) > 1:
        seeds += f", ±{_number(verdict, _deviation(side.seeds))} from one to the next"
    folds = f"{len(side.folds)} folds, ±{_number(verdict, _deviation(side.folds))}" if len(side.folds) > 1 else "1 fold"
    return f"  {side.name}: {_number(verdict, side.score)}; {folds}" + (f"; {seeds}" if side.seeded else "")


def _deviation(scores: tuple[float, ...]) -> float:
    mean = sum(scores) / len(scores)
    return math.sqrt(sum((score - mean) ** 2 for score in scores) / (len(scores) - 1))


def _width(verdict: "Verdict", variance: float) -> str:
    return _number(verdict, math.sqrt(variance))


def _signed(verdict: "Verdict", value: float) -> str:
    return f"{'−' if value < 0 else '+'}{_number(verdict, abs(value))}"


def _number(verdict: "Verdict", value: float) -> str:
    """Write a score with as many digits as its interval deserves, at least as many as elsewhere."""
    half = (verdict.high - verdict.low) / 2
    digits = max(4 if abs(verdict.a.score) < 100 else 2, 1 - math.floor(math.log10(half)) if half > 0 else 0)
    return f"{value:,.{min(digits, 8)}f}"
