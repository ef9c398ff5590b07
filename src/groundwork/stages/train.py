"""The train stage takes finished folds from the fold store, trains the missing ones and logs them as one run."""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pytorch_lightning.utilities import rank_zero_only

from groundwork.competitions import Competition
from groundwork.data.load import load
from groundwork.data.prepared import FINAL, Prepared, part
from groundwork.errors import UserError
from groundwork.experiments.provenance import git_state
from groundwork.files import write_json, writing
from groundwork.objectives.metrics import Metric
from groundwork.objectives.oof import concatenate, cross_validate
from groundwork.sections.base import size_in_bytes
from groundwork.settings import Hardware, Lane, Tracking
from groundwork.stages.job import Job
from groundwork.tracking.tracker import Tracker, cross_validated
from groundwork.training.checkpoint import TrainedFold, fold_file, has_weights
from groundwork.training.eviction import prune, summary
from groundwork.training.fold import train_fold
from groundwork.training.inference import Epoch
from groundwork.training.origin import resolved
from groundwork.training.progress import TrainingProgress
from groundwork.training.store import FoldStore, fold_key, folds_of, read_or_empty


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
    folds = _folds_to_train(prepared, lane)
    hardware = resolved(hardware)
    key = partial(fold_key, lane, prepared, seed=seed, replicate=0, precision=hardware.precision, code=code)
    keys = {fold: key(fold=fold) for fold in folds}
    store = FoldStore(results.parent / ".folds")
    facts = {
        **git_state(),
        "params": {"seed": seed, **lane.model_dump(mode="json")},
        "data_sha256": prepared.data_sha256,
        "folds_sha256": prepared.folds_sha256,
    }
    metric = competition.scorer
    done: list[TrainedFold] = []
    # Fail now, not after the first fold, if the results cannot be written.
    with writing(store.folder / lane_name / "writable") as probe:
        probe.touch()

    former = _former_run(results, lane_name, keys)
    if former is not None and all(has_weights(store.path(lane_name, keys[fold], fold)) for fold in folds):
        # The same folds are the same run, which W&B and the leaderboard already have.
        tracking = tracking.model_copy(update={"mode": "disabled"})
    else:
        former = None
    tracker = Tracker(tracking, group=lane_name, name=f"{lane_name} {started:%Y-%m-%d %H:%M:%S}", config=facts)
    # In data-parallel training, only the first process logs a run.
    run_open = tracker if first_process() else nullcontext()
    showing = TrainingProgress(lane_name, len(folds), lane.training.epochs, f"val_{metric.name}")
    with store.lease(lane_name, keys.values()), showing as progress, run_open:
        if first_process():
            store.absorb(lane_name, progress.line)
        for position, fold in enumerate(folds):
            trained = store.find(lane_name, keys[fold], fold, progress.line)
            if trained is not None:
                for epoch in trained.history:
                    _log(tracker, fold, epoch)
                progress.skip(position)
                progress.line(f"{_part_label(fold)}: taken from the fold store")
            else:
                began = time.monotonic()
                try:
                    trained = train_fold(
                        competition,
                        lane,
                        prepared,
                        fold,
                        seed,
                        hardware,
                        callbacks=[progress.fold(position, _part_label(fold))],
                        on_epoch=partial(_log, tracker, fold),
                        on_step=partial(_log_step, tracker, fold),
                    )
                except UserError as error:
                    raise UserError(f"{lane_name}: {_part_label(fold)}: {error.problem}", error.next_step) from error
                except KeyboardInterrupt:
                    raise UserError(
                        f"{lane_name}: stopped in {_part_label(fold)}; {len(done)} of {len(folds)} folds are finished "
                        "and kept",
                        "run the same command again to continue from there (`dvc repro`)",
                        exit_code=130,
                    ) from None
                if first_process():
                    trained = store.put(lane_name, trained, keys[fold], time.monotonic() - began)
                progress.line(f"{_part_label(fold)}: {_outcome(trained, metric)}")
            done.append(trained)
        oof = _out_of_fold(done)
        scores = cross_validate(oof, metric)
        tracker.summarize(cross_validated(metric.name, scores["folds"], scores["oof"]))
        if mixed := _mixed(done):
            progress.line(mixed)

    if first_process():
        run = {
            **facts,
            "run_id": tracker.run_id,
            "wandb_dir": tracker.directory,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - clock, 1),
            "hardware": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
            "folds": {part(fold): {"key": key, "seconds": store.seconds(lane_name, key)} for fold, key in keys.items()},
        }
        _write(out or results, done, oof, prepared.folds_sha256, former or run)
        if pruned := prune(store, store_bytes):
            print(f"{lane_name}: {summary(pruned)}")


def _former_run(results: Path, lane_name: str, keys: Mapping[int, str]) -> dict[str, Any] | None:
    """Find the run that trained exactly these folds among the current and the recorded ones; None if there is none."""
    wanted = {part(fold): key for fold, key in keys.items()}
    remembered = sorted((results.parent / "experiments" / lane_name).glob("*.json"))
    for path in (results / "run.json", *remembered):
        content = read_or_empty(path)
        run = content.get("run", content)
        if {fold: made.get("key") for fold, made in folds_of(run).items()} == wanted:
            return run
    return None


def _folds_to_train(prepared: Prepared, lane: Lane) -> list[int]:
    folds, final = prepared.folds, [FINAL] if prepared.final else []
    wanted = len(folds) if lane.training.folds == "all" else lane.training.folds
    if wanted > len(folds):
        raise UserError(
            f"params.yaml: training.folds: found {wanted}; the data has {len(folds)} folds",
            "lower it, or set it to `all`",
        )
    return folds[:wanted] + final


def _part_label(fold: int) -> str:
    return "final" if fold == FINAL else f"fold {fold}"


def _outcome(trained: TrainedFold, metric: Metric) -> str:
    epochs = f"after {int(trained.history[-1]['epoch']) + 1} {trained.model.counts}"
    if trained.validation is None:
        return f"trained on all rows, {epochs}"
    return f"{metric.name} {cross_validate(trained.validation, metric)['oof']:.4f} out of fold, {epochs}"


def _out_of_fold(folds: list[TrainedFold]) -> pd.DataFrame:
    """Concatenate the folds' validation rows, sorted by id."""
    oof = concatenate([trained.validation for trained in folds if trained.validation is not None])
    return oof.sort_values(["id", "fold"], ignore_index=True)


def _mixed(folds: list[TrainedFold]) -> str | None:
    """Say how the folds' devices, threads or versions differ; None if they do not."""
    records = [trained.origin.record for trained in folds]
    values = {name: {record.get(name, "none") for record in records} for name in records[0]}
    differing = [f"{name} {' or '.join(sorted(several))}" for name, several in values.items() if len(several) > 1]
    if not differing:
        return None
    return f"its folds were not all made in the same way ({'; '.join(differing)}): last digits may depend on it"


def first_process() -> bool:
    """Whether this process writes: it is the only one, or the first of a data-parallel training."""
    return not getattr(rank_zero_only, "rank", 0)


def _log(tracker: Tracker, fold: int, epoch: Epoch) -> None:
    if first_process():
        tracker.log(part(fold), int(epoch["epoch"]), {name: value for name, value in epoch.items() if name != "epoch"})


def _log_step(tracker: Tracker, fold: int, epoch: float, values: dict[str, float]) -> None:
    if first_process():
        tracker.log(part(fold), epoch, values)


def _write(results: Path, folds: list[TrainedFold], oof: pd.DataFrame, folds_sha256: str, run: dict[str, Any]) -> None:
    with writing(results / "checkpoints") as checkpoints:
        for trained in folds:
            trained.save(checkpoints / fold_file(trained.fold))
    # The final model has no validation rows.
    validated = [trained for trained in folds if trained.validation is not None]
    history = pd.concat([pd.DataFrame(trained.history).assign(fold=trained.fold) for trained in validated])
    with writing(results / "history.csv") as path:
        history.set_index(["fold", "epoch"]).sort_index(axis=1).to_csv(path)
    with writing(results / "oof.parquet") as path:
        table = pa.Table.from_pandas(oof, preserve_index=False)
        pq.write_table(table.replace_schema_metadata({**table.schema.metadata, "folds_sha256": folds_sha256}), path)
    write_json(results / "run.json", run)
