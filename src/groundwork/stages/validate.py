"""Checks that the lanes of params.yaml suit their competitions, before any stage runs.

No kind, network or loss is named here: a kind declares which losses and metrics fit it, an encoding which tensors it
gives, and a network which of them it takes. torch is not imported.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from groundwork import competitions
from groundwork.competitions import Competition
from groundwork.data import private
from groundwork.errors import UserError, meant
from groundwork.experiments.blend_stages import write_stages
from groundwork.experiments.dvcfiles import DECLARED, md5, with_members
from groundwork.experiments.fingerprint import SOURCE, HiddenNameError, fingerprint, text
from groundwork.experiments.seal import CODE
from groundwork.files import write_text, writing
from groundwork.objectives import KINDS
from groundwork.objectives.base import Objective
from groundwork.objectives.columns import SUSPICIONS
from groundwork.objectives.kaggle_names import named
from groundwork.objectives.metrics import METRICS, Metric
from groundwork.sections.encodings import EncodingSettings
from groundwork.sections.networks import ModelSettings
from groundwork.settings import PARAMS, Lane, Params
from groundwork.training.dotted import locate

# Hashes of what data/code was last made from, and of data/code itself. Following all names takes a second, and most
# commands find nothing edited.
WRITTEN = Path(".dvc/tmp/groundwork/fingerprints")


def validate(params: Params) -> None:
    """Check each lane of `params` against its competition.

    Raises
    ------
    UserError
        With all mismatches, by key.
    """
    problems = [problem for lane_name, lane in params.competitions.items() for problem in _mismatches(lane_name, lane)]
    problems += [f"{PARAMS}: blends.{name}: {problem}" for name in params.blends for problem in _members(name, params)]
    if problems:
        # Lanes of one competition share the mistakes of its file.
        raise UserError("\n".join(dict.fromkeys(problems)), "fix these and run the command again")


def write_fingerprints(params: Params) -> None:
    """Write the fingerprint of every stage of each lane to ``data/code/<lane>/<stage>``.

    DVC runs a stage again when this file changes, that is, when code that the stage uses for the lane was edited.
    Blends get their stages in dvc.yaml first: see `groundwork.experiments.blend_stages`.

    Raises
    ------
    UserError
        If a source file cannot be parsed, or looks names up in a way that cannot be followed.
    """
    write_stages(params.members)
    made_from = _hash_of_inputs(params)
    if WRITTEN.exists() and WRITTEN.read_text(encoding="utf-8").split() == [made_from, md5(CODE)]:
        return
    with writing(CODE) as folder:
        for name in params.names:
            for stage in with_members(name, params.members).values():
                if stage.lane_name == name:
                    path = folder / name / stage.stage
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text(code_of(stage.stage, params.lane(name))), encoding="utf-8")
    if made_from:
        write_text(WRITTEN, f"{made_from} {md5(CODE)}\n")


def _hash_of_inputs(params: Params) -> str:
    """Hash everything that fingerprints are made from; empty if the source is not the folder ``src`` of a checkout."""
    if Path("src").resolve() != SOURCE.resolve():
        return ""
    total = hashlib.sha256(DECLARED.read_bytes() + params.model_dump_json().encode())
    for path in sorted(path for path in SOURCE.rglob("*") if path.is_file() and path.parent.name != "__pycache__"):
        total.update(f"\n{path.relative_to(SOURCE)} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return total.hexdigest()


def code_of(stage: str, lane: Lane) -> dict[str, str]:
    """Return the fingerprint of a stage's code for a lane; raise `UserError` if the code cannot be followed."""
    try:
        return fingerprint(stage, lane)
    except SyntaxError as error:
        raise UserError(
            f"{error.filename}: line {error.lineno}: {error.msg}: {(error.text or '').strip()}",
            "fix it and run the command again",
        ) from None
    except HiddenNameError as error:
        raise UserError(
            f"the code of {stage} cannot be followed: {error}; expected names that the source spells out",
            "write the name out, or put the objects into a table annotated ByName (groundwork/naming.py)",
        ) from None


def _mismatches(lane_name: str, lane: Lane) -> list[str]:
    """List what does not suit in a lane: first in the competition's file, then in params.yaml."""
    competition = competitions.load(lane.competition)
    file, kind = f"src/groundwork/competitions/{lane.competition}.py", KINDS.get(competition.kind)
    if kind is None:
        hint = meant(competition.kind, KINDS) or f"; expected {' or '.join(KINDS)}"
        return [f"{file}: kind: found {competition.kind!r}{hint}"]
    return [
        *(
            f"{file}: {problem}"
            for problem in (*_metrics(competition, kind), *_inputs(competition, kind), *_gate(competition))
        ),
        *(f"{PARAMS}: competitions.{lane_name}.{problem}" for problem in _sections(lane, competition, kind)),
    ]


def _members(name: str, params: Params) -> list[str]:
    """Check that the members of a blend are lanes and earlier blends of one competition, on the same rows and folds."""
    first, *others = params.members[name]
    earlier = [*params.competitions, *params.blends][: params.names.index(name)]
    if name in params.competitions:
        return [f"found the name of a lane; expected another, such as {name}-mean"]
    problems = [
        f"found {member!r}; expected {expected}{meant(member, known)}"
        for member, known, expected in (
            (first, list(params.competitions), "a lane"),
            *((other, earlier, "a lane or a blend above") for other in others),
        )
        if member not in known
    ]
    listed = [first, *others]
    problems += [
        f"found {member} twice; expected it once" for member in dict.fromkeys(listed) if listed.count(member) > 1
    ]
    if not problems:
        settings = [params.competitions[lane_name] for lane_name in params.lanes_of(name)]
        problems = [
            f"the members differ in {key}: {' and '.join(values)}; expected the same"
            for key in ("competition", "source", "folds")
            if len(values := dict.fromkeys(str(getattr(lane, key)) for lane in settings)) > 1
        ]
    method = params.blends[name].method
    if not problems and method != "mean":
        # A competition's unknown kind is a problem of its lanes.
        kind = KINDS.get(competitions.load(settings[0].competition).kind)
        if kind is not None and kind.head == "lists":
            problems.append(f"method: found {method}; expected mean: lists of items have no weighted mean")
    return problems


def _metrics(competition: Competition, kind: type[Objective]) -> list[str]:
    """Check that the metrics suit the kind."""
    keys = (("metric", competition.metric), *(("further_metrics", further) for further in competition.further_metrics))
    return [f"{key}: {problem}" for key, found in keys if (problem := _metric_problem(found, competition, kind))]


def _metric_problem(found: object, competition: Competition, kind: type[Objective]) -> str | None:
    """Say why a metric does not suit the competition and its kind; None if it does."""
    suitable = [name for name, metric in METRICS.items() if metric.suits(kind.judged_as)]
    metric = METRICS.get(found) if isinstance(found, str) else found
    if not isinstance(metric, Metric):
        own = "" if isinstance(found, str) else ", or Metric.of(function, ...) for one of your own"
        meaning = named(found) if isinstance(found, str) else None
        hint = f"; write {meaning!r}" if meaning else meant(str(found), METRICS) if isinstance(found, str) else ""
        return f"found {found!r}{hint or f'; expected {_or(suitable)}'}{own}"
    if not metric.suits(kind.judged_as):
        others = [name for name, other in KINDS.items() if metric.suits(other.judged_as)]
        return f"found {metric.name}, which suits {_or(others)}; {kind.kind} needs {_or(suitable)}"
    if metric.judges == ("queries",) and competition.task.query is None:
        return f"found {metric.name}, which ranks the rows of a query; expected the key `query`, a column"
    return None


def _or(names: Sequence[str]) -> str:
    """Join names: ``a, b or c``."""
    return " or ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _gate(competition: Competition) -> list[str]:
    """Check that the suspicions that the competition's file waives exist: a misspelt one would waive nothing."""
    return [
        f"gate: found {name!r}{meant(name, SUSPICIONS)}; expected {_or(SUSPICIONS)}"
        for name in competition.gate
        if name not in SUSPICIONS
    ]


def _inputs(competition: Competition, kind: type[Objective]) -> list[str]:
    """Check that some network reads the competition's inputs for its kind."""
    first, *others = competition.encodings
    if others:
        several = " and ".join(competition.encodings)
        return [f"inputs: found {several}; expected one of them: a network reads one kind"]
    if kind.encodings and first not in kind.encodings:
        return [
            f"kind: found {kind.kind}, which needs inputs of {' or '.join(kind.encodings)}; found inputs of {first}"
        ]
    if not _networks(first, kind.kind):
        suited = [name for name in KINDS if _networks(first, name)]
        return [f"kind: found {kind.kind}; expected {' or '.join(suited)}, which networks for {first} inputs predict"]
    return []


def _sections(lane: Lane, competition: Competition, kind: type[Objective]) -> list[str]:
    """Check the lane's sections against the competition and its kind."""
    inputs = competition.encodings
    networks = list(dict.fromkeys(network for name in inputs for network in _networks(name, kind.kind)))
    problems = [
        f"{key}: found {choice}; {lane.competition} needs {' or '.join(allowed)}"
        for key, choice, allowed in (
            ("encoding.inputs", lane.encoding.inputs, inputs),
            ("model.network", lane.model.network, networks),
            ("objective.loss", lane.objective.loss, kind.losses),
        )
        if allowed and choice not in allowed
    ]
    if lane.source == "sample" and competition.sample is None:
        problems.append(f"source: found sample; expected kaggle: {lane.competition} has no function `sample`")
    if (problem := private.problem(competition, lane.private)) is not None:
        problems.append(f"private: {problem}")
    if lane.encoding.inputs in inputs and lane.model.network in networks:
        problems += _tensors(lane)
    if lane.model.losses and lane.objective.loss not in lane.model.losses and lane.objective.loss in kind.losses:
        suited = " or ".join(name for name in lane.model.losses if name in kind.losses)
        problems.append(f"objective.loss: found {lane.objective.loss}; {lane.model.network} needs {suited}")
    problems += [
        f"objective.{option}: found {value}; {lane.model.network} needs none"
        for option, value in lane.objective.options.items()
        if option in lane.model.without and value
    ]
    if lane.objective.loss in kind.losses:
        loss = lane.objective.options
        problems += [f"objective.{problem}" for problem in kind.loss_problems(competition.task, loss)]
        if not _metric_problem(competition.metric, competition, kind):
            problems += [f"objective.{problem}" for problem in kind.metric_problems(competition.scorer, loss)]
    if competition.by_time and lane.training.early_stopping:
        problems.append(
            f"training.early_stopping: found a section; {lane.competition} needs null: its folds follow one another in "
            "time, and the model that predicts is trained on all of it"
        )
    for entry in lane.training.callbacks:
        try:
            locate(entry.callback)
        except UserError as error:
            problems.append(f"training.callbacks: {error.problem.partition('callbacks: ')[2]}")
    return problems


def _tensors(lane: Lane) -> list[str]:
    """Check that the network reads the tensors that the encoding gives, for networks that may also read a table."""
    gives, reads = set(lane.encoding.gives), set(lane.model.reads)
    if gives == reads:
        return []
    wanted = "a section for the table columns" if gives > reads else "null: the encoding gives no table columns"
    return [f"model.columns: expected {wanted}"]


def _networks(inputs: str, kind: str) -> list[str]:
    """Return the names of the networks that read an encoding's tensors and suit a kind."""
    gives = _choices(EncodingSettings, "inputs")[inputs].gives
    return [
        name
        for name, section in _choices(ModelSettings, "network").items()
        if set(section.takes) <= set(gives) <= {*section.takes, *section.may_take}
        and (not section.kinds or kind in section.kinds)
    ]


def _choices(sections: Any, key: str) -> dict[str, Any]:
    """Return the sections of a union by the value of `key` that chooses them."""
    return {get_args(section.model_fields[key].annotation)[0]: section for section in get_args(sections)}
