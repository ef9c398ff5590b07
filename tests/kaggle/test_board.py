"""The public leaderboard, by the real client from the stand-in."""

import io
import zipfile
from pathlib import Path

import pytest
from tests.kaggle.test_client import COMPETITION, FAST
from tests.services import kaggle_fixture
from tests.services.kaggle_server import Fault, KaggleServer

from groundwork.errors import UserError
from groundwork.kaggle.board import fetch

kaggle_server = kaggle_fixture.kaggle_server


def packed(content: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        opened.writestr("titanic-publicleaderboard-2026-12-01.csv", content)
    return stream.getvalue()


def test_a_leaderboard_is_fetched_and_kept(kaggle_server: KaggleServer, tmp_path: Path) -> None:
    kaggle_server.board = packed("Rank,TeamId,TeamName,Score\n1,7,a,0.9\n2,8,b,0.8\n")
    board = fetch(COMPETITION, tmp_path / "boards", FAST)
    assert board.scores == (0.9, 0.8)
    assert (tmp_path / "boards" / "titanic.zip").read_bytes() == kaggle_server.board
    assert [path.name for path in (tmp_path / "boards").iterdir()] == ["titanic.zip"]


def test_a_former_one_stays_when_the_new_one_is_broken(kaggle_server: KaggleServer, tmp_path: Path) -> None:
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards" / "titanic.zip").write_bytes(b"former")
    kaggle_server.board = packed("Rank,Points\n1,2\n")
    with pytest.raises(UserError, match="expected a zip file with one table"):
        fetch(COMPETITION, tmp_path / "boards", FAST)
    kaggle_server.fail("DownloadLeaderboard", *[Fault(403, "Forbidden")] * 3)
    with pytest.raises(UserError):
        fetch(COMPETITION, tmp_path / "boards", FAST)
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "boards").iterdir()] == [("titanic.zip", b"former")]
