"""What a check says, the file ``checks.json``, and the lines that the gate shows of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# Of the content of checks.json, which docs/checks.md describes; raised when a key changes its meaning or goes.
SCHEMA = 1
CHECKS = "checks.json"


@dataclass(frozen=True)
class Alarm:
    """What a check found.

    Attributes
    ----------
    saw, matters, to_do
        What was seen, why it matters, and what to do about it.
    columns
        The columns that show it, the clearest first.
    """

    saw: str
    matters: str
    to_do: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """The outcome of a check.

    Attributes
    ----------
    name
        What was checked.
    alarm
        None where nothing was found.
    measured
        The numbers that decided it.
    skipped
        Why the check makes no sense for this data; empty where it ran.
    """

    name: str
    alarm: Alarm | None = None
    measured: Mapping[str, float] = field(default_factory=dict)
    skipped: str = ""


def to_json(lane_name: str, checks: Sequence[Check]) -> dict[str, Any]:
    """Return the content of checks.json."""
    listed = [
        {**asdict(check), "measured": {key: round(float(v), 6) for key, v in check.measured.items()}}
        for check in checks
    ]
    return {"schema": SCHEMA, "lane": lane_name, "checks": json.loads(json.dumps(listed))}


def sounding(path: Path) -> list[dict[str, Any]]:
    """Read the alarms of a file that `to_json` made: ``name``, ``saw``, ``matters``, ``to_do``, ``columns``.

    Returns
    -------
    list of dict
        Empty where no check found anything, and where there is no such file or it has another schema: checks are
        notes, and never in the way.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            return []
        return [{"name": check["name"], **check["alarm"]} for check in content["checks"] if check["alarm"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def notes(path: Path) -> list[str]:
    """Return a line for each alarm of a lane's ``checks.json``, for those who are about to use its predictions."""
    return [
        f"{path}: {alarm['name']}: {alarm['saw']}; `groundwork checks {path.parent.name}` says more"
        for alarm in sounding(path)
    ]


def described(checks: Sequence[Check]) -> list[str]:
    """Describe all alarms, and count the checks that ran."""
    ran = [check for check in checks if not check.skipped]
    found = [(check.name, check.alarm) for check in ran if check.alarm]
    lines = [f"{len(ran)} checks ran, {len(found) or 'no'} alarm{'s' * (len(found) != 1)}"]
    for name, alarm in found:
        lines += [f"{name}: {alarm.saw}", f"  why it matters: {alarm.matters}", f"  -> {alarm.to_do}"]
    return lines
