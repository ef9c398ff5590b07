"""A folder in which benchmarks train lanes on Kaggle's real archives: what is finished stays there, for a later run."""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from groundwork import competitions, params, settings
from groundwork.experiments.dvcfiles import DECLARED
from groundwork.experiments.fingerprint import summary
from groundwork.stages.validate import code_of
from groundwork.trying.changes import variants
from groundwork.trying.plan import CURRENT, Candidate, Plan
from groundwork.trying.run import Trial

WORK = Path("results/.benchmarks")
GROUNDWORK = (sys.executable, "-c", "from groundwork.cli import main; main()")


class Workspace:
    """Params.yaml, data and results apart from those of the repository, and their fold store.

    The commands are those of the pipeline. A fold that is in the store is not trained again, so a run that was killed
    goes on where it stopped, and benchmarks that need the same folds share them.

    Parameters
    ----------
    folder
        Where to work; it is made if need be.
    archives
        Folder that holds ``<slug>.zip``.
    """

    def __init__(self, folder: Path, archives: Path) -> None:
        self.folder, self.archives = folder.resolve(), archives.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(DECLARED, self.folder / DECLARED)

    def configure(self, lane_name: str, changes: Mapping[str, Any]) -> None:
        """Write the shipped params.yaml with Kaggle's archive for a lane, and other values of it by dotted key."""
        content = YAML(typ="safe").load(settings.PARAMS)
        content["tracking"]["mode"] = "disabled"
        content["store"] = "100 GB"
        lane = content["competitions"][lane_name]
        for key, value in {"source": "kaggle", **changes}.items():
            *sections, name = key.split(".")
            section = lane
            for part in sections:
                # Inherited sections are shared: the lane gets its own.
                section[part] = section = dict(section[part])
            section[name] = value
        YAML(typ="safe").dump(content, self.folder / settings.PARAMS)
        self.run("validate")

    def prepare(self, lane_name: str) -> None:
        """Prepare a lane's data from its archive."""
        raw = self.folder / "data" / "raw" / f"{lane_name}.zip"
        raw.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.archives / f"{self.competition(lane_name).slug}.zip", raw)
        self.run("prepare", lane_name)

    def run(self, *arguments: str) -> None:
        """Run a command of Groundwork in the folder."""
        subprocess.run([*GROUNDWORK, *arguments], cwd=self.folder, check=True, stdout=sys.stderr)

    def competition(self, lane_name: str) -> competitions.Competition:
        """Return a lane's competition."""
        return competitions.load(params.load().lane(lane_name).competition)

    def read(self, name: str) -> Any:
        """Read a JSON file of the results."""
        return json.loads((self.folder / "results" / name).read_text(encoding="utf-8"))

    def trained(
        self, lane_name: str, seeds: int, tried: Sequence[Mapping[str, Any]] = ()
    ) -> list[Sequence[pd.DataFrame]]:
        """Train seeds of a prepared lane, as `groundwork try` does.

        Parameters
        ----------
        tried
            Other values for the lane, by dotted key.

        Returns
        -------
        list
            The out-of-fold rows of each seed: of the shipped settings, then of the tried ones.
        """
        self.configure(lane_name, {"training.seeds": seeds})
        with chdir(self.folder):
            current = params.load()
            changed = [variants(current, lane_name, [f"{key}={values[key]}" for key in values])[0] for values in tried]
            lanes = [(CURRENT, current.lane(lane_name)), *((variant.name, variant.lane) for variant in changed)]
            first, *others = (Candidate(name, lane, summary(code_of("train", lane))) for name, lane in lanes)
            plan = Plan(lane_name, current, self.competition(lane_name), first, tuple(others))
            return [one.seeds for one in Trial(plan, "", None, sys.stderr).run()]


def add_work(parser: argparse.ArgumentParser) -> None:
    """Add the option that all benchmarks on real archives share."""
    parser.add_argument("--work", type=Path, default=WORK, help="folder of trained folds: a later run goes on there")
