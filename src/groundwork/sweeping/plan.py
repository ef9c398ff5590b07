"""Decides what a sweep may train before anything heavy is loaded: keys, their values, the code of each choice."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from groundwork import yaml_file
from groundwork.errors import UserError
from groundwork.experiments.fingerprint import summary
from groundwork.settings import PARAMS
from groundwork.stages.validate import code_of
from groundwork.sweeping.space import Choices, Space, read
from groundwork.trying import plan as trying
from groundwork.trying.changes import at, made
from groundwork.trying.plan import Candidate, Plan

MOST = 500  # combinations of choices whose code is fingerprinted, a hundredth of a second each


@dataclass(frozen=True)
class SweepPlan:
    """What is varied, and in which lane.

    Attributes
    ----------
    plan
        The lane, its current settings and the number of seeds; no variants.
    content
        params.yaml as it was read: an edit during a sweep does not count.
    naming
        Keys whose choices may name code: texts do, numbers never.
    codes
        Hashes of the fingerprints of the train stage's code, by what these keys choose, as text.
    """

    plan: Plan
    space: Space
    content: Mapping[str, Any]
    naming: tuple[str, ...]
    codes: Mapping[str, str]

    def candidate(self, number: int, drawn: Mapping[str, Any]) -> Candidate:
        """Make the candidate of a trial for what Optuna has drawn; that of the current settings where nothing differs.

        Raises
        ------
        UserError
            If its values do not go together.
        """
        plan, changes = self.plan, self.space.changes(drawn)
        variants = made(plan.settings, self.content, plan.lane_name, [changes], self.space.fix)
        if not variants:
            return plan.current
        (variant,) = variants
        if (code := self.codes.get(_chosen(self.naming, changes))) is None:
            raise UserError(f"{plan.lane_name}: {variant.name}: these choices do not go together", self.space.fix)
        training = variant.lane.training.model_copy(update={"seeds": plan.seeds})
        lane = variant.lane.model_copy(update={"training": training})
        return Candidate(f"trial {number}", lane, code, variant.changes)


def plan(lane_name: str, seeds: int | None) -> SweepPlan:
    """Read params.yaml and what is varied.

    Parameters
    ----------
    seeds
        How often each fold is trained, on both sides; None for as often as params.yaml says.

    Raises
    ------
    UserError
        If a key or a value is wrong, or the prepared data is not what params.yaml and the code would make now.
    """
    # It checks the lane first, and whether its data is current last: a wrong value is more worth knowing.
    settings = trying.settings_of(lane_name)
    content = yaml_file.read(PARAMS, f"fix {PARAMS}")
    space = read(settings, content, lane_name)
    current = trying.plan(lane_name, [], seeds)
    naming = tuple(
        key
        for key, one in space.keys.items()
        if isinstance(one, Choices) and any(map(_has_text, (*one.values, at(current.current.lane, key))))
    )
    return SweepPlan(current, space, content, naming, dict(_codes(current, space, content, naming)))


def _codes(current: Plan, space: Space, content: Mapping[str, Any], naming: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Fingerprint the code of every combination of the choices that may name code."""
    combinations = list(product(*(space.keys[key].ends for key in naming)))
    if len(combinations) > MOST:
        raise UserError(
            f"{space.path}: found {len(combinations):,} combinations of texts as choices; expected at most {MOST}",
            space.fix,
        )
    for values in combinations:
        changes = dict(zip(naming, values, strict=True))
        try:
            variants = made(current.settings, content, current.lane_name, [changes], space.fix)
        except UserError:
            continue  # these do not go together: a trial that draws them fails, and says so
        lane = variants[0].lane if variants else current.current.lane
        yield _chosen(naming, changes), summary(code_of("train", lane))


def _chosen(naming: Sequence[str], changes: Mapping[str, Any]) -> str:
    return repr([changes[key] for key in naming])


def _has_text(value: Any) -> bool:
    if isinstance(value, str):
        return True
    if isinstance(value, Mapping):
        return any(map(_has_text, value.values()))
    return isinstance(value, list) and any(map(_has_text, value))
