"""Shows the progress of a training run: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from contextlib import AbstractContextManager
from typing import IO, Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 10.0


class TrainingProgress(AbstractContextManager["TrainingProgress"]):
    """Shows fold, epoch, metric and remaining time over all folds of a run.

    Parameters
    ----------
    lane_name
        The lane that is trained.
    folds
        Number of folds.
    epochs
        The most epochs of a fold.
    metric
        Logged name of the metric to show, such as ``val_accuracy``.
    stream
        Where to show it; None for the standard output.
    """

    def __init__(self, lane_name: str, folds: int, epochs: int, metric: str, stream: IO[str] | None = None) -> None:
        self.lane_name, self.folds, self.epochs, self.metric = lane_name, folds, epochs, metric
        # In data-parallel training, only the first process prints.
        quiet = bool(getattr(rank_zero_only, "rank", 0))
        self.console = Console(file=stream or sys.stdout, highlight=False, quiet=quiet)
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
        self.task = self.bar.add_task(lane_name, total=folds * epochs, state="")
        self.last_line = time.monotonic()

    def __enter__(self) -> "TrainingProgress":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        self.console.print(f"{self.lane_name}: {text}", soft_wrap=True)
        self.last_line = time.monotonic()

    def skip(self, position: int) -> None:
        """Count the fold at `position` (from 0) as done."""
        self.bar.update(self.task, completed=(position + 1) * self.epochs)

    def fold(self, position: int, part: str) -> pl.Callback:
        """Make the callback that reports `part`, such as "fold 0", the `position`-th of the run."""
        return _FoldProgress(self, position, part)


class _FoldProgress(Checkpoint):
    # This is a `Checkpoint`, because Lightning calls checkpoints after the module has logged its epoch.
    def __init__(self, progress: TrainingProgress, position: int, part: str) -> None:
        self.progress, self.position, self.part = progress, position, part
        # Read once an epoch, since reading a number from a GPU waits for all of its steps.
        self.score = ""

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        share = (batch_idx + 1) / float(trainer.num_training_batches)
        self._update(trainer, trainer.current_epoch + share)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Any) -> None:
        score = trainer.callback_metrics.get(self.progress.metric)
        self.score = "" if score is None else f"  {self.progress.metric} {score.item():.4f}"
        if self.progress.bar.disable and time.monotonic() - self.progress.last_line > SECONDS_BETWEEN_LINES:
            self.progress.line(self._state(trainer))

    def on_train_end(self, trainer: pl.Trainer, module: Any) -> None:
        # Epochs left out by early stopping count as done, so that the remaining time is right.
        self._update(trainer, self.progress.epochs)

    def _update(self, trainer: pl.Trainer, epochs: float) -> None:
        done = self.position * self.progress.epochs + epochs
        self.progress.bar.update(self.progress.task, completed=done, state=self._state(trainer))

    def _state(self, trainer: pl.Trainer) -> str:
        epoch = min(trainer.current_epoch + 1, self.progress.epochs)
        return f"{self.part}  epoch {epoch}/{self.progress.epochs}{self.score}"
