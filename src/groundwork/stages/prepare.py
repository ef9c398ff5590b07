"""The prepare stage turns the archive into typed, checked tables and folds. It fits nothing."""

from pathlib import Path
from typing import Literal

from groundwork.competitions import Competition
from groundwork.data import archives, private
from groundwork.data import load as layouts
from groundwork.files import writing
from groundwork.stages.job import Job


def run(job: Job) -> None:
    """Prepare the archive of the job's lane."""
    lane, out, aside = job.lane, job.place(job.prepared), job.place(private.path(job.lane_name))
    prepare(job.competition, job.archive, out, lane.folds, job.params.folds_seed, lane.source, lane.private, aside)


def prepare(
    competition: Competition,
    path: Path,
    out: Path,
    folds: int,
    seed: int,
    source: Literal["sample", "kaggle"] = "sample",
    share: float = 0.0,
    aside: Path | None = None,
) -> None:
    """Read and check the archive at `path`, and write the folder `out`; on an error nothing is written.

    Parameters
    ----------
    folds, seed
        Number of folds, and the seed that they are drawn with. Folds by time are the last `folds` spans of time.
    source
        Where the archive comes from; messages say how to fix it there.
    share, aside
        The share of the training rows that are held back, and where they are written in place of `out`.

    Raises
    ------
    UserError
        If the archive, a table in it or the number of folds is not what the competition needs, or `out` cannot be
        written.
    """
    archive = archives.archive(competition, source, path)
    with writing(out) as temporary:
        temporary.mkdir()
        held_back = layouts.prepare(competition, archive, temporary, folds, seed, share)
        if held_back is not None and aside is not None:
            made = layouts.load(competition, temporary)
            private.write(held_back, aside, data_sha256=made.data_sha256, share=share)
