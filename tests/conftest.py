"""What holds for every test: no spinning threads, no outside, no account of the person who runs them."""

import os
import signal
from pathlib import Path

import pytest

# A shell ignores Ctrl-C in what it starts in the background, and children inherit that: tests that send it would wait
# for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Before anything loads torch: threads that spin while they wait starve the other test processes.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
os.environ["OMP_NUM_THREADS"] = "1"
# Tests start hundreds of Pythons, which would compile the package each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest_plugins = ["tests.services.wandb_fixture", "tests.services.full_disk"]

SECRETS = ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY")


@pytest.fixture(autouse=True)
def _nobodys_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a home without credentials, so that none can reach a real account."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(home / ".kaggle"))
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of the repository under test."""
    return Path(__file__).parents[1]
