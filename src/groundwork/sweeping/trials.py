"""The trials of a sweep: who starts the next one, with which values, and what becomes of those whose process died."""

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from groundwork.locks import locked
from groundwork.sweeping.journal import storage

# What a trial knows of itself: the lock and the place of its process, the trial that it repeats, and why it failed. A
# trial that failed for no known reason is one whose process ended, of itself (Ctrl-C, no time left) or by a kill.
WORKER, PLACE, AGAIN, PROBLEM, STOPPED = "worker", "place", "again", "problem", "stopped"
KILLS = 10  # Settings that need too much memory get every process killed that trains them; others are unlucky once.


class Trials:
    """The trials of a sweep, in a folder that several processes and machines may share.

    Each process holds a lock of its own, a worker, which the kernel releases when the process dies, for whatever
    reason. A running trial names its worker: if that lock is free, nobody runs the trial.

    Parameters
    ----------
    folder
        Where the journal is.
    distributions
        What Optuna draws from, by key.
    higher_is_better, seed
        Of the metric; of Optuna's draws.
    say
        Gets a line about each thing that was mended.
    """

    def __init__(
        self,
        folder: Path,
        distributions: Mapping[str, BaseDistribution],
        *,
        higher_is_better: bool,
        seed: int,
        say: Callable[[str], None],
    ) -> None:
        self.folder, self.distributions, self.seed, self.say = folder, dict(distributions), seed, say
        self.worker = secrets.token_hex(8)
        with self._alone():
            self.storage = storage(folder, say)
            self.study = optuna.create_study(
                storage=self.storage,
                study_name="sweep",
                direction="maximize" if higher_is_better else "minimize",
                load_if_exists=True,
            )

    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold this process's own lock while the block runs."""
        with ExitStack() as stack:
            stack.callback(self._worker(self.worker).unlink, missing_ok=True)
            stack.enter_context(locked(self._worker(self.worker)))
            killed = False
            try:
                yield
            except MemoryError:
                killed = True
                raise
            finally:
                if not killed:
                    self._stop()

    def _stop(self) -> None:
        """Write down that this process leaves its trial of its own will."""
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            if trial.user_attrs.get(WORKER) == self.worker:
                self._note(trial, STOPPED, True)

    @property
    def finished(self) -> list[FrozenTrial]:
        """The trials that have ended by themselves, not by the end of their process, in their order."""
        return [trial for trial in self.study.trials if _has_ended(trial)]

    @property
    def running(self) -> list[FrozenTrial]:
        """The trials that other processes are running."""
        return [trial for trial in self.study.trials if self._is_run(trial)]

    def complete(self) -> list[FrozenTrial]:
        """Return the trials whose folds are all finished."""
        return [trial for trial in self.finished if trial.state == TrialState.COMPLETE]

    def claim(self, wanted: int, first: Mapping[str, Any] | None) -> Trial | None:
        """Begin the next trial: one whose process died, or one that Optuna proposes.

        Parameters
        ----------
        wanted
            The number of trials of the whole sweep.
        first
            Values of the first trial; None to let Optuna choose.

        Returns
        -------
        Trial or None
            None if there are enough, finished or running.
        """
        with self._alone():
            self._mend()
            trials = self.study.trials
            taken = sum(_has_ended(trial) or self._is_run(trial) for trial in trials)
            if taken >= wanted:
                return None
            if first is not None and not trials:
                self.study.enqueue_trial(dict(first))
            # The draws depend on the finished trials and on the number alone: if the journal is lost, one process
            # proposes the same trials again, whose folds are in the fold store.
            number = np.random.SeedSequence([self.seed, taken]).generate_state(1)
            self.study.sampler = TPESampler(seed=int(number[0]))
            trial = self.study.ask(self.distributions)
            trial.set_user_attr(WORKER, self.worker)
            trial.set_user_attr(PLACE, f"{socket.gethostname()}, process {os.getpid()}")
            return trial

    def end(
        self, trial: Trial, state: TrialState, value: float | None = None, facts: Mapping[str, Any] | None = None
    ) -> None:
        """Write what became of a trial."""
        # While another process claims, no trial may end: its values would be taken for those of a dead process, or its
        # place in the order twice. Where locks do not reach so far, another machine may have taken this one for dead.
        with self._alone(), suppress(UpdateFinishedTrialError):
            for name, fact in (facts or {}).items():
                trial.set_user_attr(name, fact)
            self.study.tell(trial, value, state=state, skip_if_finished=True)

    def _mend(self) -> None:
        """Queue the trials again whose process ended; those fail that were killed too often."""
        trials = self.study.trials
        queued = {trial.user_attrs.get(AGAIN) for trial in trials}
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            if self._is_run(trial):
                continue
            number, place = trial.number, trial.user_attrs.get(PLACE, "")
            told = f"trial {number}: its process has ended{f' ({place})' if place else ''}"
            # A queued trial keeps its values here until they are drawn.
            values = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
            if _kills(number, trials) >= KILLS:
                self._note(trial, PROBLEM, f"its process was killed {KILLS} times; too little memory?")
                told += f"; {KILLS} processes were killed with these values: the trial has failed"
            elif values and number not in queued:
                self.study.enqueue_trial(values, {AGAIN: number})
                told += "; it is queued again"
            self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
            self.say(told)

    def _note(self, trial: FrozenTrial, name: str, fact: Any) -> None:
        with suppress(UpdateFinishedTrialError):
            self.storage.set_trial_user_attr(trial._trial_id, name, fact)

    def _is_run(self, trial: FrozenTrial) -> bool:
        """Whether another process is running a trial; this one asks only between its own."""
        worker = trial.user_attrs.get(WORKER)
        # Without a worker, its process died in `claim`, which only one process does at a time.
        if trial.state != TrialState.RUNNING or worker is None or worker == self.worker:
            return False
        path = self._worker(worker)
        with locked(path, wait=False) as free:
            pass
        if free:
            path.unlink(missing_ok=True)
        return not free

    def _worker(self, name: str) -> Path:
        return self.folder / "workers" / name

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with locked(self.folder / "claim.lock"):
            yield


def _has_ended(trial: FrozenTrial) -> bool:
    """Whether a trial has ended by itself, and not with its process."""
    return trial.state.is_finished() and (trial.state != TrialState.FAIL or PROBLEM in trial.user_attrs)


def _kills(number: int | None, trials: Sequence[FrozenTrial]) -> int:
    """Count how often the values of a trial were running when their process was killed, this trial included."""
    kills = 0
    while number is not None:
        attributes = trials[number].user_attrs
        kills += WORKER in attributes and STOPPED not in attributes
        number = attributes.get(AGAIN)
    return kills
