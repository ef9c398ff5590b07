import io
import re

import pytest
import torch
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console
from tests.training.tiny import CPU, training
from torch import nn

from groundwork.objectives.classification import Classification
from groundwork.objectives.metrics import METRICS
from groundwork.training import progress
from groundwork.training.batches import Batches, Rows
from groundwork.training.fit import fit
from groundwork.training.inference import Epoch
from groundwork.training.progress import TrainingProgress


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


def train(shown: TrainingProgress, epochs: int = 3, folds: int = 2) -> list[list[Epoch]]:
    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    rows = Rows({"x": x}, (x[:, 0] > 0).long())
    histories = []
    with shown:
        for position in range(folds):
            batches = Batches.seeded(rows, 8, 0)
            settings = training(epochs=epochs)
            callbacks = [shown.fold(position, f"fold {position}")]
            result = fit(
                Linear(), Classification(2), METRICS["accuracy"], batches, rows, settings, CPU, callbacks=callbacks
            )
            histories.append(result.history)
    return histories


def test_without_a_terminal_it_prints_plain_lines_with_each_epochs_own_metric(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", -1.0)
    histories = train(TrainingProgress("lane", 2, 3, "val_accuracy"))
    lines = capsys.readouterr().out.splitlines()
    expected = [
        f"lane: fold {fold}  epoch {epoch['epoch'] + 1:.0f}/3  val_accuracy {epoch['val_accuracy']:.4f}"
        for fold, history in enumerate(histories)
        for epoch in history
    ]
    assert lines == expected
    assert len({line.split()[-1] for line in lines}) > 1


def test_lines_are_seconds_apart(capsys: pytest.CaptureFixture[str]) -> None:
    train(TrainingProgress("lane", 2, 3, "val_accuracy"))
    assert capsys.readouterr().out == ""


def test_on_a_terminal_a_bar_shows_fold_epoch_metric_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=120, highlight=False)
    monkeypatch.setattr(progress, "Console", lambda **_: terminal)
    shown = TrainingProgress("lane", 2, 3, "val_accuracy")
    seen: list[str] = []
    update = shown.bar.update
    monkeypatch.setattr(shown.bar, "update", lambda *a, **k: (update(*a, **k), seen.append(k.get("state", "")))[0])
    histories = train(shown)
    assert shown.bar.tasks[0].completed == shown.bar.tasks[0].total == 6
    assert seen[0] == "fold 0  epoch 1/3"
    assert seen[-1] == f"fold 1  epoch 3/3  val_accuracy {histories[1][-1]['val_accuracy']:.4f}"
    text = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", screen.getvalue())
    assert re.search(r"lane .*fold 1  epoch 3/3  val_accuracy 0\.\d{4} +(\d:)?\d\d:\d\d", text)


def test_a_fold_that_stopped_early_counts_as_done() -> None:
    shown = TrainingProgress("lane", 2, epochs=50, metric="val_accuracy")
    train(shown, epochs=2, folds=1)
    assert shown.bar.tasks[0].completed == 50


def test_a_fold_that_was_taken_over_counts_as_done() -> None:
    shown = TrainingProgress("lane", 3, 5, "val_accuracy")
    shown.skip(1)
    assert shown.bar.tasks[0].completed == 10


def test_of_several_processes_the_first_one_speaks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    TrainingProgress("lane", 1, 1, "val_accuracy").line("fold 0")
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    TrainingProgress("lane", 1, 1, "val_accuracy").line("fold 1 of [2]")
    assert capsys.readouterr().out == "lane: fold 1 of [2]\n"
