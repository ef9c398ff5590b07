"""The stage before all others: params.yaml and the competitions it names suit each other."""

from groundwork import competitions
from groundwork.errors import UserError, meant
from groundwork.objectives.metrics import METRICS
from groundwork.params import PARAMS, Lane, Params

NETWORKS = {"table": ("fnn",), "image": ("cnn",)}
LOSSES = {"classification": ("cross_entropy",), "regression": ("smooth_l1",)}


def validate(params: Params) -> None:
    """Check each lane of `params` against its competition.

    Raises
    ------
    UserError
        All mismatches at once, by key.
    """
    problems = [problem for name, lane in params.competitions.items() for problem in _mismatches(name, lane)]
    if problems:
        raise UserError("\n".join(problems), f"mend {PARAMS} and run the command again")


def _mismatches(name: str, lane: Lane) -> list[str]:
    competition = competitions.load(lane.competition)
    if competition.metric not in METRICS:
        file = f"src/groundwork/competitions/{lane.competition}.py"
        return [f"{file}: metric: found {competition.metric!r}{meant(competition.metric, METRICS)}"]
    inputs = "image" if competition.inputs.image else "table"
    choices = {
        "encoding.inputs": (lane.encoding.inputs, (inputs,)),
        "model.network": (lane.model.network, NETWORKS[inputs]),
        "objective.loss": (lane.objective.loss, LOSSES[competition.kind]),
    }
    return [
        f"{PARAMS}: competitions.{name}.{key}: found {found}; {lane.competition} needs {' or '.join(allowed)}"
        for key, (found, allowed) in choices.items()
        if found not in allowed
    ]
