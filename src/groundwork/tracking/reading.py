"""Reads W&B runs on this machine back, with W&B's own reader, which takes a second to start."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundwork.tracking.server import without_invalid_address


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Read all records of a local run folder with W&B's own reader, in the order they were written.

    Raises
    ------
    OSError
        If the folder contains no readable run; the message is the reader's.
    """
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(folder)]
    # Far more time than a busy machine needs: only a reader that hangs is stopped.
    with without_invalid_address():
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        message = done.stderr.strip().splitlines() or [f"wandb leet inspect: exit status {done.returncode}"]
        # The last line states the error, whether W&B or Python wrote it.
        raise OSError(message[-1])
    return [json.loads(line) for line in done.stdout.splitlines()]


def read_back(folder: Path) -> dict[str, Any]:
    """Read project, entity, group, name, config and summary of a local run folder; raise as `read_records` does."""
    records = read_records(folder)
    first = next((record["run"] for record in records if record["type"] == "run"), None)
    if first is None:
        raise OSError(f"{folder}: nothing of a run is in it: it was stopped as it began")
    summary: dict[str, Any] = {}
    for record in records:
        summary |= record.get("summary", {}).get("update", {})
    return {
        "project": first["project"],
        "entity": first.get("entity"),
        "group": first.get("run_group"),
        "name": first.get("display_name"),
        "config": {key: value for key, value in first["config"]["update"].items() if key != "_wandb"},
        "summary": _nested({key: value for key, value in summary.items() if not key.startswith("_")}),
    }


def _nested(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Put the facts of tables and pictures together, which the reader names ``table.path`` and the like."""
    media = [key.removesuffix("._type") for key in summary if key.endswith("._type")]
    nested: dict[str, Any] = {}
    for key, value in summary.items():
        owner = next((name for name in media if key.startswith(f"{name}.")), None)
        if owner is None:
            nested[key] = value
        else:
            nested.setdefault(owner, {})[key.removeprefix(f"{owner}.")] = value
    return nested
