"""Reads the stages that dvc.yaml declares and the entries of dvc.lock, and hashes files as DVC does."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from groundwork.errors import UserError
from groundwork.settings import PARAMS

DECLARED, LOCK = Path("dvc.yaml"), Path("dvc.lock")
# The stage of a blend; its members determine what it depends on.
BLEND = "blend"


@dataclass(frozen=True)
class Declared:
    """A stage of dvc.yaml for one lane.

    Attributes
    ----------
    stage, lane_name
        The stage and the lane; DVC calls them ``stage@lane_name``.
    params
        Dotted keys of params.yaml that the stage depends on.
    deps, outs
        Paths that it reads and writes, in the order of dvc.yaml; outs include metrics and plots.
    """

    stage: str
    lane_name: str
    params: tuple[str, ...]
    deps: tuple[str, ...]
    outs: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name that DVC gives it."""
        return dvc_name(self.stage, self.lane_name)

    def reads(self, earlier: "Declared") -> bool:
        """Whether it depends on an output of the stage `earlier`, or on a folder that has one."""
        return any(Path(out).is_relative_to(dep) for out in earlier.outs for dep in self.deps)


def dvc_name(stage: str, lane_name: str) -> str:
    """Return DVC's name of a stage of a lane: dvc.yaml has a template for lanes, and an entry for each blend."""
    return f"{stage}-{lane_name}" if stage == BLEND else f"{stage}@{lane_name}"


def declared(lane_name: str, path: Path = DECLARED) -> dict[str, Declared]:
    """Read the stages that dvc.yaml declares for the lane `lane_name`, by their names in dvc.yaml.

    Raises
    ------
    UserError
        If `path` is missing or cannot be read.
    """
    stages = {}
    for name, section in _yaml(path).get("stages", {}).items():
        if "matrix" in section:
            stages[name] = _declared(name, lane_name, _filled(section, {"key": lane_name}))
    return stages


def with_members(name: str, blends: Mapping[str, Sequence[str]], path: Path = DECLARED) -> dict[str, Declared]:
    """Read the stages of a lane, or the stage of a blend and those of its members, by the names that DVC gives them.

    Parameters
    ----------
    blends
        The members of each blend: `groundwork.settings.Params.members`.

    Raises
    ------
    UserError
        If `path` is missing or cannot be read.
    """
    if name not in blends:
        return {stage.name: stage for stage in declared(name, path).values()}
    own = of_blend(name, blends[name])
    members = {key: stage for member in blends[name] for key, stage in with_members(member, blends, path).items()}
    return {own.name: own} | members


def of_blend(name: str, members: Sequence[str]) -> Declared:
    """Return the stage of a blend."""
    return Declared(
        BLEND,
        name,
        ("tracking", f"blends.{name}"),
        (
            f"data/code/{name}/{BLEND}",
            f"data/prepared/{members[0]}",
            *(f"results/{member}" for member in members),
        ),
        (f"results/{name}", f"data/seals/{name}/{BLEND}", f"results/metrics/{name}.json"),
    )


def _declared(name: str, lane_name: str, body: dict[str, Any]) -> Declared:
    outs = (_paths(body.get(kind, ())) for kind in ("outs", "metrics", "plots"))
    return Declared(
        name,
        lane_name,
        tuple(body.get("params", ())),
        tuple(body.get("deps", ())),
        tuple(path for paths in outs for path in paths),
    )


def locked(path: Path = LOCK) -> dict[str, dict[str, Any]]:
    """Read the entries of dvc.lock, by the names that DVC gives to stages; empty where there is no such file.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    if not path.exists():
        return {}
    stages: dict[str, dict[str, Any]] = _yaml(path).get("stages") or {}
    return stages


def hashes(entry: Mapping[str, Any], part: str) -> dict[str, str]:
    """Return the hashes of an entry's ``deps`` or ``outs``, by path."""
    return {item["path"]: item.get("md5", "") for item in entry.get(part) or ()}


def recorded_params(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of params.yaml that an entry records, by dotted key."""
    values: dict[str, Any] = entry.get("params", {}).get(str(PARAMS), {})
    return values


def md5(path: Path) -> str:
    """Hash a file or a folder as DVC does; return an empty string where there is none.

    A folder's hash is the hash of a list of its files and their hashes, followed by ``.dir``.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        entries = [{"md5": md5(file), "relpath": file.relative_to(path).as_posix()} for file in files]
        entries.sort(key=lambda entry: entry["relpath"])
        return hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"
    try:
        stat = path.stat()
        return _file_md5(path.absolute(), stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except FileNotFoundError:
        return ""


@lru_cache(maxsize=4096)
def _file_md5(path: Path, changed: int, size: int, inode: int) -> str:
    """Hash a file; hash it again once it has changed. Data may be large, and each stage checks it twice."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def changed(paths: Mapping[str, str]) -> list[str]:
    """Return the keys of `paths` whose files no longer have the given hash."""
    return [path for path, value in paths.items() if md5(Path(path)) != value]


def _yaml(path: Path) -> dict[str, Any]:
    # `groundwork repro` repairs dvc.lock before it starts DVC: see `experiments.lockfile`.
    mend = "`groundwork repro` restores its last whole state" if path.name == LOCK.name else f"`git checkout {path}`"
    try:
        content = parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found", mend) from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {' '.join(str(error).split())}", mend) from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: found {type(content).__name__}; expected stages", mend)
    return content


@lru_cache(maxsize=8)
def parsed(text: str) -> Any:
    """Parse YAML, once for equal texts: dvc.lock takes a quarter of a second. Raise YAMLError if it is none."""
    return YAML(typ="safe").load(text)


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    """Replace the keys of `names`, such as ``${key}``, in all strings."""
    if isinstance(value, str):
        for key, name in names.items():
            value = value.replace(f"${{{key}}}", name)
        return value
    if isinstance(value, list):
        return [_filled(inner, names) for inner in value]
    if isinstance(value, dict):
        return {_filled(key, names): _filled(inner, names) for key, inner in value.items()}
    return value


def _paths(items: Any) -> list[str]:
    return [path for item in items for path in ([item] if isinstance(item, str) else item)]
