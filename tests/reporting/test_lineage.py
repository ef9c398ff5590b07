"""The tree of experiments, where what commands have recorded is a fact and all else is a guess; and the last sweep."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from groundwork.experiments.records import load
from groundwork.experiments.selection import differing, folded
from groundwork.reporting.lineage import DEPTH, OPEN, Node, lines, tree
from groundwork.reporting.page import report

Write = Callable[..., dict[str, Any]]
PAGE, RESULTS = Path("results/report/index.html"), Path("results")


def write(experiment: Write, name: str, minute: int, mean: float = 0.8, dropout: float = 0.2, **small: Any) -> None:
    """Write an experiment and, where something is recorded of its origin, its small record."""
    params = {"model": {"network": "fnn", "dropout": dropout, "width": 64}}
    started = f"2026-11-21T{12 + minute // 60}:{minute % 60:02d}:00+00:00"
    record = experiment(name, mean=mean, params=params, run={"started": started})
    if small:
        path = RESULTS / ".memory" / "titanic" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"lane": "titanic", "run": record["run"], "metrics": record["metrics"], **small}))


def grown() -> dict[str, Node]:
    experiments, problems = load("titanic", RESULTS)
    assert problems == []
    return tree(folded(experiments), differing(experiments), RESULTS)


def page() -> str:
    report()
    text = re.sub(r"<(script|style).*?</\1>", "", PAGE.read_text(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_a_recorded_base_is_a_fact_and_a_nearest_run_is_a_guess(experiment: Write) -> None:
    write(experiment, "first", 0, dropout=0.2)
    write(experiment, "other", 1, dropout=0.5)
    # By its settings it is nearer to `other`, but it was tried from `first`.
    verdict = {
        "outcome": "worse",
        "sentence": "dropout=0.5 is worse than the current settings",
        "b": {"name": "the current settings"},
    }
    write(experiment, "tried", 2, mean=0.7, dropout=0.5, base="first", changes={"model.dropout": 0.5}, verdict=verdict)
    write(experiment, "edited", 3, mean=0.9, dropout=0.5)
    nodes = grown()
    assert {name: (node.base, node.recorded) for name, node in nodes.items()} == {
        "first": ("", False),
        "other": ("first", False),
        "tried": ("first", True),
        "edited": ("tried", False),
    }
    assert nodes["tried"].changed == [("model.dropout", 0.2, 0.5)]
    text = page()
    assert "tried 0.7000 model.dropout 0.2 → 0.5 dropout=0.5 is worse than first" in text
    assert "edited 0.9000 ≈ the same settings" in text
    assert "≈ marks a guess" in text


def test_a_kept_run_that_was_tried_again_from_its_successor_makes_no_circle(experiment: Write) -> None:
    write(experiment, "old", 0, dropout=0.2, base="new", changes={"model.dropout": 0.2})
    write(experiment, "new", 1, dropout=0.3, base="old", changes={"model.dropout": 0.3})
    nodes = grown()
    assert (nodes["old"].base, nodes["new"].base) == ("", "old")
    assert [line.depth for line in lines(nodes)] == [0, 1]


def test_a_base_that_is_not_here_is_named_and_none_is_guessed_in_its_place(experiment: Write) -> None:
    write(experiment, "first", 0)
    write(experiment, "tried", 1, dropout=0.3, base="elsewhere")
    assert (grown()["tried"].base, grown()["tried"].shown) == ("elsewhere", False)
    assert "tried 0.8000 from elsewhere , which is not here" in page()


def test_dead_ends_stay_and_many_of_them_are_folded_together(experiment: Write) -> None:
    write(experiment, "first", 0)
    for number in range(OPEN + 3):
        write(experiment, f"try{number:02d}", 1 + number, 0.5 + number / 100, number / 20, base="first")
    for number in range(3):
        write(experiment, f"trial{number}", 30 + number, 0.7, 0.6 + number / 20, base="first", sweep="titanic-sweep-1")
    write(experiment, "next", 50, 0.9, 0.9, base="try10")
    made = lines(grown())
    assert [line.node.experiment.run_id for line in made if line.node and line.dead] == [
        f"try{number:02d}" for number in range(2, 10)
    ], "the best ones, in the order of time; one led further"
    groups = {line.name: [node.experiment.run_id for node in line.group] for line in made if line.group}
    assert groups == {
        "more tries": ["try01", "try00"],
        "trials of the sweep titanic-sweep-1": ["trial0", "trial1", "trial2"],
    }
    assert "3 trials of the sweep titanic-sweep-1 that led no further; the best: 0.7000" in page()
    for name in ("first", *(f"try{number:02d}" for number in range(OPEN + 3)), "trial0", "trial1", "trial2", "next"):
        assert f'<span class="id">{name}</span>' in PAGE.read_text().partition('class="tree"')[2]


def test_a_long_line_of_improvements_is_indented_so_far_only_and_then_names_its_base(experiment: Write) -> None:
    for number in range(DEPTH + 5):
        base = {"base": f"run{number - 1:02d}"} if number else {}
        write(experiment, f"run{number:02d}", number, 0.5 + number / 100, number / 100, **base)
    made = lines(grown())
    assert [line.depth for line in made] == [*range(DEPTH + 1), *[DEPTH] * 4]
    assert [line.apart for line in made] == [False] * (DEPTH + 1) + [True] * 4
    text = page()
    assert "run14 0.6400 from run13" in text
    assert "from run05" not in text
    opened = PAGE.read_text().partition('class="tree"')[2].partition("</div>")[0]
    assert opened.count("<ul>") == opened.count("</ul>") == DEPTH + 1
    assert opened.count("<li>") == opened.count("</li>") == DEPTH + 5


def sweep(**changes: Any) -> None:
    content: dict[str, Any] = {
        "trials": {"complete": 12, "pruned": 2, "failed": 0},
        "importance": {"dropout": 0.25, "width": 0.75},
        "optimism": {"naive": 0.83, "honest": 0.81, "optimism": 0.02},
        "all": [{}] * 14,
    }
    path = RESULTS / ".sweeps" / "titanic" / "0a1b2c3d" / "outcome.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | changes))


def test_the_last_sweep_tells_which_keys_mattered_and_orders_the_coordinates(experiment: Write) -> None:
    for number in range(4):
        width = 2 ** (number // 2)
        experiment(f"run{number}", mean=0.8 + number / 100, params={"model": {"dropout": number / 10, "width": width}})
    sweep()
    text = page()
    assert "14 trials: 12 complete, 2 pruned, 0 failed." in text
    assert "it is 0.8100 where each fold is scored by the trial that is best on the others: 0.0200 is the luck" in text
    told = re.findall(r'aria-label="([^"]*)"', PAGE.read_text())
    assert "shares in the variance of the trials&#39; scores: width 75%, dropout 25%" in told, "the largest first"
    assert "parallel coordinates of model.width, model.dropout and accuracy for 4 experiments" in told
    sweep(importance=None, optimism=None)
    text = page()
    assert "Too few complete trials" in text
    assert "luck" not in text
    assert "parallel coordinates of model.dropout, model.width and" in PAGE.read_text(), "by the number of values"


def test_a_broken_outcome_of_a_sweep_is_named(experiment: Write) -> None:
    experiment("abcdefgh")
    sweep(trials={})
    (problem,) = report()
    assert "0a1b2c3d/outcome.json: is not the outcome of a sweep (KeyError('complete'))" in problem
    assert "`groundwork sweep titanic` writes it again" in problem
