"""Progress of a training run: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from contextlib import AbstractContextManager
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 10.0


class TrainingProgress(AbstractContextManager["TrainingProgress"]):
    """Shows fold, epoch, metric and time left over all folds of a run.

    Parameters
    ----------
    name
        What is being trained.
    folds
        How many folds will be.
    epochs
        The most epochs that a fold takes.
    metric
        Logged name of the metric to show, such as ``val_accuracy``.
    """

    def __init__(self, name: str, folds: int, epochs: int, metric: str) -> None:
        self.name, self.folds, self.epochs, self.metric = name, folds, epochs, metric
        # Of the processes of a data-parallel training, the first one speaks.
        quiet = bool(getattr(rank_zero_only, "rank", 0))
        self.console = Console(file=sys.stdout, highlight=False, quiet=quiet)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
            refresh_per_second=4,
        )
        self.task = self.bar.add_task(name, total=folds * epochs, state="")
        self.said = time.monotonic()

    def __enter__(self) -> "TrainingProgress":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        self.console.print(f"{self.name}: {text}", soft_wrap=True)
        self.said = time.monotonic()

    def skip(self, position: int) -> None:
        """Count the fold at `position` (from 0) as done."""
        self.bar.update(self.task, completed=(position + 1) * self.epochs)

    def fold(self, position: int, part: str) -> pl.Callback:
        """Make the callback that reports `part`, such as "fold 0", the `position`-th of the run."""
        return _FoldProgress(self, position, part)


class _FoldProgress(Checkpoint):
    # A `Checkpoint`, because Lightning calls those after the module has logged its epoch.
    def __init__(self, progress: TrainingProgress, position: int, part: str) -> None:
        self.progress, self.position, self.part = progress, position, part
        # Read once an epoch: asking a GPU for a number makes each step wait for the one before.
        self.score = ""

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        share = (batch_idx + 1) / float(trainer.num_training_batches)
        self._update(trainer, trainer.current_epoch + share)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Any) -> None:
        score = trainer.callback_metrics.get(self.progress.metric)
        self.score = "" if score is None else f"  {self.progress.metric} {score.item():.4f}"
        if self.progress.bar.disable and time.monotonic() - self.progress.said > SECONDS_BETWEEN_LINES:
            self.progress.line(self._state(trainer))

    def on_train_end(self, trainer: pl.Trainer, module: Any) -> None:
        # Early stopping leaves epochs over: they count as done, so that the time left stays true.
        self._update(trainer, self.progress.epochs)

    def _update(self, trainer: pl.Trainer, epochs: float) -> None:
        done = self.position * self.progress.epochs + epochs
        self.progress.bar.update(self.progress.task, completed=done, state=self._state(trainer))

    def _state(self, trainer: pl.Trainer) -> str:
        epoch = min(trainer.current_epoch + 1, self.progress.epochs)
        return f"{self.part}  epoch {epoch}/{self.progress.epochs}{self.score}"
