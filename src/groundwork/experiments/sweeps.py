"""Where `groundwork sweep` keeps what it has found, and where the report looks for it."""

from pathlib import Path

from groundwork.experiments.records import RESULTS

OUTCOME = "outcome.json"  # beside the journal


def folder(lane_name: str, results: Path = RESULTS) -> Path:
    """Return the folder of a lane's sweeps, which has a folder for each."""
    return results / ".sweeps" / lane_name
