"""Decides what a trial trains before anything heavy is loaded: variants, their code, whether the data is current."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundwork import competitions, params
from groundwork.competitions import Competition
from groundwork.errors import UserError
from groundwork.experiments.dvcfiles import changed, declared
from groundwork.experiments.fingerprint import summary
from groundwork.experiments.replaced import replaced
from groundwork.experiments.seal import Seal, code_file, seal_file
from groundwork.settings import Lane, Params
from groundwork.stages.validate import code_of, validate
from groundwork.trying.changes import variants

PREPARED, RESULTS = Path("data/prepared"), Path("results")
CURRENT = "the current settings"


@dataclass(frozen=True)
class Candidate:
    """Settings of a lane, with the code that trains them.

    Attributes
    ----------
    name
        What differs from the lane's settings in params.yaml, or `CURRENT`.
    changes
        The values that were typed, by dotted key.
    lane
        The lane's settings, with the number of seeds to train.
    code
        Hash of the fingerprint of the train stage's code, a part of the folds' keys.
    """

    name: str
    lane: Lane
    code: str
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The current settings of a lane, and what is tried in their place."""

    lane_name: str
    settings: Params
    competition: Competition
    current: Candidate
    variants: tuple[Candidate, ...]

    @property
    def seeds(self) -> int:
        """How often each fold is trained."""
        return self.current.lane.training.seeds


def plan(lane_name: str, typed: Sequence[str], seeds: int | None) -> Plan:
    """Read params.yaml and what was typed.

    Parameters
    ----------
    seeds
        How often each fold is trained, on both sides; None for as often as params.yaml says.

    Raises
    ------
    UserError
        If a key or a value is wrong, or the prepared data is not what params.yaml and the code would make now.
    """
    settings = settings_of(lane_name)
    lane = settings.lane(lane_name)
    chosen = variants(settings, lane_name, typed)
    require_prepared(lane_name, settings)
    several = {"seeds": lane.training.seeds if seeds is None else seeds}

    def candidate(name: str, changed_lane: Lane, changes: Mapping[str, Any]) -> Candidate:
        training = changed_lane.training.model_copy(update=several)
        code = summary(code_of("train", changed_lane))
        return Candidate(name, changed_lane.model_copy(update={"training": training}), code, changes)

    return Plan(
        lane_name,
        settings,
        competitions.load(lane.competition),
        candidate(CURRENT, lane, {}),
        tuple(candidate(variant.name, variant.lane, variant.changes) for variant in chosen),
    )


def settings_of(lane_name: str) -> Params:
    """Read params.yaml; raise `UserError` if it is wrong, or has no such lane."""
    settings = params.load()
    validate(settings)
    settings.lane(lane_name)
    refuse_blend(lane_name, settings)
    return settings


def refuse_blend(name: str, settings: Params) -> None:
    """Raise `UserError` if `name` is a blend, which trains nothing."""
    if name in settings.blends:
        members = settings.blends[name].members
        raise UserError(f"{name}: found a blend, which trains nothing", f"name one of: {', '.join(members)}")


def require_prepared(lane_name: str, settings: Params) -> None:
    """Check that archive and prepared data are what params.yaml and the code would make now.

    Raises
    ------
    UserError
        With what differs, and the command that makes the data again.
    """
    lane, stages = settings.lane(lane_name), declared(lane_name)
    again = f"make it: `dvc repro prepare@{lane_name}`"
    for stage in (stages["fetch"], stages["prepare"]):
        path, code = seal_file(stage.stage, lane_name), str(code_file(stage.stage, lane_name))
        if not path.exists():
            raise UserError(f"{stage.outs[0]}: not made yet", again)
        made = Seal.read(path, stage.name)
        names = [name for name in made.differences(Seal.take(stage, lane)) if name != code] + changed(made.outs)
        if names:
            few = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            raise UserError(f"{stage.outs[0]}: is not what {stage.name} would make now; changed: {few}", again)
    if (archive := replaced(settings).get(lane_name)) is not None:
        raise UserError(f"{archive}: is not the file that the lane was fetched from", f"`groundwork repro {lane_name}`")
