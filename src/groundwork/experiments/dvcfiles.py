"""What dvc.yaml declares of a stage, what dvc.lock records of it, and the hashes that DVC gives to files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from groundwork.errors import UserError
from groundwork.settings import PARAMS

DECLARED, LOCK = Path("dvc.yaml"), Path("dvc.lock")


@dataclass(frozen=True)
class Declared:
    """A stage of one lane as dvc.yaml has it, with the lane's name filled in.

    Attributes
    ----------
    stage, lane_name
        Which one; DVC calls it ``stage@lane_name``.
    params
        Dotted keys of params.yaml.
    deps, outs
        Paths that it reads and makes, in the order of dvc.yaml; outs with metrics and plots.
    """

    stage: str
    lane_name: str
    params: tuple[str, ...]
    deps: tuple[str, ...]
    outs: tuple[str, ...]

    @property
    def name(self) -> str:
        """What DVC calls it."""
        return f"{self.stage}@{self.lane_name}"


def declared(lane_name: str, path: Path = DECLARED) -> dict[str, Declared]:
    """Read the stages that dvc.yaml has for each lane, for the lane `lane_name`, by their names in dvc.yaml.

    Raises
    ------
    UserError
        If `path` is not there or cannot be read.
    """
    found = {}
    for name, section in _yaml(path).get("stages", {}).items():
        if "matrix" in section:
            body = _filled(section, lane_name)
            outs = (_paths(body.get(kind, ())) for kind in ("outs", "metrics", "plots"))
            found[name] = Declared(
                name,
                lane_name,
                tuple(body.get("params", ())),
                tuple(body.get("deps", ())),
                tuple(path for each in outs for path in each),
            )
    return found


def locked(path: Path = LOCK) -> dict[str, dict[str, Any]]:
    """Read what dvc.lock records, by the names that DVC gives to stages; nothing where there is no such file.

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
    return {item["path"]: item.get("md5", "") for item in entry.get(part, ())}


def recorded_params(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of params.yaml that an entry records, by dotted key."""
    values: dict[str, Any] = entry.get("params", {}).get(str(PARAMS), {})
    return values


def md5(path: Path) -> str:
    """Hash a file or a folder as DVC does; empty where nothing lies.

    A folder's hash is that of a list of its files with theirs, and ends in ``.dir``.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        entries = [{"md5": md5(file), "relpath": file.relative_to(path).as_posix()} for file in files]
        entries.sort(key=lambda entry: entry["relpath"])
        return hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"
    try:
        seen = path.stat()
        return _file_md5(path.absolute(), seen.st_mtime_ns, seen.st_size, seen.st_ino)
    except FileNotFoundError:
        return ""


@lru_cache(maxsize=4096)
def _file_md5(path: Path, changed: int, size: int, inode: int) -> str:
    """Hash a file, again when it has changed: data may be large, and is looked at before and after each stage."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def changed(paths: Mapping[str, str]) -> list[str]:
    """Return those of `paths` that no longer have the hash beside them."""
    return [path for path, value in paths.items() if md5(Path(path)) != value]


def _yaml(path: Path) -> dict[str, Any]:
    try:
        seen = path.stat()
        return _parsed(path, path.absolute(), seen.st_mtime_ns, seen.st_size)
    except FileNotFoundError:
        raise UserError(f"{path}: not found", f"bring it back: `git checkout {path}`") from None


@lru_cache(maxsize=8)
def _parsed(path: Path, place: Path, changed: int, size: int) -> dict[str, Any]:
    """Parse a file, again when it has changed."""
    try:
        content = YAML(typ="safe").load(path)
    except (YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be read: {said}", f"bring it back: `git checkout {path}`") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: found {type(content).__name__}; expected stages", f"`git checkout {path}`")
    return content


def _filled(value: Any, lane_name: str) -> Any:
    if isinstance(value, str):
        return value.replace("${key}", lane_name)
    if isinstance(value, list):
        return [_filled(inner, lane_name) for inner in value]
    if isinstance(value, dict):
        return {_filled(key, lane_name): _filled(inner, lane_name) for key, inner in value.items()}
    return value


def _paths(items: Any) -> list[str]:
    return [path for item in items for path in ([item] if isinstance(item, str) else item)]
