"""The fixture that puts Kaggle's real client before the stand-in, with a home folder of its own."""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.services.kaggle_server import KaggleServer, archive

SLUG = "titanic"
FILES = {
    "train.csv": "PassengerId,Survived\n" + "".join(f"{i},{i % 2}\n" for i in range(1, 901)),
    "test.csv": "PassengerId\n" + "".join(f"{i}\n" for i in range(901, 941)),
    "gender_submission.csv": "PassengerId,Survived\n" + "".join(f"{i},0\n" for i in range(901, 941)),
}


@pytest.fixture
def kaggle_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleServer]:
    """Serve `FILES` as the competition `SLUG`; this process and those it starts reach no other Kaggle."""
    home = tmp_path / "home"
    with KaggleServer(SLUG, archive(FILES)) as server:
        for name in [name for name in os.environ if name.startswith("KAGGLE_") or name == "XDG_CONFIG_HOME"]:
            monkeypatch.delenv(name)
        for name, value in server.environment(home).items():
            monkeypatch.setenv(name, value)
        with contextlib.redirect_stdout(io.StringIO()):
            from kaggle.api.kaggle_api_extended import KaggleApi
        # The package reads these from the environment once, when the first test of the process imports it.
        monkeypatch.setattr(KaggleApi, "args", ["--local"])
        monkeypatch.setattr(KaggleApi, "config_dir", str(home / ".kaggle"))
        monkeypatch.setattr(KaggleApi, "config", str(home / ".kaggle" / "kaggle.json"))
        server.operations.clear()
        yield server
