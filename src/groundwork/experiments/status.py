"""Which stages DVC would run again, and why: DVC's answer, with the names of the code that was edited."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from groundwork.errors import UserError
from groundwork.experiments.dvcfiles import Declared, with_members
from groundwork.experiments.fingerprint import edited, parse
from groundwork.experiments.seal import Seal, code_file, seal_file
from groundwork.settings import PARAMS

SHOWN = 5  # names of definitions


def status(names: Iterable[str], blends: Mapping[str, Sequence[str]]) -> list[str]:
    """Describe each stage that would run again, a line each; the fingerprints in data/code must be up to date.

    Parameters
    ----------
    names
        Lanes and blends.
    blends
        See `groundwork.experiments.dvcfiles.with_members`.

    Raises
    ------
    UserError
        If DVC cannot tell.
    """
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise UserError(f"dvc status: {said[0]}", "`groundwork repro` repairs files of DVC that are cut short")
    changes = json.loads(done.stdout or "{}")
    stages = {key: stage for name in names for key, stage in with_members(name, blends).items()}
    return [f"{key}: {'; '.join(_reasons(stage, changes[key]))}" for key, stage in stages.items() if key in changes]


def _reasons(stage: Declared, changes: list[Any]) -> Iterator[str]:
    for change in changes:
        if isinstance(change, str):
            yield change
            continue
        for kind, paths in change.items():
            for path, how in paths.items():
                if path == str(code_file(stage.stage, stage.lane_name)):
                    yield f"code edited: {', '.join(_definitions(stage)) or how}"
                elif path == str(PARAMS) and isinstance(how, dict):  # "new" where the stage has never run
                    yield ", ".join(f"{PARAMS}: {key} {state}" for key, state in how.items())
                else:
                    yield f"{path} {how}" if kind == "changed deps" else f"result {path} {how}"


def _definitions(stage: Declared) -> list[str]:
    """Name the definitions that were edited since the stage ran."""
    path = seal_file(stage.stage, stage.lane_name)
    code = code_file(stage.stage, stage.lane_name)
    if not path.exists() or not code.exists():
        return []
    names = edited(Seal.read(path, stage.name).code, parse(code.read_text(encoding="utf-8")))
    more = [f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return names[:SHOWN] + more
