"""Our `fit` beside a loop written by hand: the same network, data, mini-batches, optimizer and schedule.

`make bench` runs it. Both train, score the validation rows after each epoch and keep the last weights. The loop by
hand does nothing else; `fit` also has early stopping with the best weights, the progress display, a checkpoint file
and offline W&B logging. Runs alternate, so that a noisy machine slows both alike; the ratio is that of the medians.

With `--sizes` it compares instead what `groundwork.training.steps` chooses between: one mini-batch in each Lightning
step, and several, for networks of growing size.
"""

import argparse
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from torch import nn

from groundwork.models.cnn import CNN
from groundwork.objectives.classification import Classification
from groundwork.objectives.metrics import METRICS
from groundwork.sections.training import AdamW, EarlyStopping, Training
from groundwork.settings import Tracking
from groundwork.tracking.tracker import Tracker
from groundwork.training import steps
from groundwork.training.batches import Batches, Rows
from groundwork.training.fit import fit
from groundwork.training.optimizers import make_optimizer, schedule
from groundwork.training.progress import TrainingProgress

METRIC = METRICS["accuracy"]
OBJECTIVE = Classification(10)


class MLP(nn.Sequential):
    """64-128-10, the size at which a framework's overhead shows, or with more and other hidden layers."""

    def __init__(self, *widths: int) -> None:
        sizes = [64, *(widths or [128])]
        hidden = [layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
        super().__init__(*hidden, nn.Linear(sizes[-1], 10))

    def forward(self, numeric: torch.Tensor) -> torch.Tensor:
        """Logits ``[rows, 10]``."""
        return super().forward(numeric)


def settings(epochs: int, batch_size: int) -> Training:
    """Make settings that never stop early, so that both loops take the same number of steps."""
    return Training(
        folds="all",
        epochs=epochs,
        batch_size=batch_size,
        accumulate_grad_batches=1,
        optimizer=AdamW(name="adamw", betas=[0.9, 0.999], eps=1e-8),
        learning_rate=1e-3,
        weight_decay=0.01,
        schedule="constant",
        warmup=0.0,
        gradient_clip=None,
        weight_averaging=0.0,
        early_stopping=EarlyStopping(patience=epochs, min_delta=0.0, holdout=0.0),
        max_time=None,
        callbacks=[],
    )


def by_hand(network: nn.Module, train: Rows, valid: Rows, plan: Training) -> float:
    """Train as one would without a framework; return seconds."""
    start = time.perf_counter()
    batches = Batches.seeded(train, plan.batch_size, seed=0)
    optimizer = make_optimizer(network, plan)
    rate = schedule(optimizer, plan.schedule, plan.epochs * batches.steps, plan.warmup)
    for _ in range(plan.epochs):
        network.train()
        losses = []
        for rows in batches.epoch():
            inputs, target = batches.take(rows)
            loss = OBJECTIVE.loss(network(**inputs), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            losses.append(loss.detach())
        network.eval()
        with torch.no_grad():
            logits = network(**valid.inputs)
            # What a person prints after each epoch.
            torch.stack(losses).mean().item()
            OBJECTIVE.loss(logits, valid.target).item()
            METRIC.on_device(valid.target, OBJECTIVE.predict(logits)).item()
    return time.perf_counter() - start


def by_fit(network: nn.Module, train: Rows, valid: Rows, plan: Training, folder: Path) -> float:
    """Train with everything on; return seconds without W&B's start, which is one for a whole run of folds."""
    with Tracker(Tracking(mode="offline", project="bench"), "bench", "bench", {}, root=folder) as tracker:
        start = time.perf_counter()
        with TrainingProgress("bench", 1, plan.epochs, f"val_{METRIC.name}") as progress:
            batches = Batches.seeded(train, plan.batch_size, seed=0)
            result = fit(
                network,
                OBJECTIVE,
                METRIC,
                batches,
                valid,
                plan,
                callbacks=[progress.fold(0, "fold 0")],
                on_epoch=lambda epoch: tracker.log("fold_0", int(epoch["epoch"]), epoch),
            )
            torch.save(result.network.state_dict(), folder / "weights.pt")
        return time.perf_counter() - start


def rows(count: int, *shape: int, name: str) -> Rows:
    """Random inputs and labels: only the time counts."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(count, *shape, generator=generator)
    return Rows({name: inputs}, torch.randint(10, (count,), generator=generator))


def compare(name: str, make: Callable[[], nn.Module], train: Rows, valid: Rows, plan: Training, repeats: int) -> None:
    """Time both, print seconds and ratio."""
    hand, ours = [], []
    for _ in range(repeats + 1):
        with tempfile.TemporaryDirectory() as folder:
            torch.manual_seed(0)
            hand.append(by_hand(make(), train, valid, plan))
            torch.manual_seed(0)
            ours.append(by_fit(make(), train, valid, plan, Path(folder)))
    # The first of each warms up: imports inside libraries, memory, threads.
    hand, ours = hand[1:], ours[1:]
    count = plan.epochs * Batches.seeded(train, plan.batch_size, 0).steps
    one, two = statistics.median(hand), statistics.median(ours)
    print(f"{name}: {count} steps by hand {one:.2f} s ({1e3 * one / count:.2f} ms/step), by fit {two:.2f} s")
    print(f"ratio {name} {two / one:.2f}", flush=True)


def sizes(repeats: int) -> None:
    """Time a fit with one mini-batch in each Lightning step against one with many, by the size of a mini-batch.

    In seconds of one core, which a busy machine changes little.
    """
    torch.set_num_threads(1)
    train, valid = rows(4096, 64, name="numeric"), rows(64, 64, name="numeric")
    plan = settings(epochs=2, batch_size=128)
    batches = Batches.seeded(train, plan.batch_size, seed=0)
    for width in (32, 128, 256, 512, 900, 1400):
        work = steps.work(MLP(width, width), batches)
        seconds: dict[int, list[float]] = {0: [], work + 1: []}
        for _ in range(repeats + 1):
            for large, taken in seconds.items():
                steps.LARGE = large
                start = time.process_time()
                fit(MLP(width, width), OBJECTIVE, METRIC, batches, valid, plan)
                taken.append(time.process_time() - start)
        count = plan.epochs * batches.steps
        alone, together = (1e3 * statistics.median(taken[1:]) / count for taken in seconds.values())
        print(f"{work:>13,} multiply-adds: {alone:.2f} ms alone, {together:.2f} together, ratio {alone / together:.2f}")


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each loop (default 5)")
    parser.add_argument("--sizes", action="store_true", help="one or several mini-batches in a Lightning step")
    arguments = parser.parse_args()
    repeats = arguments.repeats
    if arguments.sizes:
        sizes(repeats)
        return
    table, table_valid = rows(1536, 64, name="numeric"), rows(384, 64, name="numeric")
    compare("mlp", MLP, table, table_valid, settings(epochs=40, batch_size=64), repeats)
    pictures, pictures_valid = rows(2560, 1, 28, 28, name="image"), rows(512, 1, 28, 28, name="image")
    compare(
        "cnn", lambda: CNN(1, [32, 64, 128], 10), pictures, pictures_valid, settings(epochs=3, batch_size=256), repeats
    )


if __name__ == "__main__":
    main()
