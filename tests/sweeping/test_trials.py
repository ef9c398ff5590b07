"""Who runs which trial: shared by processes, killed at random instants, proposed again where the journal is lost."""

import multiprocessing
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState

from groundwork.sweeping.trials import AGAIN, KILLS, PROBLEM, Trials

SPACE = {"x": FloatDistribution(0, 1), "y": IntDistribution(0, 9)}
WANTED = 40


def opened(folder: Path, say: Any = lambda text: None, seed: int = 0) -> Trials:
    return Trials(folder, SPACE, higher_is_better=False, seed=seed, say=say)


def finish(trials: Trials, trial: Any) -> None:
    trials.end(trial, TrialState.COMPLETE, (trial.params["x"] - 0.3) ** 2 + trial.params["y"])


def work(folder: Path, ready: Path) -> None:
    """Run trials until there are enough; each takes some milliseconds."""
    trials = opened(folder)
    ready.touch()
    with trials.working():
        while (trial := trials.claim(WANTED, None)) is not None:
            time.sleep(0.02)
            finish(trials, trial)


def worker(folder: Path) -> Any:
    ready = folder.parent / f"ready-{time.monotonic_ns()}"
    process = multiprocessing.get_context("fork").Process(target=work, args=(folder, ready))
    process.start()
    while not ready.exists():
        assert process.is_alive()
        time.sleep(0.001)
    return process


def params(trials: Trials) -> list[dict[str, Any]]:
    return [trial.params for trial in trials.finished]


def test_a_trial_whose_process_is_killed_is_queued_again_with_its_values(tmp_path: Path) -> None:
    said: list[str] = []
    trials = opened(tmp_path, said.append)
    with trials.working():
        taken = trials.claim(WANTED, None)
        assert taken is not None
        # Another process leaves it alone, and takes the next one.
        other = opened(tmp_path, said.append)
        with other.working():
            second = other.claim(WANTED, None)
            assert second is not None
            assert (second.number, said) == (1, [])
            assert [trial.number for trial in other.running] == [0]
            finish(other, second)
    # Its lock is free now, as after a kill.
    later = opened(tmp_path, said.append)
    with later.working():
        again = later.claim(WANTED, None)
        assert again is not None
        assert (again.number, again.params) == (2, taken.params)
        assert later.study.trials[2].user_attrs[AGAIN] == 0
        assert later.study.trials[0].state == TrialState.FAIL
        assert len(said) == 1
        assert said[0].startswith("trial 0: its process has ended (")
        finish(later, again)
        # It counts once, and what it would have said afterwards is ignored.
        trials.end(taken, TrialState.COMPLETE, 0.0)
        assert [trial.number for trial in later.finished] == [1, 2]


def test_a_trial_that_was_only_begun_is_taken_over(tmp_path: Path) -> None:
    trials = opened(tmp_path)
    begun = trials.study.ask()  # killed in `claim`, before its lock was written down
    begun.suggest_float("x", 0, 1)
    with trials.working():
        again = trials.claim(WANTED, None)
        assert again is not None
        assert again.params["x"] == begun.params["x"]
        assert set(again.params) == {"x", "y"}


def test_a_queued_trial_that_is_killed_again_keeps_its_values(tmp_path: Path) -> None:
    trials, values = opened(tmp_path), {"x": 0.25, "y": 7}
    trials.study.enqueue_trial(values)
    trials.study.ask()  # killed before its values were drawn
    with trials.working():
        again = trials.claim(WANTED, None)
        assert again is not None
        assert again.params == values


def test_enough_is_enough_and_a_failed_trial_counts(tmp_path: Path) -> None:
    trials = opened(tmp_path)
    with trials.working():
        first = trials.claim(2, {"x": 0.5, "y": 3})
        assert first is not None
        assert first.params == {"x": 0.5, "y": 3}
        trials.end(first, TrialState.FAIL, facts={PROBLEM: "the loss became NaN"})
        second = trials.claim(2, {"x": 0.5, "y": 3})
        assert second is not None
        assert second.params != first.params
        assert opened(tmp_path).claim(2, None) is None  # one has failed, one is running
        finish(trials, second)
        assert trials.claim(2, None) is None
        assert trials.claim(3, None) is not None


def test_values_that_get_every_process_killed_fail(tmp_path: Path) -> None:
    said: list[str] = []
    started: list[Any] = []
    # Stopped by a person, any number of times: each time the same values again.
    for _ in range(4):
        trials = opened(tmp_path)
        with trials.working():
            started.append(trials.claim(WANTED, None).params)  # type: ignore[union-attr]
    # Out of memory, and killed (its worker's lock is free, and nothing was written).
    trials = opened(tmp_path)
    with pytest.raises(MemoryError), trials.working():  # noqa: PT012
        started.append(trials.claim(WANTED, None).params)  # type: ignore[union-attr]
        raise MemoryError
    started += [opened(tmp_path).claim(WANTED, None).params for _ in range(KILLS - 1)]  # type: ignore[union-attr]
    assert all(values == started[0] for values in started)
    trials = opened(tmp_path, said.append)
    with trials.working():
        following = trials.claim(WANTED, None)
        assert following is not None
        assert following.params != started[0]
    assert [trial.params for trial in trials.finished] == [started[0]]
    assert f"killed {KILLS} times" in trials.finished[0].user_attrs[PROBLEM]
    assert said[-1].endswith(f"{KILLS} processes were killed with these values: the trial has failed")


def test_killed_at_random_instants_no_trial_is_lost_or_run_twice(tmp_path: Path) -> None:
    folder, instants = tmp_path / "sweep", random.Random(0)
    for _ in range(8):
        process = worker(folder)
        time.sleep(instants.uniform(0, 0.15))
        process.kill()
        process.join()
    # Three processes share the rest.
    last = [worker(folder) for _ in range(3)]
    for process in last:
        process.join(60)
    assert [process.exitcode for process in last] == [0, 0, 0]
    trials = opened(folder)
    assert trials.claim(WANTED, None) is None
    assert [trial.state for trial in trials.finished] == [TrialState.COMPLETE] * WANTED
    assert len({tuple(one.items()) for one in params(trials)}) == WANTED
    assert trials.running == []
    # Whatever was begun and not ended was repeated with the same values.
    left = [trial for trial in trials.study.trials if trial.state == TrialState.FAIL]
    assert all(trial.params in params(trials) for trial in left if len(trial.params) == len(SPACE))


def test_a_lost_journal_is_proposed_again(tmp_path: Path) -> None:
    def run(folder: Path, number: int) -> list[dict[str, Any]]:
        trials = opened(folder)
        with trials.working():
            for _ in range(number):
                trial = trials.claim(WANTED, None)
                assert trial is not None
                finish(trials, trial)
        return params(trials)

    folder = tmp_path / "one"
    run(folder, 6)
    # One is left in the middle: it takes no place in the order.
    opened(folder).claim(WANTED, None)
    before = run(folder, 9)
    shutil.rmtree(folder)
    assert run(folder, 15) == before
    assert params(opened(folder)) == before


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_direction_is_the_metric_s(tmp_path: Path, higher_is_better: bool) -> None:
    trials = Trials(tmp_path, SPACE, higher_is_better=higher_is_better, seed=0, say=print)
    assert trials.study.direction.name == ("MAXIMIZE" if higher_is_better else "MINIMIZE")
