"""Runs a sweep: each trial's folds are trained one after the other, for as long as it is promising."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import IO, Any

from optuna.trial import FrozenTrial, Trial, TrialState

from groundwork.data.prepared import FINAL
from groundwork.errors import UserError
from groundwork.experiments import sweeps
from groundwork.experiments.verdicts import verdict_between
from groundwork.files import disk_error
from groundwork.sections.base import size_in_bytes
from groundwork.stages.run_record import former_run
from groundwork.sweeping.plan import SweepPlan
from groundwork.sweeping.promise import promising
from groundwork.sweeping.trials import PROBLEM, Trials
from groundwork.tracking.tracker import Tracker
from groundwork.training.eviction import prune
from groundwork.training.progress import SECONDS_BETWEEN_LINES, TrainingProgress
from groundwork.training.replicates import Fold, Part, replicates
from groundwork.trying.bench import Bench, Labels
from groundwork.trying.judge import evidence
from groundwork.trying.plan import PREPARED, RESULTS, Candidate
from groundwork.verdict.verdict import Verdict

STOPPED = 130  # the exit code of Ctrl-C


class OutOfTimeError(Exception):
    """A fold is missing, and there is no time to train it."""


class _Quiet(TrainingProgress):
    """Leaves out the lines of folds that follow each other quickly: a trial has a line of its own."""

    def line(self, text: str) -> None:
        if time.monotonic() - self.last_line > SECONDS_BETWEEN_LINES:
            super().line(text)


@dataclass
class Sides:
    """The folds of a candidate so far, by part, and how many of them were trained now."""

    candidate: Candidate
    folds: dict[Part, Fold]
    trained: int = 0

    def frames(self, numbers: Sequence[int]) -> list[Any]:
        """Return the out-of-fold rows of some folds, for each seed."""
        return replicates([fold for (number, _), fold in self.folds.items() if number in numbers])


class Sweep:
    """A sweep over the keys of a lane.

    Parameters
    ----------
    plan
        What is varied.
    wanted
        The number of trials, those of former runs of the command included.
    note
        Why, for the records.
    minutes
        How long it may take; None for no limit.
    stream
        Where to show the progress.
    """

    def __init__(self, plan: SweepPlan, wanted: int, note: str, minutes: float | None, stream: IO[str]) -> None:
        self.plan, self.wanted, self.note = plan, wanted, note
        # Several processes share a sweep, each with one device; more devices for one trial would need all of them.
        one = plan.plan.settings.hardware.model_copy(update={"devices": 1, "num_nodes": 1})
        self.bench = Bench(plan.plan, minutes, stream, one)
        self.metric = plan.plan.competition.scorer
        self.trained = 0
        self.name = f"{plan.plan.lane_name}-sweep-{self._digest()}"
        self.trials = Trials(
            sweeps.folder(plan.plan.lane_name, RESULTS) / self._digest(),
            plan.space.distributions,
            higher_is_better=self.metric.higher_is_better,
            seed=plan.plan.settings.seed,
            say=self.bench.say,
        )

    def run(self) -> Sides | None:
        """Run trials until there are enough, or time is up; return the current settings' folds, if there was time.

        Raises
        ------
        UserError
            If the current settings cannot be trained, Ctrl-C was pressed, or the disk is full; finished folds are kept.
        """
        bench, plan = self.bench, self.plan.plan
        with bench.store.lease(plan.lane_name, bench.keys(plan.current).values()):
            bench.store.absorb(plan.lane_name, bench.say)
            try:
                current = self.collect(plan.current)
            except OutOfTimeError:
                return None
            with self.trials.working():
                while bench.budget.allows_a_fold():
                    trial = self.trials.claim(self.wanted, self.plan.space.drawn(plan.current.lane))
                    if trial is None:
                        break
                    try:
                        self._trial(trial, current)
                    except OutOfTimeError:
                        break
        return current

    def collect(self, candidate: Candidate) -> Sides:
        """Take all folds of a candidate from the store, and train what is missing.

        Raises
        ------
        OutOfTimeError
            If there is no time for it.
        UserError
            If a fold cannot be trained.
        """
        side = Sides(candidate, {})
        with self.bench.progress(candidate, _Quiet) as progress:
            self._extend(side, list(self.bench.keys(candidate)), self.bench.tracker(candidate, None), progress)
        return side

    def _extend(self, side: Sides, parts: Sequence[Part], tracker: Tracker, progress: TrainingProgress) -> None:
        keys = self.bench.keys(side.candidate)
        for part in parts:
            fold, trained = self.bench.fold(side.candidate, part, keys[part], tracker, progress, len(side.folds))
            if fold is None:
                raise OutOfTimeError
            side.folds[part] = fold
            side.trained += trained
            self.trained += trained

    def _trial(self, trial: Trial, current: Sides) -> None:
        """Train a trial, and write what became of it: a failed trial is no failed sweep."""
        bench, began = self.bench, time.monotonic()
        try:
            candidate = self.plan.candidate(trial.number, trial.params)
            with bench.store.lease(self.plan.plan.lane_name, bench.keys(candidate).values()):
                told = self._train(trial, candidate, current)
        except (OutOfTimeError, MemoryError):
            raise
        except Exception as error:
            if isinstance(error, UserError):
                problem, cause, stopped = error.problem, error.__cause__, error.exit_code == STOPPED
            else:
                problem, cause, stopped = f"{type(error).__name__}: {error}", error, False
            if stopped or (cause is not None and disk_error(cause, RESULTS)):
                raise
            problem = " ".join(problem.split())[:500]
            self.trials.end(trial, TrialState.FAIL, facts={PROBLEM: problem})
            told = f"failed: {problem}"
        self._say(trial, told, time.monotonic() - began)
        prune(bench.store, size_in_bytes(self.plan.plan.settings.store))

    def _train(self, trial: Trial, candidate: Candidate, current: Sides) -> str:
        """Train a trial's folds while it is promising; return what became of it."""
        bench, plan, started, clock = self.bench, self.plan.plan, datetime.now(UTC), time.monotonic()
        keys = bench.keys(candidate)
        former = former_run(RESULTS / plan.lane_name, plan.lane_name, keys)
        labels = Labels("sweep", self.name, note=self.note, more={"sweep": self.plan.space.shown(trial.params)})
        # The current settings are no new experiment, and a former one has its run.
        tracker = bench.tracker(candidate, None if former or candidate is plan.current else labels)
        side, seen = Sides(candidate, {}), list[int]()
        numbers = list(dict.fromkeys(number for number, _ in keys if number != FINAL))
        with tracker, bench.progress(candidate, _Quiet) as progress:
            for number in numbers:
                self._extend(side, [part for part in keys if part[0] == number], tracker, progress)
                seen.append(number)
                if len(seen) == len(numbers):
                    break
                found = self._so_far(side, current, seen)
                if found is None:
                    continue
                trial.report(fmean(found.a.folds), len(seen))
                if not promising(found):
                    bench.evaluate(tracker, [*side.folds.values()], rows=False)
                    tracker.summarize({"state": "pruned", "gain": found.gain})
                    self.trials.end(trial, TrialState.PRUNED, facts={"folds": [*found.a.folds], "name": candidate.name})
                    return f"pruned after {len(seen)} of {len(numbers)} folds, {self._scores(found)}"
            self._extend(side, [part for part in keys if part[0] == FINAL], tracker, progress)
            # In the order of `keys`, as `try` has them: one whole replicate after the other.
            folds = [side.folds[part] for part in keys]
            record = bench.experiment(candidate, keys, folds, former or tracker, started, time.monotonic() - clock)
            metrics = record["metrics"]
            # Its folds are a point of a plot of many; `try` makes a table and plots of the best one.
            bench.evaluate(tracker, folds, metrics, rows=False)
            tracker.summarize({"state": "complete"})
        run_id = None
        if candidate is not plan.current:
            run_id = record["run"]["run_id"]
            bench.record(record, bench.found(candidate, sweep=self.name), self.note)
        facts = {"folds": metrics["folds"], "run_id": run_id, "name": candidate.name}
        self.trials.end(trial, TrialState.COMPLETE, metrics["mean"], facts)
        best = self.best()
        so_far = f", best so far {best.value:.4f}" if best and best.number != trial.number else ""
        return f"{self.metric.name} {metrics['mean']:.4f}{so_far}"

    def best(self) -> FrozenTrial | None:
        """Return the best complete trial that is not the current settings; the first one where several are equal."""
        tried = [trial for trial in self.trials.complete() if trial.user_attrs["run_id"]]
        sign = -1 if self.metric.higher_is_better else 1
        return min(tried, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)

    def _so_far(self, side: Sides, current: Sides, seen: Sequence[int]) -> Verdict | None:
        """Compare a trial with the current settings on the rows so far; None where too few to compute the metric."""
        if side.candidate is current.candidate:
            return None
        pairs = [(one.candidate.name, "", one.frames(seen)) for one in (side, current)]
        try:
            a, b = evidence(self.plan.plan, pairs, self.bench.prepared.folds_sha256)
            return verdict_between(a, b, prepared=PREPARED)
        except UserError:
            return None

    def _scores(self, found: Verdict) -> str:
        a, b = fmean(found.a.folds), fmean(found.b.folds)
        return f"{self.metric.name} {a:.4f} against {b:.4f} of the current settings"

    def _say(self, trial: Trial, told: str, seconds: float) -> None:
        finished = self.trials.finished
        budget = self.bench.budget
        durations = [
            (one.datetime_complete - one.datetime_start).total_seconds()
            for one in finished
            if one.datetime_complete and one.datetime_start
        ]
        left = max(self.wanted - len(finished), 0) * (fmean(durations) if durations else seconds)
        if budget.minutes is not None:
            left = min(left, max(budget.minutes * 60 - budget.spent, 0.0))
        name = " ".join(f"{key}={value}" for key, value in self.plan.space.shown(trial.params).items())
        ahead = f"; about {round(left / 60)} min left" if left >= 90 else f"; about {round(left)} s left"
        done = f"{len(finished)} of {self.wanted}"
        self.bench.say(f"trial {trial.number} ({done}): {name}: {told}{ahead if left else ''}")

    def _digest(self) -> str:
        """Return what names the sweep: equal where the same trial would have the same score.

        The current values of the keys that vary do not count, so that a sweep goes on after `groundwork keep`.
        """
        plan, space = self.plan.plan, self.plan.space
        parts = {"competition", "encoding", "model", "objective", "training"}
        settings = plan.current.lane.model_dump(mode="json", include=parts)
        for key in space.keys:
            *parents, last = key.split(".")
            inner: Any = settings
            for parent in parents:
                inner = inner.get(parent) or {}
            inner.pop(last, None)
        varied = {key: repr(one) for key, one in space.keys.items()}
        data = [self.bench.prepared.data_sha256, self.bench.prepared.folds_sha256]
        code = sorted({*self.plan.codes.values()})
        content = [settings, varied, data, code, plan.settings.seed, self.bench.hardware.precision, self.metric.name]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
