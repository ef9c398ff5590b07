"""Says what a trial has found, to people and to programs."""

import json
from collections.abc import Sequence
from typing import Any

from groundwork.trying.plan import Plan
from groundwork.trying.run import Tried

SCHEMA = 1


def as_text(plan: Plan, tried: Sequence[Tried]) -> str:
    """Return the verdict on each variant, and the next commands."""
    current, *variants = tried
    if not variants:
        return f"{plan.lane_name}: nothing to try: these are the current settings"
    lines = []
    for variant in variants:
        lines += [
            "",
            f"{plan.lane_name} {variant.candidate.name}" + (f"  run {variant.run_id}" if variant.run_id else ""),
        ]
        if variant.verdict is None:
            side = current if not current.finished else variant
            whose = side.candidate.name
            lines.append(f"  no verdict yet: {side.folds} of {side.wanted} folds of {whose} are finished")
        else:
            lines += [f"  {line}" for line in variant.verdict.lines]
    kept = [variant for variant in variants if variant.verdict and variant.verdict.outcome == "better"]
    lines.append("")
    if not all(side.finished for side in tried):
        lines.append("  -> the same command goes on from there")
    lines += [f"  -> `groundwork keep {variant.run_id}` writes it into params.yaml" for variant in kept]
    lines.append(f"  -> `groundwork leaderboard {plan.lane_name}` shows all experiments")
    return "\n".join(lines)


def to_json(plan: Plan, tried: Sequence[Tried]) -> str:
    """Return the outcome as JSON; AGENTS.md documents it."""
    current, *variants = tried
    content = {
        "schema": SCHEMA,
        "lane": plan.lane_name,
        "seeds": plan.seeds,
        "finished": all(side.finished for side in tried),
        "current": _side(current),
        "variants": [_side(variant) for variant in variants],
    }
    return json.dumps(content, indent=2, allow_nan=False)


def _side(side: Tried) -> dict[str, Any]:
    return {
        "name": side.candidate.name,
        "run_id": side.run_id or None,
        "changes": dict(side.candidate.changes),
        "folds": {"finished": side.folds, "wanted": side.wanted, "trained_now": side.trained},
        "metrics": dict(side.metrics) or None,
        "verdict": side.verdict.to_json() if side.verdict else None,
    }
