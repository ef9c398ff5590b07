"""The stage before all others: params.yaml and the competitions it names suit each other.

Nothing here names a kind, a network or a loss: a kind says which losses and metrics fit it, an encoding what tensors it
gives, a network which of them it takes. torch is not imported.
"""

from typing import Any, get_args

from groundwork import competitions
from groundwork.competitions import Competition
from groundwork.errors import UserError, meant
from groundwork.experiments.dvcfiles import declared
from groundwork.experiments.fingerprint import HiddenNameError, fingerprint, text
from groundwork.experiments.seal import CODE
from groundwork.files import writing
from groundwork.objectives import KINDS
from groundwork.objectives.base import Objective
from groundwork.objectives.metrics import METRICS
from groundwork.sections.encodings import EncodingSettings
from groundwork.sections.networks import ModelSettings
from groundwork.settings import PARAMS, Lane, Params
from groundwork.training.dotted import locate


def validate(params: Params) -> None:
    """Check each lane of `params` against its competition.

    Raises
    ------
    UserError
        All mismatches at once, by key.
    """
    problems = [problem for name, lane in params.competitions.items() for problem in _mismatches(name, lane)]
    if problems:
        raise UserError("\n".join(problems), "mend it and run the command again")


def write_fingerprints(params: Params) -> None:
    """Write ``data/code/<lane>/<stage>`` for every stage that dvc.yaml has for each lane.

    DVC runs a stage again when its file changes: when code that this lane's stage uses was edited.

    Raises
    ------
    UserError
        If a source file cannot be parsed, or hides what it uses.
    """
    with writing(CODE) as folder:
        for lane_name, lane in params.competitions.items():
            for stage in declared(lane_name):
                path = folder / lane_name / stage
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text(_fingerprint(stage, lane)), encoding="utf-8")


def _fingerprint(stage: str, lane: Lane) -> dict[str, str]:
    try:
        return fingerprint(stage, lane)
    except SyntaxError as error:
        raise UserError(
            f"{error.filename}: line {error.lineno}: {error.msg}: {(error.text or '').strip()}",
            "correct it and run the command again",
        ) from None
    except HiddenNameError as error:
        raise UserError(
            f"the code of {stage} cannot be followed: {error}; expected names that the source spells out",
            "write the name out, or put the objects into a table annotated ByName (groundwork/naming.py)",
        ) from None


def _mismatches(lane_name: str, lane: Lane) -> list[str]:
    """Say what does not suit in one lane: first in the competition's file, then in params.yaml."""
    competition = competitions.load(lane.competition)
    file, kind = f"src/groundwork/competitions/{lane.competition}.py", KINDS.get(competition.kind)
    if kind is None:
        hint = meant(competition.kind, KINDS) or f"; expected {' or '.join(KINDS)}"
        return [f"{file}: kind: found {competition.kind!r}{hint}"]
    found = [f"{file}: {problem}" for problem in (*_metrics(competition, kind), *_inputs(competition, kind))]
    return found + [f"{PARAMS}: competitions.{lane_name}.{problem}" for problem in _sections(lane, competition, kind)]


def _metrics(competition: Competition, kind: type[Objective]) -> list[str]:
    """Compare the metrics with what the kind predicts."""
    suitable = [name for name, metric in METRICS.items() if metric.judges in kind.judged_as]
    problems = []
    for key, name in (
        ("metric", competition.metric),
        *(("further_metrics", further) for further in competition.further_metrics),
    ):
        if name not in METRICS:
            problems.append(f"{key}: found {name!r}{meant(name, METRICS)}")
        elif name not in suitable:
            problems.append(f"{key}: found {name}; {kind.kind} needs {' or '.join(suitable)}")
        elif METRICS[name].judges == "queries" and competition.task.query is None:
            problems.append(f"{key}: found {name}, which ranks the rows of a query; expected `query`, the column of it")
    return problems


def _inputs(competition: Competition, kind: type[Objective]) -> list[str]:
    """Compare what the competition's rows are with what any network reads for its kind."""
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
        return [f"kind: found {kind.kind}; expected {' or '.join(suited)}: inputs of {first} are for it"]
    return []


def _sections(lane: Lane, competition: Competition, kind: type[Objective]) -> list[str]:
    """Compare the lane's choices with the competition and its kind."""
    inputs = competition.encodings
    networks = list(dict.fromkeys(network for name in inputs for network in _networks(name, kind.kind)))
    problems = [
        f"{key}: found {found}; {lane.competition} needs {' or '.join(allowed)}"
        for key, found, allowed in (
            ("encoding.inputs", lane.encoding.inputs, inputs),
            ("model.network", lane.model.network, networks),
            ("objective.loss", lane.objective.loss, kind.losses),
        )
        if allowed and found not in allowed
    ]
    if lane.encoding.inputs in inputs and lane.model.network in networks:
        problems += _tensors(lane)
    if lane.objective.loss in kind.losses:
        problems += [f"objective.{problem}" for problem in kind.loss_problems(competition.task, lane.objective.options)]
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
    """Compare what a network reads with its sizes, and what the encoding gives, where the network may take both."""
    gives, reads = set(lane.encoding.gives), set(lane.model.reads)
    if gives == reads:
        return []
    wanted = "a section, for the table beside the text" if gives > reads else "null: there is no table beside the text"
    return [f"model.columns: expected {wanted}"]


def _networks(inputs: str, kind: str) -> list[str]:
    """Name the networks that read what an encoding gives, and answer a kind."""
    gives = _choices(EncodingSettings, "inputs")[inputs].gives
    return [
        name
        for name, section in _choices(ModelSettings, "network").items()
        if set(section.takes) <= set(gives) <= {*section.takes, *section.may_take}
        and (not section.kinds or kind in section.kinds)
    ]


def _choices(sections: Any, key: str) -> dict[str, Any]:
    """Return the sections of a union by the word that `key` chooses them with."""
    return {get_args(section.model_fields[key].annotation)[0]: section for section in get_args(sections)}
