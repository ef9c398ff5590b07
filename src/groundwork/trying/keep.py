"""Writes the settings of a run into params.yaml, if today's code and data would train the same folds."""

from typing import Any

from pydantic import ValidationError

from groundwork import params
from groundwork.adding.flow import flow
from groundwork.adding.params_edit import changed, differences
from groundwork.competitions import load as load_competition
from groundwork.errors import UserError
from groundwork.experiments import memory
from groundwork.experiments.fingerprint import summary
from groundwork.files import writing
from groundwork.settings import PARAMS, Lane, Params
from groundwork.stages.validate import code_of, validate
from groundwork.trying.plan import PREPARED, RESULTS, refuse_blend, require_prepared


def keep(run_id: str, *, with_seeds: bool = False) -> str:
    """Write a run's settings into its lane, and let git track the records of the lane's runs; return what was done.

    Parameters
    ----------
    with_seeds
        Also write the number of seeds that it was trained with. Without, the lane keeps its own number.

    Raises
    ------
    UserError
        If there is no such run; if today's code, data or seed would train other folds, with the commit that trained
        it; or if params.yaml has a form that one lane cannot leave.
    """
    content, settings = memory.find(run_id, RESULTS), params.load()
    run, lane_name = content["run"], content["lane"]
    refuse_blend(lane_name, settings)
    lane = settings.lane(lane_name)
    kept = _settings_of(run, lane, with_seeds=with_seeds)
    validate(settings.model_copy(update={"competitions": {lane_name: kept}, "blends": {}}))
    _require_equal(run, lane_name, kept, settings)
    before, after = (section.model_dump(mode="json") for section in (lane, kept))
    told = [
        f"  {'.'.join(place)}: {flow(_at(before, place))} -> {flow(_at(after, place))}"
        for place in differences(before, after)
    ]
    if told:
        text = changed(PARAMS.read_bytes(), lane_name, before, after, PARAMS)
        with writing(PARAMS) as temporary:
            temporary.write_bytes(text)
            temporary.chmod(PARAMS.stat().st_mode)
    new = memory.remember([lane_name], RESULTS)
    lines = [f"{PARAMS}: competitions.{lane_name}", *told] if told else [f"{PARAMS}: has these settings already"]
    lines += [str(path) for path in new]
    return "\n".join(
        [
            *lines,
            f"  -> `groundwork repro {lane_name}` takes its folds from the fold store, and trains only what that lacks",
        ]
    )


def _at(settings: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        settings = settings.get(key) if isinstance(settings, dict) else None
    return settings


def _settings_of(run: dict[str, Any], lane: Lane, *, with_seeds: bool) -> Lane:
    own = {key: value for key, value in run["params"].items() if key != "seed"}
    try:
        kept = Lane.model_validate(own)
    except ValidationError:
        raise UserError(
            f"{run['run_id']}: has settings that params.yaml no longer allows; it was trained at {_commit(run)}",
            "try it again: `groundwork try`",
        ) from None
    if with_seeds:
        return kept
    training = kept.training.model_copy(update={"seeds": lane.training.seeds})
    return kept.model_copy(update={"training": training})


def _require_equal(run: dict[str, Any], lane_name: str, kept: Lane, settings: Params) -> None:
    """Check that today's code, data and seed are those of the run, so that its folds will be taken from the store."""
    from groundwork.data.load import load

    again = (
        f"go there (`git switch --detach {(run['commit'] or '')[:7]}`), or try it again with today's code: "
        f"`groundwork try {lane_name} …`"
    )
    if run.get("code_sha256") != summary(code_of("train", kept)):
        raise UserError(f"{run['run_id']}: was trained by other code than today's, that of {_commit(run)}", again)
    if run["params"]["seed"] != settings.seed:
        raise UserError(
            f"{run['run_id']}: was trained with seed {run['params']['seed']}; {PARAMS} has seed {settings.seed}",
            f"try it again: `groundwork try {lane_name} …`",
        )
    require_prepared(lane_name, settings)
    prepared = load(load_competition(kept.competition), PREPARED / lane_name)
    for name, today in (("data_sha256", prepared.data_sha256), ("folds_sha256", prepared.folds_sha256)):
        if run[name] != today:
            what = "rows" if name == "data_sha256" else "folds"
            raise UserError(f"{run['run_id']}: was trained on other {what} than today's, at {_commit(run)}", again)


def _commit(run: dict[str, Any]) -> str:
    changes = " with uncommitted changes" if run["dirty"] else ""
    return f"commit {run['commit'][:7]}{changes}" if run["commit"] else "no commit"
