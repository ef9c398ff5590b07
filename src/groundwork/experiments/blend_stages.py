"""Writes the stages of blends into dvc.yaml.

A blend depends on the results of its members, any number of them. DVC's templates cannot list a number of dependencies
that differs from item to item, so each blend has an entry of its own, behind `HEAD` at the end of the file.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from groundwork.experiments.dvcfiles import BLEND, DECLARED, Declared, of_blend
from groundwork.files import write_text

HEAD = "  # Blends, written by `groundwork validate` from params.yaml: DVC's templates have a fixed number of deps.\n"
WIDTH = 120

log = logging.getLogger(__name__)


def write_stages(blends: Mapping[str, Sequence[str]], path: Path = DECLARED) -> None:
    """Make the blends' stages in dvc.yaml those of `blends`; write the file only where they differ.

    Parameters
    ----------
    blends
        The members of each blend: `groundwork.settings.Params.members`.
    """
    if not path.exists():
        return  # the commands that need it say so
    text = path.read_text(encoding="utf-8")
    others = text.partition(HEAD)[0].rstrip("\n") + "\n"
    stages = [_text(of_blend(name, members)) for name, members in blends.items()]
    wanted = others + ("\n" + HEAD + "\n".join(stages) if stages else "")
    if wanted != text:
        write_text(path, wanted)
        log.info("%s: has the stages of the blends in params.yaml: %s", path, ", ".join(blends) or "none")


def _text(stage: Declared) -> str:
    keep, plain = "*keep", "{cache: false, persist: true}"
    *outs, metrics = stage.outs
    return "\n".join(
        [
            f"  {stage.name}:",
            f"    cmd: groundwork {BLEND} '{stage.lane_name}'",
            *_listed("params", [f'"{key}"' for key in stage.params]),
            *_listed("deps", [f'"{path}"' for path in stage.deps]),
            *_listed("outs", [f'"{path}": {keep}' for path in outs]),
            *_listed("metrics", [f'"{metrics}": {plain}']),
            "",
        ]
    )


def _listed(key: str, items: Sequence[str]) -> list[str]:
    """Write a list in brackets, broken where a line would become too long."""
    lines = [f"    {key}: [{items[0]}"]
    for item in items[1:]:
        if len(lines[-1]) + len(item) + 3 > WIDTH:
            lines[-1] += ","
            lines.append(" " * (len(key) + 7) + item)
        else:
            lines[-1] += f", {item}"
    return [*lines[:-1], f"{lines[-1]}]"]
