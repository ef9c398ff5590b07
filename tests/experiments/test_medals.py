"""Places and medals, by Kaggle's table."""

import zipfile
from pathlib import Path

import pytest

from groundwork.errors import UserError
from groundwork.experiments.medals import Standings, last_places, read


@pytest.mark.parametrize(
    ("teams", "last"),
    [
        (3, (0, 0, 1)),
        (50, (5, 10, 20)),
        (99, (9, 19, 39)),
        (200, (10, 40, 80)),
        (600, (11, 50, 100)),
        (14_000, (38, 700, 1_400)),
    ],
)
def test_medals_depend_on_the_number_of_teams(teams: int, last: tuple[int, int, int]) -> None:
    assert tuple(last_places(teams).values()) == last


@pytest.mark.parametrize("higher", [True, False])
def test_a_place_counts_the_teams_that_are_better(higher: bool) -> None:
    scores = [round(0.01 * team, 2) for team in range(1, 121)]
    board = Standings(tuple(sorted(scores, reverse=higher)), higher)
    for score in (0.0, 0.5, 0.505, 1.2, 9.0):
        assert board.place(score) == 1 + sum(one > score if higher else one < score for one in scores)
    best = board.scores[0]
    assert board.medal(best) == "gold"
    assert board.medal(board.scores[9]) == "gold"
    assert board.medal(board.scores[10]) == "silver"
    assert board.medal(board.scores[47]) == "bronze"
    assert board.medal(board.scores[48]) == ""
    assert board.cuts["silver"] == board.scores[23]
    assert board.words(best, estimated=False) == "place 1 of 120 (gold, if it awards medals)"
    assert board.words(best, estimated=True).startswith(
        "would be place 1 of 120 (gold, if it awards medals): an estimate"
    )


def write(folder: Path, content: str) -> None:
    with zipfile.ZipFile(folder / "a-b.zip", "w") as opened:
        opened.writestr("a-b-publicleaderboard.csv", content)


def test_the_file_of_kaggle_is_read_best_first(tmp_path: Path) -> None:
    assert read("a-b", higher_is_better=True, folder=tmp_path) is None
    write(tmp_path, "\ufeffRank,TeamId,TeamName,Score\n1,7,x,0.5\n2,8,y,0.75\n3,9,z,\n")
    board = read("a-b", higher_is_better=True, folder=tmp_path)
    assert board is not None
    assert board.scores == (0.75, 0.5)


@pytest.mark.parametrize("content", ["Rank,Points\n1,2\n", "Rank,Score\n1,x\n", "Rank,Score\n"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    write(tmp_path, content)
    with pytest.raises(UserError, match=r"leaderboard of a-b .*expected a zip file"):
        read("a-b", higher_is_better=True, folder=tmp_path)
    (tmp_path / "a-b.zip").write_bytes(b"no zip")
    with pytest.raises(UserError, match="found BadZipFile"):
        read("a-b", higher_is_better=True, folder=tmp_path)
