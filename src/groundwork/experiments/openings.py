"""The ledger of openings: how often the private rows of a lane have been looked at, and what was seen.

Each look at private rows takes something of their worth: whoever chooses by them chooses by luck, too. So each one is a
file of its own, ``results/private/<lane>/<time>-<run id>.json``, which git tracks and which merges without conflicts.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from groundwork.errors import UserError
from groundwork.experiments.selection import number
from groundwork.files import write_json

FOLDER = "private"


@dataclass(frozen=True)
class Opening:
    """One look at the private rows of a lane.

    Attributes
    ----------
    time
        ISO 8601, UTC.
    run_id, commit
        The experiment, and the commit at the time, with `-dirty` if tracked files differed from it.
    rows, rows_sha256
        How many private rows, and the hash of their ids and targets.
    metric, higher_is_better
        The competition's.
    score, standard_error
        Of the private rows; the latter by resampling them.
    oof
        The score of the experiment over all out-of-fold rows.
    """

    lane: str
    time: str
    run_id: str
    commit: str
    rows: int
    rows_sha256: str
    metric: str
    higher_is_better: bool
    score: float
    standard_error: float
    oof: float

    @property
    def sentence(self) -> str:
        """What was seen."""
        return (
            f"{self.metric} {number(self.score)} ± {number(self.standard_error)} on {self.rows:,} private rows, "
            f"{number(self.oof)} out of fold"
        )


def read(lane_name: str, results: Path) -> list[Opening]:
    """Return all openings of a lane's private rows, oldest first.

    Raises
    ------
    UserError
        If a file is broken: it must not be forgotten.
    """
    openings = []
    for path in (results / FOLDER / lane_name).glob("*.json"):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            openings.append(Opening(**{field.name: content[field.name] for field in fields(Opening)}))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{path}: is not an opening of private rows ({error!r})", f"restore it: `git checkout {path}`"
            ) from None
    return sorted(openings, key=lambda one: (one.time, one.run_id))


def note(opening: Opening, results: Path) -> Path:
    """Write an opening into the ledger; return its file."""
    stamp = opening.time.replace(":", "").replace("+0000", "Z")
    path = results / FOLDER / opening.lane / f"{stamp}-{opening.run_id}.json"
    write_json(path, asdict(opening))
    return path


def counted(openings: Sequence[Opening]) -> str:
    """Say how often private rows were opened: those of the last opening, and others of the lane."""
    last = openings[-1]
    same = [one for one in openings if one.rows_sha256 == last.rows_sha256]
    runs, others = len({one.run_id for one in same}), len(openings) - len(same)
    text = f"opened {len(same)} time{'s' * (len(same) != 1)}, for {runs} experiment{'s' * (runs != 1)}"
    return text + (f"; other private rows of this lane {others} time{'s' * (others != 1)}" if others else "")


def summary(lane_name: str, results: Path) -> str | None:
    """Say in one line what the private rows of a lane have told, and how often; None if they were never opened."""
    try:
        openings = read(lane_name, results)
    except UserError as error:
        return f"private rows: {error.problem}"
    if not openings:
        return None
    last = openings[-1]
    return f"private rows: {counted(openings)}; the last for {last.run_id}: {last.sentence}"
