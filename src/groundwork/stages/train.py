"""The train stage takes finished folds from the fold store, trains the missing ones and logs them as one run."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pytorch_lightning.utilities import rank_zero_only

from groundwork.competitions import Competition
from groundwork.data.load import load
from groundwork.data.prepared import FINAL, Prepared
from groundwork.errors import UserError
from groundwork.files import read_or_empty, write_json, writing
from groundwork.objectives.metrics import Metric
from groundwork.objectives.oof import cross_validate
from groundwork.sections.base import size_in_bytes
from groundwork.settings import Hardware, Lane, Tracking
from groundwork.stages.job import Job
from groundwork.stages.run_record import facts_of, files_of, former_run, run_of
from groundwork.tracking.names import labels, named
from groundwork.tracking.tracker import Tracker
from groundwork.training.checkpoint import TrainedFold, fold_file, has_weights, part_name
from groundwork.training.eviction import prune, summary
from groundwork.training.fold import train_fold
from groundwork.training.inference import Epoch
from groundwork.training.origin import resolved
from groundwork.training.progress import TrainingProgress
from groundwork.training.replicates import Order, Part, averaged, history_of, mixed, replicates
from groundwork.training.store import FoldStore


def run(job: Job) -> None:
    """Train the folds of the job's lane."""
    train(
        job.lane_name,
        job.competition,
        job.lane,
        load(job.competition, job.prepared),
        job.results,
        seed=job.params.seed,
        tracking=job.params.tracking,
        hardware=job.params.hardware,
        code=job.code,
        store_bytes=size_in_bytes(job.params.store),
        out=job.place(job.results),
    )


def train(
    lane_name: str,
    competition: Competition,
    lane: Lane,
    prepared: Prepared,
    results: Path,
    *,
    seed: int,
    tracking: Tracking,
    hardware: Hardware,
    code: str,
    store_bytes: int,
    out: Path | None = None,
) -> None:
    """Load or train a lane's folds; write ``checkpoints/``, ``oof.parquet``, ``history.csv`` and ``run.json``.

    Parameters
    ----------
    lane_name, lane
        The lane's name and its section of params.yaml.
    prepared
        The output of the prepare stage.
    results
        The lane's folder of results; the fold store is in the same parent folder.
    seed
        Seed of weights, order, dropout and augmentation, see `groundwork.training.seeds`.
    tracking, hardware
        Sections of params.yaml.
    code
        Hash of the fingerprint of the code that this lane's training uses, a part of the folds' keys.
    store_bytes
        Size to which the fold store is pruned afterwards.
    out
        Where to write, in place of `results`.

    Raises
    ------
    UserError
        If the data does not suit, the loss becomes NaN, or Ctrl-C was pressed: the message then says how to continue.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    order = Order(lane_name, competition, lane, prepared, seed, resolved(hardware), code)
    keys = order.keys(lane.training.seeds)
    store = FoldStore(results.parent / ".folds")
    metric = competition.scorer
    done: list[TrainedFold] = []
    # Fail now, not after the first fold, if the results cannot be written.
    with writing(store.folder / lane_name / "writable") as probe:
        probe.touch()

    former = former_run(results, lane_name, keys)
    if former is not None and all(has_weights(store.path(lane_name, key, fold)) for (fold, _), key in keys.items()):
        # The same folds are the same run, which W&B and the leaderboard already have.
        tracking = tracking.model_copy(update={"mode": "disabled"})
    else:
        former = None
    facts = facts_of(order)
    name, note = named(lane_name, read_or_empty(results / "run.json"), facts)
    more = labels("train", lane_name, competition.kind, note=note, source=lane.source)
    tracker = Tracker(tracking, group=lane_name, name=name, config=facts, more=more)
    # In data-parallel training, only the first process logs a run.
    run_open = tracker if first_process() else nullcontext()
    showing = TrainingProgress(lane_name, len(keys), lane.training.epochs, f"val_{metric.name}")
    with store.lease(lane_name, keys.values()), showing as progress, run_open:
        if first_process():
            store.absorb(lane_name, progress.line)
        for position, (part, key) in enumerate(keys.items()):
            trained = store.find(lane_name, key, part[0], progress.line)
            if trained is not None:
                for epoch in trained.history:
                    log(tracker, part, epoch)
                progress.skip(position)
                progress.line(f"{_part_label(part)}: taken from the fold store")
            else:
                trained = train_part(order, part, key, store, tracker, progress, position)
            done.append(trained)
        seeds = replicates(done)
        oof = averaged(seeds, competition.kind)
        tracker.use_data(lane_name)
        tracker.evaluate(competition, oof, prepared.labels)
        tracker.keep(f"{lane_name}-folds", "model", files_of(store, lane_name, keys))
        if differing := mixed(done):
            progress.line(differing)

    if first_process():
        run = run_of(order, tracker, store, keys, seeds, started, time.monotonic() - clock)
        _write(out or results, done, oof, prepared.folds_sha256, former or run)
        if pruned := prune(store, store_bytes):
            print(f"{lane_name}: {summary(pruned)}")


def train_part(
    order: Order,
    part: Part,
    key: str,
    store: FoldStore,
    tracker: Tracker,
    progress: TrainingProgress,
    position: int,
) -> TrainedFold:
    """Train a fold of a replicate, log it, and put it into the store under its key.

    Parameters
    ----------
    position
        Its number among all that `progress` shows.

    Raises
    ------
    UserError
        With the fold's name if it cannot be trained, or if Ctrl-C was pressed.
    """
    (fold, replicate), label, began = part, _part_label(part), time.monotonic()
    try:
        trained = train_fold(
            order.competition,
            order.lane,
            order.prepared,
            fold,
            order.seed,
            order.hardware,
            callbacks=[progress.fold(position, label)],
            on_epoch=partial(log, tracker, part),
            replicate=replicate,
            on_step=partial(_log_step, tracker, part),
        )
    except UserError as error:
        raise UserError(f"{order.lane_name}: {label}: {error.problem}", error.next_step) from error
    except KeyboardInterrupt:
        raise UserError(
            f"{order.lane_name}: stopped in {label}; {position} of {progress.folds} folds are finished and kept",
            "run the same command again to continue from there",
            exit_code=130,
        ) from None
    if first_process():
        trained = store.put(order.lane_name, trained, key, time.monotonic() - began)
    progress.line(f"{label}: {_outcome(trained, order.competition.scorer)}")
    return trained


def _part_label(part: Part) -> str:
    fold, replicate = part
    return ("final" if fold == FINAL else f"fold {fold}") + (f", seed {replicate}" if replicate else "")


def _outcome(trained: TrainedFold, metric: Metric) -> str:
    epochs = f"after {int(trained.history[-1]['epoch']) + 1} {trained.model.counts}"
    if trained.validation is None:
        return f"trained on all rows, {epochs}"
    return f"{metric.name} {cross_validate(trained.validation, metric)['oof']:.4f} out of fold, {epochs}"


def first_process() -> bool:
    """Whether this process writes: it is the only one, or the first of a data-parallel training."""
    return not getattr(rank_zero_only, "rank", 0)


def log(tracker: Tracker, part: Part, epoch: Epoch) -> None:
    """Log an epoch of a fold, if this process writes."""
    _log_step(tracker, part, int(epoch["epoch"]), {name: value for name, value in epoch.items() if name != "epoch"})


def _log_step(tracker: Tracker, part: Part, epoch: float, values: dict[str, float]) -> None:
    if first_process():
        tracker.log(part_name(*part), epoch, values)


def _write(
    results: Path, folds: Sequence[TrainedFold], oof: pd.DataFrame, folds_sha256: str, run: dict[str, Any]
) -> None:
    with writing(results / "checkpoints") as checkpoints:
        for trained in folds:
            trained.save(checkpoints / fold_file(trained.fold, trained.origin.replicate))
    with writing(results / "history.csv") as path:
        history_of(folds).set_index(["fold", "epoch"]).sort_index(axis=1).to_csv(path)
    with writing(results / "oof.parquet") as path:
        table = pa.Table.from_pandas(oof, preserve_index=False)
        pq.write_table(table.replace_schema_metadata({**table.schema.metadata, "folds_sha256": folds_sha256}), path)
    write_json(results / "run.json", run)
