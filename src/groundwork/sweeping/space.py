"""Reads ``sweeps/<lane>.yaml``: which keys of a lane a sweep varies, and between which values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork import yaml_file
from groundwork.adding.flow import flow
from groundwork.errors import UserError
from groundwork.settings import Lane, Params
from groundwork.trying.changes import at, complete, made, shortest

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FOLDER = Path("sweeps")
DIGITS = 4  # significant digits of a value between two ends, so that params.yaml stays readable
SHAPES = "{low: 0.0, high: 0.5}, with log: true or a step if you like, or {choices: [32, 64]}"
# Shown where there is no file, as far as the lane has these keys.
EXAMPLE = {
    "dropout": {"low": 0.0, "high": 0.6, "step": 0.05},
    "learning_rate": {"low": 0.0005, "high": 0.05, "log": True},
    "leaves": {"low": 7, "high": 127},
}


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included: whole ones if `whole`, evenly spread over the logarithm if `log`."""

    low: float
    high: float
    log: bool
    step: float | None
    whole: bool

    @property
    def ends(self) -> list[Any]:
        """The values that are checked."""
        return [self.low, self.high]

    @property
    def distribution(self) -> "BaseDistribution":
        """What Optuna draws from."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), self.log, int(self.step or 1))
        return FloatDistribution(self.low, self.high, self.log, self.step)

    def value(self, drawn: Any) -> Any:
        """Return the value that a key gets."""
        if self.whole:
            return int(drawn)
        return min(max(float(f"{drawn:.{DIGITS}g}"), self.low), self.high)

    def drawn(self, value: Any) -> Any:
        """Return what Optuna would have drawn for a value; None if it cannot."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return None
        steps = (value - self.low) / self.step if self.step else 0
        return value if abs(steps - round(steps)) < 1e-9 and self.value(value) == value else None


@dataclass(frozen=True)
class Choices:
    """A list of values. Optuna gets them as text, since it knows no lists and no sections."""

    values: tuple[Any, ...]

    @property
    def ends(self) -> list[Any]:
        """The values that are checked."""
        return [*self.values]

    @property
    def distribution(self) -> "BaseDistribution":
        """What Optuna draws from."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([flow(value) for value in self.values])

    def value(self, drawn: Any) -> Any:
        """Return the value that a key gets."""
        return next(value for value in self.values if flow(value) == drawn)

    def drawn(self, value: Any) -> Any:
        """Return what Optuna would have drawn for a value; None if it cannot."""
        return flow(value) if value in self.values and flow(value) in map(flow, self.values) else None


@dataclass(frozen=True)
class Space:
    """What is varied, by dotted key; `names` has a short name of each."""

    path: Path
    keys: Mapping[str, Range | Choices]
    names: Mapping[str, str]

    @property
    def fix(self) -> str:
        """What to do if it is wrong."""
        return f"fix {self.path}; params.yaml is not affected"

    @property
    def distributions(self) -> "dict[str, BaseDistribution]":
        """What Optuna draws from."""
        return {key: one.distribution for key, one in self.keys.items()}

    def changes(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the keys for what Optuna has drawn."""
        return {key: one.value(drawn[key]) for key, one in self.keys.items()}

    def shown(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values by short name, for people and for W&B's charts: numbers as they are, lists as text."""
        return {
            self.names[key]: value if isinstance(value, str | int | float) else flow(value)
            for key, value in self.changes(drawn).items()
        }

    def drawn(self, lane: Lane) -> dict[str, Any] | None:
        """Return what Optuna would have drawn for a lane's settings; None if they lie outside."""
        drawn = {key: one.drawn(at(lane, key)) for key, one in self.keys.items()}
        return None if None in drawn.values() else drawn


def read(settings: Params, content: Mapping[str, Any], lane_name: str) -> Space:
    """Read what is varied, and check each end of a range and each choice by the schema of params.yaml.

    Parameters
    ----------
    settings, content
        params.yaml as it was checked, and as it was read.

    Raises
    ------
    UserError
        If there is no file; otherwise with everything that is wrong in it.
    """
    path, lane = FOLDER / f"{lane_name}.yaml", settings.lane(lane_name)
    places, _ = complete(lane_name, lane, [(key, []) for key in EXAMPLE])
    own = [list(EXAMPLE)[place] for place in places.values()]
    example = "".join(f"\n       {key}: {flow(EXAMPLE[key])}" for key in own)
    space = Space(path, {}, {})
    if not path.exists():
        raise UserError(
            f"{path}: not found; it names the keys that a sweep varies",
            f"write it, for instance with these lines, then run the command again:{example}",
        )
    written = yaml_file.read(path, space.fix)
    if not isinstance(written, dict) or not written:
        raise UserError(f"{path}: found no keys", f"write it, for instance with these lines:{example}")
    forms = {key: _problem(spec) for key, spec in written.items()}
    problems = [f"{path}: {key}: {problem}" for key, problem in forms.items() if problem]
    specs = [(str(key), spec) for key, spec in written.items() if not forms[key]]
    places, unknown = complete(lane_name, lane, [(key, spec.get("choices", [])) for key, spec in specs])
    keys = {key: _one(specs[place][1], at(lane, key)) for key, place in places.items()}
    space = Space(path, keys, {key: shortest(key, lane) for key in keys})
    ends = [{key: value} for key, one in space.keys.items() for value in one.ends]
    problems += unknown
    try:
        made(settings, content, lane_name, ends, space.fix)
    except UserError as error:
        problems += error.problem.splitlines()
    if problems:
        raise UserError("\n".join(problems), space.fix)
    return space


def _problem(spec: Any) -> str | None:
    """Say what is wrong with the form of an entry; None if nothing is."""
    if isinstance(spec, dict) and spec.keys() == {"choices"}:
        values = spec["choices"]
        if not isinstance(values, list) or not values:
            return f"choices: found {flow(values)}; expected a list of values"
        if len({flow(value) for value in values}) < len(values):
            return f"choices: found {flow(values)}, with a value twice"
        return None
    if not isinstance(spec, dict) or not {"low", "high"} <= spec.keys() <= {"low", "high", "log", "step"}:
        return f"found {flow(spec)}; expected {SHAPES}"
    low, high, log, step = spec["low"], spec["high"], spec.get("log", False), spec.get("step")
    for name, value in (("low", low), ("high", high), ("step", 1 if step is None else step)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return f"{name}: found {flow(value)}; expected a number"
    if not isinstance(log, bool):
        return f"log: found {flow(log)}; expected true or false"
    if low >= high:
        return f"found low {flow(low)} and high {flow(high)}; expected a low below the high"
    if log and (low <= 0 or step is not None):
        return "log: expected a low above 0 and no step"
    if step is not None and (step <= 0 or abs((high - low) / step - round((high - low) / step)) > 1e-9):
        return f"step: found {flow(step)}; expected a number that leads from low to high in whole steps"
    return None


def _one(spec: Mapping[str, Any], current: Any) -> Range | Choices:
    """Make an entry; a range between whole numbers holds whole numbers, unless the key has a fraction now."""
    if "choices" in spec:
        return Choices(tuple(spec["choices"]))
    low, high, step = spec["low"], spec["high"], spec.get("step")
    whole = all(isinstance(value, int) for value in (low, high, step or 1)) and not isinstance(current, float)
    if not whole:
        low, high, step = float(low), float(high), None if step is None else float(step)
    return Range(low, high, spec.get("log", False), step, whole)
