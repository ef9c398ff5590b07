"""Trains variants of a lane on its own folds, through the fold store, and records each of them as an experiment."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

import pandas as pd

from groundwork.data.load import load
from groundwork.experiments import memory
from groundwork.files import write_json
from groundwork.sections.base import size_in_bytes
from groundwork.settings import Tracking
from groundwork.stages.evaluate import experiment
from groundwork.stages.train import facts_of, first_process, former_run, log, run_of, train_part
from groundwork.tracking.tracker import Tracker, cross_validated
from groundwork.training.checkpoint import part_name
from groundwork.training.eviction import prune
from groundwork.training.origin import resolved
from groundwork.training.progress import TrainingProgress
from groundwork.training.replicates import Fold, Order, Part, averaged, history_of, replicates
from groundwork.training.store import FoldStore
from groundwork.trying.judge import verdict
from groundwork.trying.plan import PREPARED, RESULTS, Candidate, Plan
from groundwork.verdict.verdict import Verdict

TAG = 64  # the most characters of a tag in W&B


@dataclass
class Budget:
    """The time that may be spent; no fold starts that would probably end later."""

    minutes: float | None
    started: float = field(default_factory=time.monotonic)
    longest: float = 0.0

    def allows_a_fold(self) -> bool:
        """Whether a fold as long as the longest so far would end in time."""
        return self.minutes is None or time.monotonic() - self.started + self.longest <= self.minutes * 60


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
        self.plan, self.note, self.stream = plan, note, stream
        self.budget = Budget(minutes)
        self.store = FoldStore(RESULTS / ".folds")
        self.prepared = load(plan.competition, PREPARED / plan.lane_name)
        self.hardware = resolved(plan.settings.hardware)

    def run(self) -> list[Tried]:
        """Train what is missing; return the current settings, then the variants.

        Raises
        ------
        UserError
            If a fold cannot be trained, or Ctrl-C was pressed; finished folds are kept.
        """
        candidates = (self.plan.current, *self.plan.variants)
        every = {key for candidate in candidates for key in self._keys(candidate).values()}
        with self.store.lease(self.plan.lane_name, every):
            if first_process():
                self.store.absorb(self.plan.lane_name, self._say)
            current = self._current()
            tried = [current, *(self._variant(candidate, current) for candidate in self.plan.variants)]
        if first_process():
            prune(self.store, size_in_bytes(self.plan.settings.store))
        return tried

    def _say(self, text: str) -> None:
        print(f"{self.plan.lane_name}: {text}", file=self.stream, flush=True)

    def _order(self, candidate: Candidate) -> Order:
        return Order(
            self.plan.lane_name,
            self.plan.competition,
            candidate.lane,
            self.prepared,
            self.plan.settings.seed,
            self.hardware,
            candidate.code,
        )

    def _keys(self, candidate: Candidate) -> dict[Part, str]:
        return self._order(candidate).keys(self.plan.seeds)

    def _identity(self, candidate: Candidate) -> str:
        return " ".join(sorted(f"{part_name(fold, 0)} {key}" for (fold, _), key in self._keys(candidate).items()))

    def _tracker(self, candidate: Candidate, tracked: bool) -> Tracker:
        settings = self.plan.settings.tracking
        quiet = Tracking(mode="disabled", project=settings.project)
        tags = ["try", *(text[:TAG] for text in candidate.name.split(" "))]
        return Tracker(
            settings if tracked else quiet,
            group=self.plan.lane_name,
            name=f"{self.plan.lane_name} {candidate.name}",
            config=facts_of(self._order(candidate)),
            more={"job_type": "try", "tags": tags, "notes": self.note or None},
        )

    def _current(self) -> Tried:
        """Collect the folds of the current settings; they are no new experiment."""
        candidate = self.plan.current
        folds, tried = self._collect(candidate, self._tracker(candidate, False))
        if tried.finished:
            tried.seeds = replicates(folds)
        return tried

    def _variant(self, candidate: Candidate, current: Tried) -> Tried:
        keys, started, clock = self._keys(candidate), datetime.now(UTC), time.monotonic()
        former = former_run(RESULTS / self.plan.lane_name, self.plan.lane_name, keys)
        tracker = self._tracker(candidate, tracked=former is None)
        # In data-parallel training, only the first process logs a run.
        run_open: AbstractContextManager[Any] = tracker if first_process() else nullcontext()
        with run_open:
            folds, tried = self._collect(candidate, tracker)
            if not (tried.finished and current.finished):
                return tried
            tried.seeds = replicates(folds)
            sides = [(side.candidate.name, self._identity(side.candidate), side.seeds) for side in (tried, current)]
            tried.verdict = verdict(self.plan, sides, self.prepared.folds_sha256)
            seconds = time.monotonic() - clock
            run = former or run_of(self._order(candidate), tracker, self.store, keys, tried.seeds, started, seconds)
            oof = averaged(tried.seeds, self.plan.competition.kind)
            history = history_of(folds)
            record = experiment(self.plan.lane_name, self.plan.competition, run, oof, history)
            tried.run_id, tried.metrics = run["run_id"], record["metrics"]
            scores = cross_validated(tried.metrics["metric"], tried.metrics["folds"], tried.metrics["oof"])
            tracker.summarize({**scores, "verdict": tried.verdict.outcome, "gain": tried.verdict.gain})
        if first_process():
            self._record(tried, record)
        return tried

    def _collect(self, candidate: Candidate, tracker: Tracker) -> tuple[list[Fold], Tried]:
        """Take folds from the store and train the others, one replicate after the other, while there is time."""
        order, keys = self._order(candidate), self._keys(candidate)
        tried, folds = Tried(candidate, len(keys)), list[Fold]()
        epochs, metric = candidate.lane.training.epochs, f"val_{self.plan.competition.scorer.name}"
        showing = TrainingProgress(f"{order.lane_name} {candidate.name}", len(keys), epochs, metric, self.stream)
        with showing as progress:
            for position, (part, key) in enumerate(keys.items()):
                fold: Fold | None = self.store.rows(order.lane_name, key, part[0], progress.line)
                if fold is not None:
                    progress.skip(position)
                    for epoch in fold.history:
                        log(tracker, part, epoch)
                elif self.budget.allows_a_fold():
                    began = time.monotonic()
                    fold = train_part(order, part, key, self.store, tracker, progress, position)
                    self.budget.longest = max(self.budget.longest, time.monotonic() - began)
                    tried.trained += 1
                else:
                    progress.line(f"time is up; {len(folds)} of {len(keys)} folds are finished and kept")
                    break
                folds.append(fold)
            tried.folds = len(folds)
            if tried.trained < len(folds):
                progress.line(f"{len(folds) - tried.trained} of {len(keys)} folds taken from the fold store")
        return folds, tried

    def _record(self, tried: Tried, record: dict[str, Any]) -> None:
        """Write the experiment, and its small record with the verdict, unless they are there."""
        lane_name = self.plan.lane_name
        path = RESULTS / memory.WHOLE / lane_name / f"{tried.run_id}.json"
        if not path.exists():
            write_json(path, record)
        known = [file for file in memory.files(lane_name, RESULTS) if file.stem == tried.run_id]
        content = memory.read(known[0]) if known else memory.small(record)
        if self.note or "verdict" not in content:
            assert tried.verdict is not None  # it was finished
            found = {"changes": dict(tried.candidate.changes), "verdict": tried.verdict.to_json()}
            memory.put({**found, **content, **({"note": self.note} if self.note else {})}, RESULTS)
