"""W&B with a home of its own, against the stand-in in tests/services."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.services.wandb_server import KEY, WandbServer

from groundwork.competitions import Inputs, Labelled
from groundwork.settings import Tracking
from groundwork.tracking.tracker import Tracker

FOLDS, EPOCHS, ROWS, PIXELS = 2, 10, 20, 12
# Rows of curves, of their means, and one of tables and plots.
LOGGED = FOLDS * EPOCHS + EPOCHS + 1
DIGITS = Labelled(
    slug="digits",
    kind="classification",
    metric="accuracy",
    id="Id",
    targets=("label",),
    types=dict.fromkeys(["Id", "label", *(f"pixel{number}" for number in range(PIXELS))], int),
    inputs=Inputs(image=(3, 4)),
)


def pictures() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make labelled pictures, and out-of-fold rows of which fold 0 has 8 of 10 right and fold 1 has 9 of 10."""
    draw = np.random.default_rng(0)
    target = np.arange(ROWS) % 2
    rows = pd.DataFrame(draw.integers(0, 256, (ROWS, PIXELS)), columns=[f"pixel{number}" for number in range(PIXELS)])
    rows = rows.assign(Id=np.arange(ROWS), label=np.array([3, 7])[target])
    stated = draw.uniform(0.5, 1, ROWS)
    wrong = np.isin(np.arange(ROWS), [1, 4, 15])
    second = np.where(wrong == (target == 1), 1 - stated, stated)
    folds = np.repeat([0, 1], ROWS // 2)
    return rows, pd.DataFrame({"id": rows["Id"], "fold": folds, "target": target, "p0": 1 - second, "p1": second})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """A stand-in that this process and its children take for W&B; nothing else of the machine's W&B is seen."""
    for name in ("HOME", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "NETRC"):
        monkeypatch.setenv(name, str(tmp_path / "home" / name.lower()))
    for name in ("WANDB_MODE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    end_session()
    with WandbServer() as stand_in:
        monkeypatch.setenv("WANDB_BASE_URL", stand_in.url)
        yield stand_in
        end_session()


def end_session() -> None:
    """Let W&B read its environment anew; it does so once per session, and keeps the key that it found."""
    import wandb
    from wandb.sdk.lib import wbauth

    wandb.teardown()
    wbauth.unauthenticate_session(update_settings=False)


@pytest.fixture
def tracked(server: WandbServer, tmp_path: Path) -> Callable[..., Tracker]:
    """Track a training of two folds with ten epochs each, of pictures; `between` is called after the first fold.

    Further arguments are settings of the tracking.
    """

    def train(mode: str, between: Callable[[], Any] = lambda: None, **more: Any) -> Tracker:
        settings = Tracking(mode=mode, project="tests", **more)
        rows, oof = pictures()
        config = {"model": {"dropout": 0.2}, "commit": "abc123", "data_sha256": "d" * 64, "folds_sha256": "f" * 64}
        with Tracker(settings, "titanic", "a run", config, tmp_path) as tracker:
            for fold in range(FOLDS):
                for epoch in range(EPOCHS):
                    tracker.log(f"fold_{fold}", epoch, {"val_loss": 1 / (epoch + 1), "val_accuracy": 0.8})
                if fold == 0:
                    between()
            tracker.use_data("titanic")
            tracker.evaluate(DIGITS, oof, rows)
            weights = tmp_path / "results" / ".folds" / "fold_0.fold"
            weights.parent.mkdir(parents=True, exist_ok=True)
            weights.write_bytes(b"weights")
            tracker.keep("titanic-folds", "model", {"fold_0.fold": (weights, "a1b2")})
        return tracker

    return train


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Write one experiment's record below `results/` of an empty working directory, and return it."""
    monkeypatch.chdir(tmp_path)

    def write(run_id: str, lane: str = "titanic", mean: float = 0.8, **changes: Any) -> dict[str, Any]:
        params = {"seed": 0, "model": {"network": "fnn", "dropout": 0.2}} | changes.pop("params", {})
        run = {"run_id": run_id, "started": "2026-11-21T12:00:00+00:00", "seconds": 60.0, "commit": "c" * 40}
        run |= {"dirty": False, "params": params, "data_sha256": "d" * 64, "folds_sha256": "f" * 64, "hardware": "CPU"}
        metrics = {"metric": "accuracy", "higher_is_better": True, "oof": mean, "mean": mean, "sd": 0.01}
        metrics |= {"folds": [mean - 0.01, mean + 0.01], "rows": 100, "baseline": 0.6}
        epochs = [(fold, epoch) for fold in range(2) for epoch in range(3)]
        history = [
            {"fold": fold, "epoch": epoch, "train_loss": 1.0, "val_loss": 1.5 - epoch / 4, "val_accuracy": mean}
            for fold, epoch in epochs
        ]
        plot = changes.pop("plot", {"kind": "confusion", "classes": [0, 1], "matrix": [[50, 10], [5, 35]]})
        run |= changes.pop("run", {})
        metrics |= changes.pop("metrics", {})
        record = {"lane": lane, "run": run, "metrics": metrics, "history": history, "plot": plot} | changes
        path = tmp_path / "results" / "experiments" / lane / f"{run_id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
        return record

    return write
