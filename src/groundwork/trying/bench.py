"""Where candidates of a lane are trained: its data, the fold store, the time that is left, and what is recorded."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import IO, Any

from groundwork.data.load import load
from groundwork.experiments import memory
from groundwork.files import write_json
from groundwork.settings import Hardware, Tracking
from groundwork.stages.evaluate import experiment
from groundwork.stages.run_record import facts_of, former_run, run_of
from groundwork.stages.train import log, train_part
from groundwork.tracking.names import labels as named_labels
from groundwork.tracking.tracker import Tracker
from groundwork.training.checkpoint import part_name
from groundwork.training.origin import resolved
from groundwork.training.progress import TrainingProgress
from groundwork.training.replicates import Fold, Order, Part, averaged, history_of, replicates
from groundwork.training.store import FoldStore
from groundwork.trying.plan import PREPARED, RESULTS, Candidate, Plan


@dataclass
class Budget:
    """The time that may be spent; no fold starts that would probably end later."""

    minutes: float | None
    started: float = field(default_factory=time.monotonic)
    longest: float = 0.0

    def allows_a_fold(self) -> bool:
        """Whether a fold as long as the longest so far would end in time."""
        return self.minutes is None or self.spent + self.longest <= self.minutes * 60

    @property
    def spent(self) -> float:
        """Seconds since the command has begun."""
        return time.monotonic() - self.started


@dataclass(frozen=True)
class Labels:
    """What W&B calls a candidate's run.

    Attributes
    ----------
    job
        The type of the job, and the first tag: ``try`` or ``sweep``.
    group
        The run's group.
    tags
        Further tags.
    note
        Why, for people.
    more
        Further entries of the run's config.
    """

    job: str
    group: str
    tags: Sequence[str] = ()
    note: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


class Bench:
    """Trains candidates of a lane through the fold store, and records them.

    Parameters
    ----------
    plan
        The lane, and its current settings.
    minutes
        How long it may take; None for no limit.
    stream
        Where to show the progress.
    hardware
        In place of that of params.yaml.
    """

    def __init__(self, plan: Plan, minutes: float | None, stream: IO[str], hardware: Hardware | None = None) -> None:
        self.plan, self.stream = plan, stream
        self.budget = Budget(minutes)
        self.store = FoldStore(RESULTS / ".folds")
        self.prepared = load(plan.competition, PREPARED / plan.lane_name)
        self.hardware = resolved(hardware or plan.settings.hardware)

    def say(self, text: str) -> None:
        """Print a line about the lane."""
        print(f"{self.plan.lane_name}: {text}", file=self.stream, flush=True)

    def order(self, candidate: Candidate) -> Order:
        """Return what the candidate's folds are trained from."""
        return Order(
            self.plan.lane_name,
            self.plan.competition,
            candidate.lane,
            self.prepared,
            self.plan.settings.seed,
            self.hardware,
            candidate.code,
        )

    def keys(self, candidate: Candidate) -> dict[Part, str]:
        """Return the key of each of its folds, for all seeds."""
        return self.order(candidate).keys(self.plan.seeds)

    def identity(self, candidate: Candidate) -> str:
        """Return what identifies its folds, as in `groundwork.experiments.evidence.of_experiment`."""
        return " ".join(sorted(f"{part_name(fold, 0)} {key}" for (fold, _), key in self.keys(candidate).items()))

    @cached_property
    def base(self) -> str:
        """The run of the current settings, with their own number of seeds or the trial's; empty if there is none."""
        lane_name, order = self.plan.lane_name, self.order(self.plan.current)
        own = self.plan.settings.lane(lane_name).training.seeds
        runs = (former_run(RESULTS / lane_name, lane_name, order.keys(seeds)) for seeds in (own, self.plan.seeds))
        return next((str(run["run_id"]) for run in runs if run), "")

    def found(self, candidate: Candidate, **more: Any) -> dict[str, Any]:
        """Return what the small record of a candidate says of where it comes from, and `more`."""
        return {"changes": dict(candidate.changes), "base": self.base, **more}

    def tracker(self, candidate: Candidate, labels: Labels | None) -> Tracker:
        """Make the candidate's W&B run; without labels, one that logs nothing."""
        settings = self.plan.settings.tracking
        labels, settings = (
            (labels, settings) if labels else (Labels("", ""), Tracking(mode="disabled", project=settings.project))
        )
        source, kind = candidate.lane.source, self.plan.competition.kind
        return Tracker(
            settings,
            group=labels.group,
            name=f"{self.plan.lane_name} {candidate.name}",
            config={**facts_of(self.order(candidate)), **labels.more},
            more=named_labels(labels.job, self.plan.lane_name, kind, labels.tags, labels.note, source),
        )

    def progress(self, candidate: Candidate, cls: type[TrainingProgress] = TrainingProgress) -> TrainingProgress:
        """Make what shows the progress over the candidate's folds."""
        metric = f"val_{self.plan.competition.scorer.name}"
        name = f"{self.plan.lane_name} {candidate.name}"
        return cls(name, len(self.keys(candidate)), candidate.lane.training.epochs, metric, self.stream)

    def fold(
        self, candidate: Candidate, part: Part, key: str, tracker: Tracker, progress: TrainingProgress, position: int
    ) -> tuple[Fold | None, bool]:
        """Take a fold from the store, or train it if there is time.

        Returns
        -------
        fold
            None if there is no time.
        trained
            Whether it was trained now.

        Raises
        ------
        UserError
            If it cannot be trained, or Ctrl-C was pressed.
        """
        order = self.order(candidate)
        found = self.store.rows(order.lane_name, key, part[0], progress.line)
        if found is not None:
            progress.skip(position)
            for epoch in found.history:
                log(tracker, part, epoch)
            return found, False
        if not self.budget.allows_a_fold():
            return None, False
        began = time.monotonic()
        trained = train_part(order, part, key, self.store, tracker, progress, position)
        self.budget.longest = max(self.budget.longest, time.monotonic() - began)
        return trained, True

    def experiment(
        self,
        candidate: Candidate,
        keys: Mapping[Part, str],
        folds: Sequence[Fold],
        run: Tracker | dict[str, Any],
        started: datetime,
        seconds: float,
    ) -> dict[str, Any]:
        """Return the record of a candidate whose folds are finished.

        Parameters
        ----------
        run
            Its W&B run, or the ``run.json`` of a former experiment of these folds.
        """
        seeds = replicates(folds)
        if isinstance(run, Tracker):
            run = run_of(self.order(candidate), run, self.store, keys, seeds, started, seconds)
        oof = averaged(seeds, self.plan.competition.kind)
        return experiment(self.plan.lane_name, self.plan.competition, run, oof, history_of(folds))

    def evaluate(
        self, tracker: Tracker, folds: Sequence[Fold], metrics: Mapping[str, Any] | None = None, *, rows: bool = True
    ) -> None:
        """Log what a candidate's folds predicted; without `rows`, scores and curves only."""
        oof = averaged(replicates(folds), self.plan.competition.kind)
        tracker.evaluate(self.plan.competition, oof, self.prepared.labels if rows else None, metrics)

    def record(self, record: Mapping[str, Any], found: Mapping[str, Any], note: str = "", anew: bool = False) -> None:
        """Write the experiment, and its small record with what was `found`, unless they are there.

        Parameters
        ----------
        note
            Written into a small record that is there, too.
        anew
            Whether what was found replaces what is there.
        """
        lane_name, run_id = self.plan.lane_name, record["run"]["run_id"]
        path = RESULTS / memory.WHOLE / lane_name / f"{run_id}.json"
        if not path.exists():
            write_json(path, record)
        known = [file for file in memory.files(lane_name, RESULTS) if file.stem == run_id]
        content = memory.read(known[0]) if known else memory.small(record)
        if note or anew or not found.keys() <= content.keys():
            kept = {**content, **found} if anew else {**found, **content}
            memory.put({**kept, **({"note": note} if note else {})}, RESULTS)
