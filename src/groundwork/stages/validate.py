"""The stage before all others: params.yaml and the competitions it names suit each other."""

from groundwork import competitions
from groundwork.competitions import Labelled, Purchases
from groundwork.errors import UserError, meant
from groundwork.experiments.dvcfiles import declared
from groundwork.experiments.fingerprint import HiddenNameError, fingerprint, text
from groundwork.experiments.seal import CODE
from groundwork.files import writing
from groundwork.objectives.metrics import METRICS
from groundwork.settings import PARAMS, Lane, Params, SampledSoftmax

NETWORKS = {
    "table": ("fnn",),
    "image": ("cnn",),
    "pair": ("two_tower",),
    "history": ("factorization",),
    "text": ("rnn", "transformer"),
}
# What the networks of these encodings answer; the others' suit any labelled rows.
KINDS = {"text": "tagging", "pair": "search", "history": "recommendation"}
LOSSES = {
    "classification": "cross_entropy",
    "regression": "smooth_l1",
    "tagging": "binary_cross_entropy",
    "search": "smooth_l1",
    "recommendation": "sampled_softmax",
}


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


def _mismatches(name: str, lane: Lane) -> list[str]:
    competition = competitions.load(lane.competition)
    for metric in (competition.metric, *competition.further_metrics):
        if metric not in METRICS:
            return [
                f"src/groundwork/competitions/{lane.competition}.py: metric: found {metric!r}{meant(metric, METRICS)}"
            ]
    if isinstance(competition, Labelled) and (several := competition.inputs.encodings)[1:]:
        file = f"src/groundwork/competitions/{lane.competition}.py"
        return [f"{file}: inputs: found {' and '.join(several)}; expected one of them: a network reads one kind"]
    kind = KINDS.get(competition.encoding, competition.kind)
    if competition.kind != kind:
        file = f"src/groundwork/competitions/{lane.competition}.py"
        return [f"{file}: kind: found {competition.kind}; expected {kind}: inputs of {competition.encoding} are for it"]
    choices = {
        "encoding.inputs": (lane.encoding.inputs, (competition.encoding,)),
        "model.network": (lane.model.network, NETWORKS[competition.encoding]),
        "objective.loss": (lane.objective.loss, (LOSSES[competition.kind],)),
    }
    found = [
        f"{PARAMS}: competitions.{name}.{key}: found {found}; {lane.competition} needs {' or '.join(allowed)}"
        for key, (found, allowed) in choices.items()
        if found not in allowed
    ]
    if isinstance(competition, Purchases) and isinstance(lane.objective, SampledSoftmax):
        least, given = competition.answers, lane.objective.candidates
        if given < least:
            found.append(
                f"{PARAMS}: competitions.{name}.objective.candidates: found {given}; expected {least} or more: so many "
                "articles are named for each customer"
            )
    if isinstance(competition, Purchases) and lane.training.early_stopping:
        found.append(
            f"{PARAMS}: competitions.{name}.training.early_stopping: found a section; {lane.competition} needs null: "
            "its folds follow one another in time, and the model that predicts is trained on all of it"
        )
    return found
