"""Fingerprints the code of a stage: the definitions that it uses for one lane, each with a hash.

DVC's dependencies, the keys of folds and the seals of runs all come from this fingerprint.

- The walk starts at ``run`` in ``stages/<stage>.py`` and at the lane's competition, and follows names from definition
  to definition within this package. Names from other packages are noted, but their code is not followed.
- A competition is followed field by field: ``features=features`` counts for a stage that reads an attribute
  ``features`` anywhere. So do the properties of its class, such as ``scorer``.
- Of a table of names to objects, annotated `ByName`, the entries count whose keys the lane uses: strings in its
  settings, in the fields of its competition that the stage reads, and in the class constants that it reads.
  Where the competition's file makes such an object itself (a metric of its own), it takes the place of an entry.
- Statements that run when a module is imported count as soon as one of the module's definitions does.
- Where a stage calls `groundwork.naming.load`, the classes that the lane names by dotted path are followed.
- The room `tracking` counts as another package: what is logged does not influence what is made.
- Files that a definition opens by ``__file__`` and a name count with their bytes.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from groundwork.experiments.walk import PACKAGE, HiddenNameError, Walk
from groundwork.sections.base import Settings
from groundwork.settings import Lane

__all__ = ["SOURCE", "HiddenNameError", "edited", "fingerprint", "parse", "summary", "text"]

SOURCE = Path(__file__).parents[2]
PRIVATE = "params.yaml:private"


def fingerprint(stage: str, lane: Lane, source: Path = SOURCE) -> dict[str, str]:
    """Return the definitions that a stage of a lane uses, each with a hash.

    Parameters
    ----------
    stage
        The name of its file in ``stages/``.
    lane
        The lane's settings.
    source
        The folder that holds the package; the files there are parsed, not imported.

    Returns
    -------
    dict
        A hash of 16 hexadecimal digits for each definition, by its dotted name; sorted by name. An entry of a table is
        named ``module.TABLE[key]``, a field of the competition ``module.competition.field``, and the statements that
        run when a module is imported ``module``.

    Raises
    ------
    HiddenNameError
        If a definition looks names up in a way that cannot be followed.
    SyntaxError
        If a file cannot be parsed.
    """
    walk = Walk(source, {*_strings(lane.model_dump(mode="json")), *_constants(lane)})
    walk.competition(f"{PACKAGE}.competitions.{lane.competition}")
    walk.reach(f"{PACKAGE}.stages.{stage}", ("run",))
    walk.finish()
    if stage == "prepare" and lane.private:
        # DVC refuses to depend on a key that params.yaml may leave out, so the share counts as a part of the code.
        walk.hashes[PRIVATE] = hashlib.sha256(repr(lane.private).encode()).hexdigest()[:16]
    return dict(sorted(walk.hashes.items()))


def text(definitions: dict[str, str]) -> str:
    """Write a fingerprint as lines of hash and name."""
    return "".join(f"{value} {name}\n" for name, value in definitions.items())


def parse(content: str) -> dict[str, str]:
    """Read what `text` wrote."""
    return {name: value for value, _, name in (line.partition(" ") for line in content.splitlines())}


def summary(definitions: dict[str, str]) -> str:
    """Hash a whole fingerprint to 64 hexadecimal digits."""
    return hashlib.sha256(text(definitions).encode()).hexdigest()


def edited(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the names of the definitions in which two fingerprints differ, sorted."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _constants(section: Settings) -> Iterator[str]:
    """Yield the strings that sections give as properties."""
    ours = [cls for cls in type(section).__mro__ if issubclass(cls, Settings)]
    for name in {name for cls in ours for name, member in vars(cls).items() if isinstance(member, property)}:
        if isinstance(value := getattr(section, name), str):
            yield value
    for inner in vars(section).values():
        if isinstance(inner, Settings):
            yield from _constants(inner)
