"""The fetch stage gets a competition's archive from Kaggle, or makes one of the competition's sample."""

import logging
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from groundwork.competitions import Competition
from groundwork.data import archives
from groundwork.files import remove_leftovers, writing
from groundwork.stages.job import Job

SAMPLE_SEED = 0
SAMPLE_TIME = (2020, 1, 1, 0, 0, 0)

log = logging.getLogger(__name__)


def run(job: Job) -> None:
    """Fetch the archive of the job's lane."""
    fetch(job.competition, job.lane.source, job.archive, job.lane_name, job.place(job.archive))


def fetch(
    competition: Competition, source: Literal["sample", "kaggle"], path: Path, lane_name: str, out: Path | None = None
) -> None:
    """Put the competition's archive at `path` and check it.

    DVC deletes `path` whenever this stage runs again, for an edited feature too. Kaggle's archive is therefore kept
    in ``data/kaggle/<slug>.zip`` and downloaded only when it is not there; you may also put it there by hand.

    Parameters
    ----------
    source
        `sample`: the competition's sample, equal bytes for equal code. `kaggle`: Kaggle's archive.
    lane_name
        The lane's key in params.yaml, for the log.
    out
        Where to write, in place of `path`.

    Raises
    ------
    UserError
        If the archive cannot be downloaded or written, or is not complete.
    """
    archive = archives.archive(competition, source, path)
    if source == "sample":
        with writing(out or path) as temporary:
            _write_sample(competition, temporary)
            archives.verify(replace(archive, path=temporary), competition.files)
        log.info("%s: %s holds the competition's sample, not Kaggle's data", lane_name, path)
        return
    store = archives.store(competition, path)
    # A killed download leaves a temporary file, which nothing else would remove once the archive is there.
    remove_leftovers(store)
    if not store.exists():
        from groundwork.kaggle import client

        client.download(competition, store)
    log.info("%s: takes Kaggle's archive from %s; delete that file to download it again", lane_name, store)
    with writing(out or path) as temporary:
        shutil.copyfile(store, temporary)
        # Checking the copy also checks the file that it was copied from.
        archives.verify(replace(archive, path=temporary, name=store, again=archive.fix), competition.files)


def _write_sample(competition: Competition, path: Path) -> None:
    sample = competition.sample(np.random.default_rng(SAMPLE_SEED)) if competition.sample else {}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sample.items():
            text = (content if isinstance(content, str) else _csv(content)).encode(competition.charset)
            # The default ZipInfo has the time of writing, which would change the bytes.
            archive.writestr(zipfile.ZipInfo(name, SAMPLE_TIME), text, zipfile.ZIP_DEFLATED, compresslevel=6)


def _csv(table: pd.DataFrame) -> str:
    # 15 digits preserve every number and write whole ones without ".0", as Kaggle's files do.
    return table.to_csv(index=False, float_format="%.15g", lineterminator="\n")
