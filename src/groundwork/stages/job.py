"""One run of one stage of a lane: sealed at its start, checked before its results are put into place."""

import importlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from groundwork.competitions import Competition
from groundwork.experiments import lockfile, seal
from groundwork.experiments.dvcfiles import declared, locked, md5
from groundwork.experiments.seal import Seal
from groundwork.files import workroom, write_text, writing
from groundwork.settings import Lane, Params

RAW, PREPARED, RESULTS = Path("data/raw"), Path("data/prepared"), Path("results")


@dataclass(frozen=True)
class Job:
    """What a stage is given.

    Attributes
    ----------
    lane_name, lane
        The lane's name, and its settings.
    competition
        What the lane's competition says of itself.
    params
        All of params.yaml.
    code
        Hash of the stage's fingerprint, 64 hexadecimal digits.
    room
        An empty folder. What a stage makes for a path it writes to `place` of that path.
    """

    lane_name: str
    lane: Lane
    competition: Competition
    params: Params
    code: str
    room: Path

    @property
    def archive(self) -> Path:
        """What the fetch stage makes."""
        return RAW / f"{self.lane_name}.zip"

    @property
    def prepared(self) -> Path:
        """What the prepare stage makes."""
        return PREPARED / self.lane_name

    @property
    def results(self) -> Path:
        """The lane's folder of results."""
        return RESULTS / self.lane_name

    def place(self, path: Path) -> Path:
        """Where to write what shall lie at `path` once the stage has ended well."""
        return self.room / path


def run(stage_name: str, lane_name: str, params: Params, lane: Lane, competition: Competition) -> None:
    """Run a stage of a lane; what it makes is put into place when it has ended well, all together.

    Raises
    ------
    UserError
        If code, parameters or data are not what DVC will record, if they were edited while the stage ran, or if the
        stage has something to say. Its former outs then lie where they lay.
    """
    stages = declared(lane_name)
    stage = stages[stage_name]
    before = Seal.take(stage, lane)
    seal.check_code(stage, before)
    seal.check_upstream(locked(), stage, stages)
    lockfile.keep()
    with workroom(Path(stage.outs[0]).with_name(stage_name)) as room:
        # Imported here: between the two looks at the code lies all that is ever loaded of it.
        module = importlib.import_module(f"groundwork.stages.{stage_name}")
        said = module.run(Job(lane_name, lane, competition, params, before.code_hash, room))
        sealed = seal.seal_file(stage_name, lane_name)
        made = {out: md5(room / out) for out in stage.outs if Path(out) != sealed}
        write_text(room / sealed, replace(before, outs=made).text())
        seal.check_again(stage, before, Seal.take(stage, lane))
        _put_into_place(room, [Path(out) for out in stage.outs])
    if said:
        print(said)


def _put_into_place(room: Path, outs: list[Path]) -> None:
    """Move the outs, then whatever else a stage has made."""
    for out in outs:
        with writing(out) as temporary:
            shutil.move(room / out, temporary)
    for file in [file for file in room.rglob("*") if file.is_file()]:
        with writing(file.relative_to(room)) as temporary:
            shutil.move(file, temporary)
