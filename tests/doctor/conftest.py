import os
from pathlib import Path

import pytest

from groundwork.doctor import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place where nothing is wrong, and no account is there."""
    place = Place(tmp_path / "home", tmp_path / "project", {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"})
    place.home.mkdir()
    place.repository.mkdir()
    place.git("init", "--quiet")
    place.git("config", "--global", "user.name", "Ada")
    place.git("config", "--global", "user.email", "ada@example.org")
    return place
