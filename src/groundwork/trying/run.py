"""Trains variants of a lane on its own folds, through the fold store, and records each of them as an experiment."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

import pandas as pd

from groundwork.sections.base import size_in_bytes
from groundwork.stages.run_record import files_of, former_run
from groundwork.stages.train import first_process
from groundwork.tracking.tracker import Tracker
from groundwork.training.eviction import prune
from groundwork.training.replicates import Fold, replicates
from groundwork.trying.bench import Bench, Labels
from groundwork.trying.judge import verdict
from groundwork.trying.plan import RESULTS, Candidate, Plan
from groundwork.verdict.verdict import Verdict


@dataclass
class Tried:
    """What became of a candidate.

    Attributes
    ----------
    folds, trained
        How many folds are finished, and how many of them this command has trained.
    wanted
        How many there are, over all seeds.
    seeds
        The out-of-fold rows of each seed; empty if folds are missing.
    run_id
        The experiment; empty if folds are missing, and for the current settings.
    metrics
        As the evaluate stage writes them; empty if folds are missing.
    verdict
        On a variant, against the current settings.
    """

    candidate: Candidate
    wanted: int
    folds: int = 0
    trained: int = 0
    seeds: Sequence[pd.DataFrame] = ()
    run_id: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None

    @property
    def finished(self) -> bool:
        """Whether no fold is missing."""
        return self.folds == self.wanted


class Trial:
    """The trial of several variants.

    Parameters
    ----------
    plan
        What is tried.
    note
        Why, for the records.
    minutes
        How long it may take; None for no limit.
    stream
        Where to show the progress.
    """

    def __init__(self, plan: Plan, note: str, minutes: float | None, stream: IO[str]) -> None:
        self.plan, self.note = plan, note
        self.bench = Bench(plan, minutes, stream)

    def run(self) -> list[Tried]:
        """Train what is missing; return the current settings, then the variants.

        Raises
        ------
        UserError
            If a fold cannot be trained, or Ctrl-C was pressed; finished folds are kept.
        """
        store, lane_name = self.bench.store, self.plan.lane_name
        candidates = (self.plan.current, *self.plan.variants)
        every = {key for candidate in candidates for key in self.bench.keys(candidate).values()}
        with store.lease(lane_name, every):
            if first_process():
                store.absorb(lane_name, self.bench.say)
            current = self._current()
            tried = [current, *(self._variant(candidate, current) for candidate in self.plan.variants)]
        if first_process():
            prune(store, size_in_bytes(self.plan.settings.store))
        return tried

    def _current(self) -> Tried:
        """Collect the folds of the current settings; they are no new experiment."""
        candidate = self.plan.current
        folds, tried = self._collect(candidate, self.bench.tracker(candidate, None))
        if tried.finished:
            tried.seeds = replicates(folds)
        return tried

    def _variant(self, candidate: Candidate, current: Tried) -> Tried:
        keys, started, clock = self.bench.keys(candidate), datetime.now(UTC), time.monotonic()
        former = former_run(RESULTS / self.plan.lane_name, self.plan.lane_name, keys)
        labels = Labels("try", self.plan.lane_name, candidate.name.split(" "), self.note)
        tracker = self.bench.tracker(candidate, None if former else labels)
        # In data-parallel training, only the first process logs a run.
        run_open: AbstractContextManager[Any] = tracker if first_process() else nullcontext()
        with run_open:
            folds, tried = self._collect(candidate, tracker)
            if not (tried.finished and current.finished):
                return tried
            tried.seeds = replicates(folds)
            sides = [
                (side.candidate.name, self.bench.identity(side.candidate), side.seeds) for side in (tried, current)
            ]
            tried.verdict = verdict(self.plan, sides, self.bench.prepared.folds_sha256, len(self.plan.variants))
            seconds = time.monotonic() - clock
            record = self.bench.experiment(candidate, keys, folds, former or tracker, started, seconds)
            tried.run_id, tried.metrics = record["run"]["run_id"], record["metrics"]
            tracker.use_data(self.plan.lane_name)
            self.bench.evaluate(tracker, folds, tried.metrics)
            tracker.summarize({"verdict": tried.verdict.outcome, "gain": tried.verdict.gain})
            tracker.keep(f"{self.plan.lane_name}-folds", "model", files_of(self.bench.store, self.plan.lane_name, keys))
        if first_process():
            found = self.bench.found(candidate, verdict=tried.verdict.to_json())
            self.bench.record(record, found, self.note)
        return tried

    def _collect(self, candidate: Candidate, tracker: Tracker) -> tuple[list[Fold], Tried]:
        """Take folds from the store and train the others, one replicate after the other, while there is time."""
        keys = self.bench.keys(candidate)
        tried, folds = Tried(candidate, len(keys)), list[Fold]()
        with self.bench.progress(candidate) as progress:
            for position, (part, key) in enumerate(keys.items()):
                fold, trained = self.bench.fold(candidate, part, key, tracker, progress, position)
                if fold is None:
                    progress.line(f"time is up; {len(folds)} of {len(keys)} folds are finished and kept")
                    break
                tried.trained += trained
                folds.append(fold)
            tried.folds = len(folds)
            if tried.trained < len(folds):
                progress.line(f"{len(folds) - tried.trained} of {len(keys)} folds taken from the fold store")
        return folds, tried
