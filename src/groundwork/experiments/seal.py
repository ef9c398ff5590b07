"""The seal of a run: what a stage was made from, looked at when it starts and again before its results count.

DVC hashes what a stage depends on after its command has ended (https://github.com/treeverse/dvc/issues/11058). A file
that is edited while a stage runs would be recorded as what the result was made from. So each stage looks itself: the
code that it has loaded, its parameters and its data must be the same at its start and at its end, and the same as what
DVC is about to record. The seal is written beside the results; the next stage compares it with dvc.lock.
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
    """Where `groundwork validate` writes the fingerprint of a stage."""
    return CODE / lane_name / stage


def seal_file(stage: str, lane_name: str) -> Path:
    """Where a stage leaves its seal."""
    return SEALS / lane_name / stage


@dataclass(frozen=True)
class Seal:
    """What a stage is made from.

    Attributes
    ----------
    code
        Its code's fingerprint.
    params
        Values of the keys of params.yaml that dvc.yaml declares, by dotted key.
    deps
        DVC's hashes of the paths that it declares.
    outs
        DVC's hashes of what was made of them, but of the seal itself; empty until it is made.
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
        """Look at code, parameters and data as they lie there now."""
        values = YAML(typ="safe").load(PARAMS)
        return cls(
            fingerprint(stage.stage, lane),
            {key: _value(values, key) for key in stage.params},
            {path: md5(Path(path)) for path in stage.deps},
        )

    def differences(self, other: Self) -> list[str]:
        """Name what differs: definitions, keys of params.yaml, paths."""
        found = [f"code of {name}" for name in edited(self.code, other.code)]
        found += [f"{PARAMS}: {key}" for key in _differing(self.params, other.params)]
        return found + _differing(self.deps, other.deps)

    def text(self) -> str:
        """Write as JSON; equal seals give equal text."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def read(cls, path: Path, name: str) -> Self:
        """Read what `text` wrote; `name` is the stage that makes it again."""
        content = read_json(path, f"dvc repro --force {name}")
        try:
            return cls(content["code"], content["params"], content["deps"], content["outs"])
        except (KeyError, TypeError):
            raise UserError(f"{path}: is no seal", f"make it again: `dvc repro --force {name}`") from None


def check_code(stage: Declared, seal: Seal) -> None:
    """Refuse to run when the code is not the one that `groundwork validate` saw.

    Raises
    ------
    UserError
        With the names of the definitions that differ.
    """
    path = code_file(stage.stage, stage.lane_name)
    try:
        seen = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; expected the fingerprint of {stage.name}", VALIDATE) from None
    if names := edited(seen, seal.code):
        raise UserError(f"{stage.name}: edited since {path} was written: {_few(names)}", VALIDATE)


VALIDATE = "run `groundwork validate`, then the command again"


def lies(lock: Mapping[str, dict[str, Any]], stage: Declared) -> list[str]:
    """Name what dvc.lock says a stage was made from, and what it was not made from.

    Returns
    -------
    list of str
        Nothing where dvc.lock has no entry for the stage, or describes other results than those that lie there.
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
        if set(earlier.outs) & set(stage.deps) and (wrong := lies(lock, earlier)):
            raise UserError(
                f"dvc.lock: {earlier.name}: edited while it ran: {_few(wrong)}; what is recorded is not what was used",
                f"make it again: `dvc repro --force {earlier.name}`",
            )


def check_chain(stage_name: str, stages: Mapping[str, Declared]) -> None:
    """Refuse results that were not made from what lies there now, back to the prepared data.

    Parameters
    ----------
    stage_name
        The stage whose outs are to be used: ``predict``.
    stages
        The lane's, as `groundwork.experiments.dvcfiles.declared` reads them.

    Raises
    ------
    UserError
        With the first file that does not belong to the others, and the command that makes it again.
    """
    stage = stages[stage_name]
    seal = Seal.read(seal_file(stage_name, stage.lane_name), stage.name)
    again = f"make it again: `groundwork repro {stage.lane_name}`"
    if wrong := changed(seal.outs):
        raise UserError(f"{wrong[0]}: is not what {stage.name} made: its hash is another", again)
    code = str(code_file(stage_name, stage.lane_name))
    if wrong := changed({path: value for path, value in seal.deps.items() if path != code}):
        made = ", ".join(seal.outs)
        raise UserError(f"{made}: was made from another {wrong[0]} than the one that lies there", again)
    for earlier in stages.values():
        if set(earlier.outs) & set(stage.deps) and earlier.stage not in ("fetch", "prepare"):
            check_chain(earlier.stage, stages)


def check_again(stage: Declared, before: Seal, after: Seal) -> None:
    """Refuse results whose code, parameters or data were edited while they were made.

    Raises
    ------
    UserError
        With what was edited.
    """
    if names := before.differences(after):
        raise UserError(
            f"{stage.name}: edited while it ran: {_few(names)}; the results were not kept, since dvc.lock would record "
            "them as made from the edited state",
            "run the command again; folds that were trained are kept for the state that they were trained with",
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
