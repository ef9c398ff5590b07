"""The train stage: K folds in one process, logged as one run, resumed at the last finished fold."""

import hashlib
import json
import shutil
import subprocess
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import rank_zero_only
from sklearn.model_selection import train_test_split

from groundwork.algorithms.compose import Question, TrainedFold, make_augment, make_encoder, make_network
from groundwork.algorithms.fit import Epoch, device, fit, predict
from groundwork.algorithms.progress import TrainingProgress
from groundwork.competitions import Competition
from groundwork.data.batches import Batches, Rows
from groundwork.data.prepared import Prepared
from groundwork.errors import UserError
from groundwork.experiments.evaluation import cross_validate
from groundwork.experiments.tracking import Tracker, cross_validated
from groundwork.files import sha256, write_json, writing
from groundwork.objectives.metrics import METRICS
from groundwork.params import Hardware, Lane, Tracking

CODE = Path(__file__).parents[1]


def train(
    name: str,
    competition: Competition,
    lane: Lane,
    prepared: Prepared,
    results: Path,
    *,
    seed: int,
    tracking: Tracking,
    hardware: Hardware,
) -> None:
    """Train a lane's folds and write ``checkpoints/``, ``oof.parquet``, ``history.csv`` and ``run.json``.

    Parameters
    ----------
    name, lane
        The lane's name and its section of params.yaml.
    prepared
        What the prepare stage left.
    results
        The lane's folder of results.
    seed
        Of weights, order, dropout and augmentation; fold k starts from ``seed + k``.
    tracking, hardware
        Sections of params.yaml.

    Raises
    ------
    UserError
        If the data does not suit, the loss becomes NaN, or somebody pressed Ctrl-C: then it says how to go on.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    folds = _folds_to_train(prepared, lane)
    kept = results.parent / ".resume" / f"{name}-{_key(competition, lane, prepared, seed, hardware)}"
    facts = {**_git(), "params": {"seed": seed, **lane.model_dump(mode="json")}, **_hashes(prepared)}
    metric = METRICS[competition.metric]
    done: list[TrainedFold] = []

    tracker = Tracker(tracking, group=name, name=f"{name} {started:%Y-%m-%d %H:%M:%S}", config=facts)
    # Of the processes of a data-parallel training, the first one alone has a run.
    run_open = tracker if first_process() else nullcontext()
    with TrainingProgress(name, len(folds), lane.training.epochs, f"val_{metric.name}") as progress, run_open:
        for position, fold in enumerate(folds):
            checkpoint = kept / f"fold_{fold}.pt"
            trained = _taken_over(checkpoint)
            if trained is not None:
                for epoch in trained.history:
                    _log(tracker, fold, epoch)
                progress.skip(position)
                progress.line(f"fold {fold}: taken over from the run that was stopped")
            else:
                progress_of_fold = progress.fold(position, fold)
                try:
                    trained = train_fold(competition, lane, prepared, fold, seed, hardware, tracker, progress_of_fold)
                except KeyboardInterrupt:
                    raise UserError(
                        f"{name}: stopped in fold {fold}; {len(done)} of {len(folds)} folds are finished and kept",
                        "go on from there by typing the same command again (`dvc repro`)",
                        exit_code=130,
                    ) from None
                if first_process():
                    trained.save(checkpoint)
                score = cross_validate(trained.validation, metric.name)["oof"]
                epochs = len(trained.history)
                progress.line(f"fold {fold}: {metric.name} {score:.4f} out of fold, after {epochs} epochs")
            done.append(trained)
        oof = pd.concat([trained.validation for trained in done]).sort_values("id", ignore_index=True)
        scores = cross_validate(oof, metric.name)
        tracker.summarize(cross_validated(metric.name, scores["folds"], scores["oof"]))

    if first_process():
        run = {
            **facts,
            "run_id": tracker.run_id,
            "wandb_dir": tracker.directory,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - clock, 1),
            "hardware": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        }
        _write(results, done, oof, prepared.folds_sha256, run)
        shutil.rmtree(kept, ignore_errors=True)


def train_fold(
    competition: Competition,
    lane: Lane,
    prepared: Prepared,
    fold: int,
    seed: int,
    hardware: Hardware,
    tracker: Tracker,
    *callbacks: pl.Callback,
) -> TrainedFold:
    """Fit transforms and network on the rows outside `fold`, and predict the rows inside it."""
    seed = (seed + fold) % 2**32  # where NumPy's seeds end
    pl.seed_everything(seed, workers=True, verbose=False)
    inside = (prepared.folds["fold"] == fold).to_numpy()
    train, valid = prepared.train[~inside], prepared.train[inside]
    # All rows of train.csv decide which classes there are, so that folds agree; what is fitted sees its own rows only.
    labels = prepared.train[competition.target].to_numpy()
    settings = lane.training
    stopping = settings.early_stopping
    watched = valid
    if stopping and stopping.holdout:
        strata = train[competition.target] if competition.kind == "classification" else None
        try:
            train, watched = train_test_split(train, test_size=stopping.holdout, stratify=strata, random_state=seed)
        except ValueError as error:
            raise UserError(
                f"params.yaml: training.early_stopping.holdout: found {stopping.holdout}, which does not suit the "
                f"{len(train)} training rows of fold {fold}: {error}",
                "raise it, or set it to 0 to stop on the validation rows",
            ) from None
    target = train[competition.target].to_numpy()
    question = Question.of(competition, lane.objective, target, labels)
    encoder = make_encoder(competition, lane.encoding, getattr(lane.model, "bins", 1))
    rows = Rows(encoder.fit_transform(train, question.signals(target)), question.tensor(target))
    watched_rows = Rows(encoder.transform(watched), question.tensor(watched[competition.target].to_numpy()))

    network = make_network(lane.model, encoder, question.objective.outputs)
    result = fit(
        network,
        question.objective,
        METRICS[competition.metric],
        Batches.seeded(rows, settings.batch_size, seed, make_augment(lane.encoding)),
        watched_rows,
        settings,
        hardware,
        callbacks=callbacks,
        on_epoch=lambda epoch: _log(tracker, fold, epoch),
    )
    predicted = predict(result.network, question.objective, encoder.transform(valid), device(hardware)).numpy()
    validation = pd.DataFrame(
        {
            "id": valid[competition.id].to_numpy(),
            "fold": np.int8(fold),
            "target": question.tensor(valid[competition.target].to_numpy()).numpy(),
            **dict(zip(question.columns, predicted.reshape(len(valid), -1).T, strict=True)),
        }
    )
    return TrainedFold(fold, lane.model, encoder, question, result.network.state_dict(), result.history, validation)


def _folds_to_train(prepared: Prepared, lane: Lane) -> list[int]:
    folds = sorted(int(fold) for fold in prepared.folds["fold"].unique())
    wanted = lane.training.folds
    if wanted == "all":
        return folds
    if wanted > len(folds):
        raise UserError(
            f"params.yaml: training.folds: found {wanted}; the data has {len(folds)} folds",
            "lower it, or set it to `all`",
        )
    return folds[:wanted]


def _taken_over(checkpoint: Path) -> TrainedFold | None:
    """Load a fold that a stopped run has finished; None if there is none, or none that can be read."""
    try:
        return TrainedFold.load(checkpoint) if checkpoint.exists() else None
    except UserError:
        return None


def first_process() -> bool:
    """Whether this is the process that writes: the only one, or the first of a data-parallel training."""
    return not getattr(rank_zero_only, "rank", 0)


def _log(tracker: Tracker, fold: int, epoch: Epoch) -> None:
    if first_process():
        tracker.log(fold, int(epoch["epoch"]), {name: value for name, value in epoch.items() if name != "epoch"})


def _hashes(prepared: Prepared) -> dict[str, str]:
    return {"data_sha256": prepared.data_sha256, "folds_sha256": prepared.folds_sha256}


def _key(competition: Competition, lane: Lane, prepared: Prepared, seed: int, hardware: Hardware) -> str:
    """Hash what a fold's outcome depends on, so that nothing is taken over from a different training."""
    rooms = ("algorithms", "competitions", "data", "models", "objectives")
    code = sha256([*sorted(path for room in rooms for path in (CODE / room).rglob("*.py")), Path(__file__)])
    settings = lane.model_dump(mode="json", include={"encoding", "model", "objective", "training"})
    settings["training"].pop("folds")
    read = [competition.slug, settings, seed, hardware.model_dump(mode="json"), code, torch.__version__]
    return hashlib.sha256(json.dumps([read, _hashes(prepared)], sort_keys=True).encode()).hexdigest()[:16]


def _git() -> dict[str, Any]:
    """Commit of the working tree, and whether anything but results differs from it; None outside of git."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    changes = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock", ":!results")
    return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changes)}


def _write(results: Path, folds: list[TrainedFold], oof: pd.DataFrame, folds_sha256: str, run: dict[str, Any]) -> None:
    with writing(results / "checkpoints") as checkpoints:
        for trained in folds:
            trained.save(checkpoints / f"fold_{trained.fold}.pt")
    history = pd.concat([pd.DataFrame(trained.history).assign(fold=trained.fold) for trained in folds])
    with writing(results / "history.csv") as path:
        history.set_index(["fold", "epoch"]).sort_index(axis=1).to_csv(path)
    with writing(results / "oof.parquet") as path:
        table = pa.Table.from_pandas(oof, preserve_index=False)
        pq.write_table(table.replace_schema_metadata({**table.schema.metadata, "folds_sha256": folds_sha256}), path)
    write_json(results / "run.json", run)
