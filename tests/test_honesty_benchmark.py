"""The benchmark of honesty: what it compares, and the luck that a chain of changes collects."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks import honesty
from benchmarks.honesty_chains import chain
from benchmarks.honesty_seeds import CHANGES, KEYS, pairs, share, small_changes
from benchmarks.real import Workspace

from groundwork import params


@pytest.fixture(autouse=True)
def _in_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


@pytest.mark.parametrize("lane_name", CHANGES)
def test_random_changes_are_small_and_allowed(lane_name: str, tmp_path: Path) -> None:
    shipped, found = params.load().lane(lane_name).model_dump(), list(small_changes(lane_name, 5))
    assert found == list(small_changes(lane_name, 5))
    for changes in found:
        assert len(changes) == 2
        assert set(changes) <= set(KEYS)
        for key, value in changes.items():
            section, name = key.split(".")
            assert 0.65 < value / shipped[section][name] < 1.5
    Workspace(tmp_path, tmp_path).configure(lane_name, found[0])  # validates them


def test_each_command_writes_its_part_of_the_page() -> None:
    page = Path("docs/honesty.md").read_text(encoding="utf-8")
    simulated, real = honesty.parts(page)
    assert simulated + real == page
    assert honesty.parts(simulated + "\n## Real seeds\n\nthese") == (simulated, "\n## Real seeds\n\nthese")
    assert "## Simulated" in simulated
    assert "## Simulated" not in real


def test_no_seed_is_in_two_pairs_or_in_the_spread_of_its_own() -> None:
    seeds = [np.full((honesty.ROWS, 2), seed / 100) for seed in range(12)]
    for of, count in ((1, 6), (3, 2)):
        found = pairs(seeds, of)
        used = [float(one[0, 0]) for a, b, _ in found for side in (a, b) for one in side.replicates]
        assert len(found) == count
        assert sorted(used) == [seed / 100 for seed in range(12)]
        for a, b, spread in found:
            own = {float(one[0, 0]) for side in (a, b) for one in side.replicates}
            assert not own & {float(one[0, 0]) for group in spread for one in group}
            assert bool(spread) == (of == 1)


def test_keeping_by_score_collects_luck_and_keeping_by_verdict_collects_less() -> None:
    rng = np.random.default_rng(0)
    found = [_chain(rng) for _ in range(6)]
    by_score, by_verdict = (np.mean([one[rule].public - one[rule].private for one in found]) for rule in found[0])
    assert by_score > 0.015
    assert by_verdict < by_score / 2


def test_a_change_that_is_worth_something_is_kept_by_both_rules() -> None:
    world = honesty.World(honesty.SETTINGS[0], np.random.default_rng(0), 600)
    first = world.idea("first", 3)
    good = honesty.Side("good", [0.3 * one + 0.7 * np.eye(2)[world.target] for one in first.replicates])
    public, private = np.split(np.arange(600), 2)
    for kept in chain(world.rows, public, private, [first, good]).values():
        assert kept.changes == 1
        assert kept.private > 0.05


def test_the_interval_of_a_share_is_that_of_clopper_and_pearson() -> None:
    assert share(0, 12) == "0: 0 to 26 %"
    assert share(1, 20) == "1: 0 to 25 %"
    assert share(12, 12) == "12: 74 to 100 %"


def _chain(rng: np.random.Generator) -> dict[str, honesty.Kept]:
    world = honesty.World(honesty.SETTINGS[0], rng, 2 * honesty.ROWS)
    public, private = np.split(np.arange(2 * honesty.ROWS), 2)
    return chain(world.rows, public, private, [world.idea(str(step), 3) for step in range(11)])
