"""Orders the experiments of a lane as a tree: what was tried from what, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from groundwork.experiments import memory
from groundwork.experiments.records import Experiment
from groundwork.experiments.selection import setting
from groundwork.experiments.verdicts import verdicts_of

JUDGED = 10  # experiments that get a verdict against their base, each of which may take seconds when it is new
DEPTH = 10  # levels that are indented; what lies deeper stands below its base
OPEN = 8  # tries of one base that led no further and are not folded away


@dataclass
class Node:
    """An experiment in the tree.

    Attributes
    ----------
    base
        The run that it was tried from; empty for the first.
    recorded
        Whether the command that trained it has recorded the base. If not, `base` is a guess: the earlier run whose
        settings are nearest.
    shown
        Whether the base is in the tree.
    sweep
        The sweep that it was a trial of.
    verdict
        Against the base; None where nobody has asked.
    changed
        Key, value of the base, own value.
    """

    experiment: Experiment
    base: str = ""
    recorded: bool = False
    shown: bool = True
    sweep: str = ""
    verdict: Mapping[str, Any] | None = None
    changed: Sequence[tuple[str, Any, Any]] = ()
    children: list["Node"] = field(default_factory=list)

    @property
    def ends(self) -> bool:
        """Whether nothing was tried from it, and it is not what the lane holds now."""
        return not self.children and not self.experiment.current

    def is_dead_end(self, base: "Node | None") -> bool:
        """Whether it leads no further and does not score better than its base."""
        if base is None or not self.ends:
            return False
        sign = 1 if self.experiment.higher_is_better else -1
        return sign * self.experiment.score <= sign * base.experiment.score


def tree(experiments: Sequence[Experiment], keys: Sequence[str], results: Path) -> dict[str, Node]:
    """Return the nodes of comparable experiments by run id, the oldest first; `keys` are the settings that differ.

    Parameters
    ----------
    experiments
        Equal retrainings are one of them: see `groundwork.experiments.selection.folded`.
    """
    if not experiments:
        return {}
    facts = _facts(experiments[0].lane_name, results)
    ordered = sorted(experiments, key=lambda one: (one.started, one.run_id))
    nodes: dict[str, Node] = {}
    names: dict[str, str] = {}  # of a retraining, and of what stands for it
    nearest = _Nearest(ordered, [key for key in keys if not key.endswith("_sha256")])
    for place, one in enumerate(ordered):
        own = next((facts[name] for name in (one.run_id, *one.retrained) if name in facts), {})
        base, sweep = str(own.get("base") or ""), str(own.get("sweep") or "")
        # A base that was trained later would make a circle: what was kept, and then tried again from its successor.
        known = names.get(base, base)
        later = known in {other.run_id for other in ordered[place:]}
        if base and not later:
            node = Node(one, known, True, known in nodes, sweep, _of_its_day(own.get("verdict"), known))
        else:
            guess = nearest.before(place)
            node = Node(one, guess.run_id if guess else "", sweep=sweep)
        nodes[one.run_id] = node
        names |= dict.fromkeys((one.run_id, *one.retrained), one.run_id)
        if before := nodes.get(node.base):
            before.children.append(node)
            pairs = [(key, before.experiment.settings.get(key), one.settings.get(key)) for key in keys]
            node.changed = [pair for pair in pairs if pair[1] != pair[2]]
    _judge(nodes, experiments, results)
    return nodes


def _facts(lane_name: str, results: Path) -> dict[str, Mapping[str, Any]]:
    """Read what commands have recorded of the runs that they tried; broken records are named elsewhere."""
    facts: dict[str, Mapping[str, Any]] = {}
    for path in memory.files(lane_name, results):
        try:
            content = memory.read(path)
            facts[str(content["run"]["run_id"])] = content
        except (OSError, ValueError, KeyError):
            continue
    return facts


def _of_its_day(verdict: Any, base: str) -> Mapping[str, Any] | None:
    """Give the other side, the current settings of that day, the name that it has in the tree."""
    if not isinstance(verdict, dict) or not {"sentence", "outcome"} <= verdict.keys():
        return None
    other = str((verdict.get("b") or {}).get("name") or base)
    return {**verdict, "sentence": verdict["sentence"].replace(other, base)}


class _Nearest:
    """Finds the earlier experiment whose settings are nearest; the later one where several are."""

    def __init__(self, ordered: Sequence[Experiment], keys: Sequence[str]) -> None:
        self.ordered = ordered
        columns = [[setting(one.settings.get(key)) for one in ordered] for key in keys]
        codes = [np.unique(column, return_inverse=True)[1] for column in columns]
        self.codes = np.stack(codes, 1) if codes else np.zeros((len(ordered), 0), int)

    def before(self, place: int) -> Experiment | None:
        """Return the nearest one of those before `place`; None for the first."""
        if not place:
            return None
        off = (self.codes[:place] != self.codes[place]).sum(1)
        return self.ordered[int(place - 1 - np.argmin(off[::-1]))]


def _judge(nodes: Mapping[str, Node], experiments: Sequence[Experiment], results: Path) -> None:
    """Give the newest nodes a verdict against their base, where the command that trained them has recorded none."""
    lacking = [node for node in nodes.values() if node.verdict is None and node.base in nodes][::-1][:JUDGED]
    pairs = [(node.experiment, nodes[node.base].experiment) for node in lacking]
    for node, verdict in zip(lacking, verdicts_of(pairs, experiments, results), strict=True):
        node.verdict = verdict


# --- as lines of a nested list ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line of the tree at its depth: an experiment, or a group of experiments that led no further.

    Attributes
    ----------
    node
        The experiment; None for a group.
    dead
        Whether it is a dead end.
    apart
        Whether its base is not the line above that is one level up, so that it must be named.
    name, group
        Of a group, the best first.
    """

    depth: int
    node: Node | None = None
    dead: bool = False
    apart: bool = False
    name: str = ""
    group: Sequence[Node] = ()


def lines(nodes: Mapping[str, Node]) -> list[Line]:
    """Return the tree as lines, each experiment before what was tried from it; a depth is at most one more."""
    found: list[Line] = []
    # A stack in place of a recursion: a hundred improvements in a row are as deep.
    waiting = _level([node for node in nodes.values() if node.base not in nodes], None, 0)[::-1]
    while waiting:
        line = waiting.pop()
        apart = line.depth > DEPTH or bool(line.node and line.node.base and line.node.base not in nodes)
        found.append(replace(line, depth=min(line.depth, DEPTH), apart=apart))
        if line.node:
            waiting += _level(line.node.children, line.node, line.depth + 1)[::-1]
    return found


def _level(level: Sequence[Node], base: Node | None, depth: int) -> list[Line]:
    """Return the lines of what was tried from one base, the oldest first, and what led no further folded together."""
    sign = -1 if level and level[0].experiment.higher_is_better else 1
    best_first = sorted(level, key=lambda node: sign * node.experiment.score)
    groups: dict[str, list[Node]] = {}
    for node in best_first:
        if node.ends and base is not None:
            groups.setdefault(f"trials of the sweep {node.sweep}" if node.sweep else "", []).append(node)
    tries = groups.pop("", [])
    folded = {"more tries": tries[OPEN:], **groups}
    groups = {name: several for name, several in folded.items() if len(several) > 1}
    inside = {node.experiment.run_id for several in groups.values() for node in several}
    single = [Line(depth, node, node.is_dead_end(base)) for node in level if node.experiment.run_id not in inside]
    return [*single, *(Line(depth, name=name, group=several) for name, several in groups.items())]
