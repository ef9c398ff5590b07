"""Runs a stage of a lane: takes a seal at the start and checks it again before the results are put into place."""

import importlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from groundwork.competitions import Competition
from groundwork.errors import UserError
from groundwork.experiments import lockfile, seal
from groundwork.experiments.dvcfiles import dvc_name, locked, md5, with_members
from groundwork.experiments.seal import Seal
from groundwork.files import workroom, write_text, writing
from groundwork.settings import Lane, Params

RAW, PREPARED, RESULTS = Path("data/raw"), Path("data/prepared"), Path("results")
PREDICTIONS = "test.parquet"  # of a lane or a blend, in its results


@dataclass(frozen=True)
class Job:
    """The input of a stage.

    Attributes
    ----------
    lane_name, lane
        The lane's name, and its settings.
    competition
        The lane's competition.
    params
        All of params.yaml.
    code
        Hash of the fingerprint of the stage's code, 64 hexadecimal digits.
    room
        An empty folder. A stage writes the output for a path to `place` of that path.
    """

    lane_name: str
    lane: Lane
    competition: Competition
    params: Params
    code: str
    room: Path

    @property
    def archive(self) -> Path:
        """The output of the fetch stage."""
        return RAW / f"{self.lane_name}.zip"

    @property
    def prepared(self) -> Path:
        """The output of the prepare stage."""
        return PREPARED / self.lane_name

    @property
    def results(self) -> Path:
        """The lane's folder of results."""
        return RESULTS / self.lane_name

    def place(self, path: Path) -> Path:
        """Return where to write the output that is moved to `path` when the stage succeeds."""
        return self.room / path


def run(stage_name: str, lane_name: str, params: Params, lane: Lane, competition: Competition) -> None:
    """Run a stage of a lane, and put all its outputs into place when it succeeds.

    Raises
    ------
    UserError
        If code, parameters or data are not what DVC will record, if they were edited while the stage ran, or if the
        stage raises it. The former outputs are then still in place.
    """
    stages = with_members(lane_name, params.members)
    stage = stages.get(dvc_name(stage_name, lane_name))
    if stage is None:
        found = "a blend" if lane_name in params.blends else "a lane"
        own = [other.stage for other in stages.values() if other.lane_name == lane_name]
        raise UserError(f"{lane_name}: found {found}, which has no stage {stage_name}", f"it has: {', '.join(own)}")
    before = Seal.take(stage, lane)
    seal.check_code(stage, before)
    seal.check_upstream(locked(), stage, stages)
    lockfile.keep()
    with workroom(Path(stage.outs[0]).with_name(stage_name)) as room:
        # Imported between the two seals, so that they cover all the code that is loaded.
        module = importlib.import_module(f"groundwork.stages.{stage_name}")
        message = module.run(Job(lane_name, lane, competition, params, before.code_hash, room))
        sealed = seal.seal_file(stage_name, lane_name)
        made = {out: md5(room / out) for out in stage.outs if Path(out) != sealed}
        write_text(room / sealed, replace(before, outs=made).text())
        seal.check_again(stage, before, Seal.take(stage, lane))
        _put_into_place(room, [Path(out) for out in stage.outs])
    if message:
        print(message)


def _put_into_place(room: Path, outs: list[Path]) -> None:
    """Move the declared outputs, then all other files that the stage has written."""
    for out in outs:
        with writing(out) as temporary:
            shutil.move(room / out, temporary)
    for file in [file for file in room.rglob("*") if file.is_file()]:
        with writing(file.relative_to(room)) as temporary:
            shutil.move(file, temporary)
