"""The prepare stage turns the archive into typed, checked tables and folds. It fits nothing."""

from pathlib import Path
from typing import Literal

from groundwork.competitions import Competition
from groundwork.data import archives
from groundwork.data import load as layouts
from groundwork.files import writing
from groundwork.stages.job import Job


def run(job: Job) -> None:
    """Prepare the archive of the job's lane."""
    lane, out = job.lane, job.place(job.prepared)
    prepare(job.competition, job.archive, out, lane.folds, job.params.folds_seed, source=lane.source)


def prepare(
    competition: Competition,
    path: Path,
    out: Path,
    folds: int,
    seed: int,
    source: Literal["sample", "kaggle"] = "sample",
) -> None:
    """Read and check the archive at `path`, and write the folder `out`; on an error nothing is written.

    Parameters
    ----------
    folds, seed
        Number of folds, and the seed that they are drawn with. Folds by time are the last `folds` spans of time.
    source
        Where the archive comes from; messages say how to fix it there.

    Raises
    ------
    UserError
        If the archive, a table in it or the number of folds is not what the competition needs, or `out` cannot be
        written.
    """
    archive = archives.archive(competition, source, path)
    with writing(out) as temporary:
        temporary.mkdir()
        layouts.prepare(competition, archive, temporary, folds, seed)
