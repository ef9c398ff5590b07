"""Reads what is to be tried, such as ``dropout=0.4,0.5``, and makes the settings of each variant."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from typing import Any, get_args

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from groundwork import params, yaml_file
from groundwork.adding.flow import flow
from groundwork.errors import UserError, meant
from groundwork.sections.base import Settings
from groundwork.sections.encodings import EncodingSettings
from groundwork.sections.losses import LossSettings
from groundwork.sections.networks import BoostedTrees, ModelSettings
from groundwork.sections.training import Boosting, OptimizerSettings, Training
from groundwork.settings import PARAMS, Lane, Params
from groundwork.stages.validate import validate

# Keys that choose what else their section has, with the sections to choose from.
CHOICES = {
    "encoding.inputs": EncodingSettings,
    "model.network": ModelSettings,
    "objective.loss": LossSettings,
    "training.optimizer.name": OptimizerSettings,
}
FIXED = ("competition", "source", "folds", "private", "training.folds")
FIX = "fix the command; params.yaml is not affected"
LONGEST = 60  # characters of a variant's name for each key


@dataclass(frozen=True)
class Variant:
    """Settings to try.

    Attributes
    ----------
    changes
        The values that were typed, by dotted key.
    lane
        The lane's settings with them.
    """

    changes: Mapping[str, Any]
    lane: Lane

    @property
    def name(self) -> str:
        """What differs from the lane's settings, such as ``dropout=0.4 learning_rate=0.002``."""
        return " ".join(f"{shortest(key, self.lane)}={_short(flow(value))}" for key, value in self.changes.items())


def shortest(key: str, lane: Lane) -> str:
    """Return the shortest end of a key that no other key of the lane has."""
    parts, known = key.split("."), list(_keys(lane))
    ends = (".".join(parts[start:]) for start in range(len(parts) - 1, 0, -1))
    return next((end for end in ends if sum(f".{name}".endswith(f".{end}") for name in known) == 1), key)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def variants(settings: Params, lane_name: str, typed: Sequence[str]) -> list[Variant]:
    """Return all combinations of the values that were typed, without the lane's settings themselves.

    Parameters
    ----------
    settings
        The content of params.yaml.
    typed
        A key and its values each: ``dropout=0.4,0.5``. A value is written as in params.yaml; `model={network: …}` sets
        a whole section. A key may be shortened to its end where only one key of the lane ends so.

    Raises
    ------
    UserError
        With all wrong keys and values, in the words of params.yaml, before anything is trained.
    """
    lane = settings.lane(lane_name)
    read = [_read(lane_name, text) for text in typed]
    places, problems = complete(lane_name, lane, read)
    if problems:
        raise UserError("\n".join(problems), FIX)
    chosen = product(*(read[place][1] for place in places.values()))
    combinations = [dict(zip(places, values, strict=True)) for values in chosen]
    return made(settings, yaml_file.read(PARAMS, FIX), lane_name, combinations, FIX)


def made(
    settings: Params, content: Mapping[str, Any], lane_name: str, combinations: Iterable[Mapping[str, Any]], fix: str
) -> list[Variant]:
    """Return the variant of each combination of values, without equal ones and the lane's settings themselves.

    Parameters
    ----------
    settings, content
        params.yaml as it was checked, and as it was read.
    combinations
        Values by dotted key, as `complete` gives it.
    fix
        What to do if a value is wrong.

    Raises
    ------
    UserError
        With all wrong values, in the words of params.yaml.
    """
    lane = settings.lane(lane_name)
    found: dict[str, Variant] = {}
    problems: dict[str, None] = {}
    for changes in combinations:
        try:
            tried = _lane(content, lane_name, lane, changes)
            validate(settings.model_copy(update={"competitions": {lane_name: tried}, "blends": {}}))
        except UserError as error:
            problems |= dict.fromkeys(error.problem.splitlines())
            continue
        if any(at(tried, key) != at(lane, key) for key in ("competition", "source", "folds", "private")) or (
            tried.training.folds != lane.training.folds
        ):
            problems[f"{lane_name}: the variant has other rows or folds, which cannot be compared"] = None
        if tried != lane:
            differing = {key: value for key, value in changes.items() if at(tried, key) != at(lane, key)}
            found.setdefault(tried.model_dump_json(), Variant(differing, tried))
    if problems:
        raise UserError("\n".join(problems), fix)
    return list(found.values())


def complete(lane_name: str, lane: Lane, typed: Sequence[tuple[str, list[Any]]]) -> tuple[dict[str, int], list[str]]:
    """Find the keys that were meant.

    Parameters
    ----------
    typed
        Keys, which may be shortened to their ends where only one key of the lane ends so, each with values.

    Returns
    -------
    places
        The place in `typed` of each key, by its whole dotted name.
    problems
        A line for each key that is unknown, ambiguous, found twice or not to be tried.
    """
    known = list(_keys(lane))
    for short, values in typed:
        if (key := _complete(short, known)) in CHOICES:
            # The keys of what is chosen may be typed too.
            chosen = [cls for value in values if (cls := _choice(key, value)) is not None]
            known += [f"{key.rpartition('.')[0]}.{name}" for cls in chosen for name in cls.model_fields]
    places: dict[str, int] = {}
    problems = []
    for place, (short, _) in enumerate(typed):
        key = _complete(short, known)
        problem = _problem(short, key, known)
        if problem is None and key in places:
            problem = "found twice; expected once, with all of its values"
        if problem:
            problems.append(f"{PARAMS}: competitions.{lane_name}.{key or short}: {problem}")
        elif key:
            places[key] = place
    return places, problems


def _read(lane_name: str, text: str) -> tuple[str, list[Any]]:
    """Split ``key=v1,v2``; brackets and quotes keep a comma inside of a value."""
    key, equals, written = text.partition("=")
    example = f"`groundwork try {lane_name} dropout=0.4,0.5`"
    if not equals or not key or not written.strip():
        raise UserError(f"found {text!r}; expected a key and its values, such as dropout=0.4,0.5", example)
    try:
        return key, YAML(typ="safe", pure=True).load(f"[{written}]")
    except (YAMLError, ValueError) as error:
        raise UserError(
            f"{key}: found {written!r}, which is not YAML ({' '.join(str(error).split())[:200]})",
            f"put it in quotes: {example}",
        ) from None


def _keys(section: Settings, prefix: str = "") -> Iterator[str]:
    for name in type(section).model_fields:
        yield f"{prefix}{name}"
        if isinstance(inner := getattr(section, name), Settings):
            yield from _keys(inner, f"{prefix}{name}.")


def _complete(short: str, known: Sequence[str]) -> str | None:
    """Return the key that was meant; None where none or several end so."""
    if short in known:
        return short
    ending = {key for key in known if key.endswith(f".{short}")}
    if ending or "." not in short:
        return ending.pop() if len(ending) == 1 else None
    # The schema names what is wrong inside of a section.
    section, _, last = short.rpartition(".")
    return f"{_complete(section, known) or section}.{last}"


def _problem(short: str, key: str | None, known: Sequence[str]) -> str | None:
    if key == "training.seeds":
        return "is not what to try; `--seeds` trains both sides with several seeds"
    if key in FIXED:
        return "other rows or folds cannot be compared; expected a key of encoding, model, objective or training"
    if key is not None:
        return None
    ending = sorted({name for name in known if name.endswith(f".{short}")})
    if ending:
        return f"found several keys; expected {' or '.join(ending)}"
    ends = {name.rpartition(".")[2]: name for name in known}
    close = meant(short, ends).partition("'")[2].removesuffix("'?")
    return "unknown key" + (f"; did you mean {ends[close]!r}?" if close else "")


def _choice(key: str, value: Any) -> type[Settings] | None:
    """Return the section that a value of a key in `CHOICES` chooses."""
    name = key.rpartition(".")[2]
    sections: tuple[type[Settings], ...] = get_args(CHOICES[key])
    return next((cls for cls in sections if get_args(cls.model_fields[name].annotation)[0] == value), None)


def _lane(content: Mapping[str, Any], lane_name: str, lane: Lane, changes: Mapping[str, Any]) -> Lane:
    """Make the settings of a variant as if params.yaml had its values."""
    section = deepcopy(content["competitions"][lane_name])
    for key, value in changes.items():
        *parents, last = key.split(".")
        inner = section
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise UserError(
                    f"{PARAMS}: competitions.{lane_name}.{key}: found {flow(inner)} in place of a section; expected "
                    f"{parent}={{…}} with all of its keys",
                    FIX,
                )
        inner[last] = deepcopy(value)
        if key in CHOICES and value != at(lane, key):
            _leave_out(section, key, value, changes)
    read = params.check({**content, "competitions": {lane_name: section}, "blends": {}})
    return read.competitions[lane_name]


def _leave_out(section: dict[str, Any], key: str, value: Any, typed: Mapping[str, Any]) -> None:
    """Drop what another choice of a section has and this one has not, unless it was typed."""
    chosen = _choice(key, value)
    if chosen is None:
        return
    allowed = {key.rpartition(".")[0]: chosen}
    if issubclass(chosen, BoostedTrees):
        allowed["training"] = Boosting
    elif key == "model.network":
        allowed["training"] = Training
    for place, cls in allowed.items():
        inner = section
        for name in place.split("."):
            inner = inner.get(name, {})
        for name in [*inner]:
            if name not in cls.model_fields and f"{place}.{name}" not in typed:
                del inner[name]


def at(section: Any, key: str) -> Any:
    """Return the value of a dotted key, a section as plain data; None if the lane has no such key."""
    for name in key.split("."):
        section = getattr(section, name, None)
    return section.model_dump(mode="json") if isinstance(section, Settings) else section
