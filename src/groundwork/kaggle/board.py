"""Fetches a competition's public leaderboard, so that scores can be seen beside its medals."""

from pathlib import Path

from groundwork.competitions import Competition
from groundwork.experiments import medals
from groundwork.files import writing
from groundwork.kaggle.call import PATIENCE, Patience, call
from groundwork.kaggle.client import connect, received


def fetch(competition: Competition, folder: Path = medals.BOARDS, patience: Patience = PATIENCE) -> medals.Standings:
    """Download the leaderboard into `folder` and read it; a former one is replaced only by one that can be read.

    Raises
    ------
    UserError
        If Kaggle refuses or cannot be reached, or sends something else.
    """
    api = connect(patience)
    path = folder / f"{competition.slug}.zip"
    with writing(path) as temporary:
        place = temporary.parent / "board"
        place.mkdir()

        def ask() -> None:
            api.competition_leaderboard_download(competition.slug, str(place))

        call(ask, f"download the leaderboard of {competition.slug}", competition, patience)
        found = received(place)
        checked = place / f"{competition.slug}.zip"
        if found != checked:
            found.replace(checked)
        standings = medals.read_file(checked, competition.slug, higher_is_better=competition.scorer.higher_is_better)
        checked.replace(temporary)
    return standings
