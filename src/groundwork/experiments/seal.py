"""The seal of a run records the code, parameters and data that a stage's results were made from.

DVC hashes a stage's dependencies after its command has ended (https://github.com/treeverse/dvc/issues/11058), so it
would record a file that was edited while the stage ran as what the results were made from. Each stage therefore checks
for itself that code, parameters and data are the same at its start and at its end. The seal is an output of the stage,
and the next stage compares it with dvc.lock.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from ruamel.yaml import YAML

from groundwork.errors import UserError
from groundwork.experiments.dvcfiles import Declared, changed, hashes, md5, recorded_params
from groundwork.experiments.fingerprint import edited, fingerprint, parse, summary
from groundwork.files import read_json
from groundwork.settings import PARAMS, Lane

CODE, SEALS = Path("data/code"), Path("data/seals")


def code_file(stage: str, lane_name: str) -> Path:
    """Return where `groundwork validate` writes the fingerprint of a stage."""
    return CODE / lane_name / stage


def seal_file(stage: str, lane_name: str) -> Path:
    """Return where a stage writes its seal."""
    return SEALS / lane_name / stage


@dataclass(frozen=True)
class Seal:
    """The code, parameters and data of one run of a stage.

    Attributes
    ----------
    code
        The fingerprint of the stage's code.
    params
        Values of the keys of params.yaml that dvc.yaml declares for the stage, by dotted key.
    deps
        DVC's hashes of the paths that dvc.yaml declares as dependencies.
    outs
        DVC's hashes of the outputs, without the seal itself; empty until the stage has made them.
    """

    code: dict[str, str]
    params: dict[str, Any]
    deps: dict[str, str]
    outs: dict[str, str] = field(default_factory=dict)

    @property
    def code_hash(self) -> str:
        """Hash of the whole fingerprint, 64 hexadecimal digits."""
        return summary(self.code)

    @classmethod
    def take(cls, stage: Declared, lane: Lane) -> Self:
        """Make a seal of code, parameters and data as they are now."""
        values = YAML(typ="safe").load(PARAMS)
        return cls(
            fingerprint(stage.stage, lane),
            {key: _value(values, key) for key in stage.params},
            {path: md5(Path(path)) for path in stage.deps},
        )

    def differences(self, other: Self) -> list[str]:
        """Name the definitions, keys of params.yaml and paths that differ."""
        names = [f"code of {name}" for name in edited(self.code, other.code)]
        names += [f"{PARAMS}: {key}" for key in _differing(self.params, other.params)]
        return names + _differing(self.deps, other.deps)

    def text(self) -> str:
        """Write as JSON; equal seals give equal text."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def read(cls, path: Path, name: str) -> Self:
        """Read what `text` wrote; messages name the stage `name` as the one to run again."""
        content = read_json(path, f"dvc repro --force {name}")
        try:
            return cls(content["code"], content["params"], content["deps"], content["outs"])
        except (KeyError, TypeError):
            raise UserError(f"{path}: is not a seal", f"make it again: `dvc repro --force {name}`") from None


def check_code(stage: Declared, seal: Seal) -> None:
    """Refuse to run code that was edited after `groundwork validate` wrote its fingerprint.

    Raises
    ------
    UserError
        With the names of the definitions that differ.
    """
    path = code_file(stage.stage, stage.lane_name)
    try:
        written = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; expected the fingerprint of {stage.name}", VALIDATE) from None
    if names := edited(written, seal.code):
        raise UserError(f"{stage.name}: edited since {path} was written: {_few(names)}", VALIDATE)


VALIDATE = "run `groundwork validate`, then the command again"


def wrongly_recorded(lock: Mapping[str, dict[str, Any]], stage: Declared) -> list[str]:
    """Name the definitions, parameters and paths in which dvc.lock and a stage's seal differ.

    Returns
    -------
    list of str
        Empty where dvc.lock has no entry for the stage, or the entry is not of the current results.
    """
    entry = lock.get(stage.name)
    path = seal_file(stage.stage, stage.lane_name)
    if entry is None or not path.exists() or hashes(entry, "outs").get(str(path)) != md5(path):
        return []
    seal = Seal.read(path, stage.name)
    recorded = Seal(seal.code, recorded_params(entry), hashes(entry, "deps"))
    return seal.differences(recorded)


def check_upstream(lock: Mapping[str, dict[str, Any]], stage: Declared, stages: Mapping[str, Declared]) -> None:
    """Refuse to build on results that dvc.lock describes wrongly.

    Raises
    ------
    UserError
        With what was edited while the earlier stage ran.
    """
    for earlier in stages.values():
        if stage.reads(earlier) and (names := wrongly_recorded(lock, earlier)):
            raise UserError(
                f"dvc.lock: {earlier.name}: edited while it ran: {_few(names)}; what is recorded is not what was used",
                f"make it again: `dvc repro --force {earlier.name}`",
            )


def check_chain(stage: Declared, stages: Mapping[str, Declared]) -> None:
    """Refuse results that were not made from the current files, back to the prepared data.

    Parameters
    ----------
    stage
        The stage whose outputs are to be used.
    stages
        All stages that these are made by: see `groundwork.experiments.dvcfiles.with_members`.

    Raises
    ------
    UserError
        With the first file that does not match the others, and the command that makes it again.
    """
    seal = Seal.read(seal_file(stage.stage, stage.lane_name), stage.name)
    again = f"make it again: `groundwork repro {stage.lane_name}`"
    if wrong := changed(seal.outs):
        raise UserError(f"{wrong[0]}: is not what {stage.name} made: its hash differs", again)
    code = str(code_file(stage.stage, stage.lane_name))
    if wrong := changed({path: value for path, value in seal.deps.items() if path != code}):
        made = ", ".join(seal.outs)
        raise UserError(f"{made}: was made from another {wrong[0]} than the current one", again)
    for earlier in stages.values():
        if stage.reads(earlier) and earlier.stage not in ("fetch", "prepare"):
            check_chain(earlier, stages)


def check_again(stage: Declared, before: Seal, after: Seal) -> None:
    """Refuse results whose code, parameters or data were edited while the stage ran.

    Raises
    ------
    UserError
        With what was edited.
    """
    if names := before.differences(after):
        raise UserError(
            f"{stage.name}: edited while it ran: {_few(names)}; the results were not kept, since dvc.lock would record "
            "them as made from the edited state",
            "run the command again; the fold store keeps trained folds under the code and settings that trained them",
        )


def _few(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _value(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    keys = {**before, **after}
    return [key for key in keys if before.get(key) != after.get(key)]
