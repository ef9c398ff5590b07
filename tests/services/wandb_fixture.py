"""W&B with a home of its own, against the stand-in in tests/services."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.services.wandb_server import KEY, WandbServer

from groundwork.settings import Tracking
from groundwork.tracking.tracker import Tracker, cross_validated


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """A stand-in that this process and its children take for W&B; nothing else of the machine's W&B is seen."""
    for name in ("HOME", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "NETRC"):
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
    """Track a training of two folds with ten epochs each; `between` is called after the first fold."""

    def train(mode: str, between: Callable[[], Any] = lambda: None) -> Tracker:
        settings = Tracking(mode=mode, project="tests")
        config = {"model": {"dropout": 0.2}, "commit": "abc123", "folds_sha256": "f" * 64}
        with Tracker(settings, "titanic", "a run", config, tmp_path) as tracker:
            for fold in range(2):
                for epoch in range(10):
                    tracker.log(f"fold_{fold}", epoch, {"val_loss": 1 / (epoch + 1), "val_accuracy": 0.8})
                if fold == 0:
                    between()
            tracker.summarize(cross_validated("accuracy", [0.8, 0.9], 0.86))
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
