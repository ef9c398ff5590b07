"""Arguments that several commands share: a lane, lanes, a run. A shell completes them, and a missing lane is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from groundwork.errors import UserError

PARAMS, RESULTS = Path("params.yaml"), Path("results")


def lanes() -> list[str]:
    """Return the names of the lanes and blends of params.yaml; empty if it cannot be read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe").load(PARAMS.read_text(encoding="utf-8"))
        return [str(name) for section in ("competitions", "blends") for name in content.get(section) or ()]
    except (OSError, ValueError, AttributeError, YAMLError):
        return []


def completed_lanes(incomplete: str) -> list[str]:
    """Return the names that begin so, for a shell."""
    return [name for name in lanes() if name.startswith(incomplete)]


def _completed_runs(incomplete: str) -> Iterator[str]:
    for folder in ("experiments", "memory"):
        yield from (path.stem for path in RESULTS.glob(f"{folder}/*/{incomplete}*.json"))


def _told(name: str) -> str:
    if not name:
        known = ", ".join(lanes()) or "none: params.yaml cannot be read"
        raise UserError("found no lane; expected its name", f"name one of {known}")
    return name


LaneName = Annotated[
    str,
    typer.Argument(
        metavar="LANE", help="A lane or a blend of params.yaml, such as titanic.", show_default=False, callback=_told,
        autocompletion=completed_lanes,
    ),
]  # fmt: skip
LaneNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="LANES", help="Lanes and blends of params.yaml; none means all.", autocompletion=completed_lanes
    ),
]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run id of the leaderboard, or its first characters.", autocompletion=_completed_runs
    ),
]
