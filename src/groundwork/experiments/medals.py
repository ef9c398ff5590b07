"""Kaggle's public leaderboard beside a score: the place that it would have, and the scores of the medals.

`groundwork board` fetches the leaderboard of a competition. The numbers of medals follow Kaggle's table
(https://www.kaggle.com/progression): they depend on the number of teams. Shares are rounded down here. Many
competitions award no medals, such as those to get started and the playground: it is said where they would end.
"""

import bisect
import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from groundwork.errors import UserError

BOARDS = Path("data/kaggle/boards")
MEDALS = ("gold", "silver", "bronze")

# Below so many teams: how many of them get gold, how many gold or silver, how many any medal.
_Rule = Callable[[int], tuple[float, float, float]]
_RULES: tuple[tuple[float, _Rule], ...] = (
    (100, lambda teams: (0.1 * teams, 0.2 * teams, 0.4 * teams)),
    (250, lambda teams: (10, 0.2 * teams, 0.4 * teams)),
    (1000, lambda teams: (10 + 0.002 * teams, 50, 100)),
    (float("inf"), lambda teams: (10 + 0.002 * teams, 0.05 * teams, 0.1 * teams)),
)


@dataclass(frozen=True)
class Standings:
    """A competition's public leaderboard.

    Attributes
    ----------
    scores
        The score of each team, best first.
    higher_is_better
        Its direction.
    day
        When it was fetched.
    """

    scores: tuple[float, ...]
    higher_is_better: bool
    day: str = ""

    def place(self, score: float) -> int:
        """Return the place that a score would have, from 1; it is behind none that is equal."""
        sign = -1 if self.higher_is_better else 1
        return bisect.bisect_left([sign * one for one in self.scores], sign * score) + 1

    @property
    def cuts(self) -> dict[str, float]:
        """Return the score of the last gold, silver and bronze medal, and the median, without medals nobody gets."""
        last = last_places(len(self.scores))
        found = {medal: self.scores[place - 1] for medal, place in last.items() if place}
        return {**found, "median": self.scores[len(self.scores) // 2]}

    def medal(self, score: float) -> str:
        """Return the medal of a score's place; empty if it has none."""
        place = self.place(score)
        return next((medal for medal, last in last_places(len(self.scores)).items() if place <= last), "")

    def words(self, score: float, estimated: bool) -> str:
        """Say where a score stands; `estimated` if it is not the leaderboard's own."""
        medal = self.medal(score)
        place = (
            f"place {self.place(score):,} of {len(self.scores):,}{f' ({medal}, if it awards medals)' if medal else ''}"
        )
        return f"would be {place}: an estimate, since the score is out-of-fold" if estimated else place


def last_places(teams: int) -> dict[str, int]:
    """Return the last place of each medal by the number of teams; 0 where there is none."""
    rule = next(rule for below, rule in _RULES if teams < below)
    return {medal: int(last + 1e-9) for medal, last in zip(MEDALS, rule(teams), strict=True)}


def read(slug: str, *, higher_is_better: bool, folder: Path = BOARDS) -> Standings | None:
    """Read the leaderboard that `groundwork board` has fetched; None without one.

    Raises
    ------
    UserError
        If the file is no leaderboard.
    """
    path = folder / f"{slug}.zip"
    return read_file(path, slug, higher_is_better=higher_is_better) if path.is_file() else None


def read_file(path: Path, slug: str, *, higher_is_better: bool) -> Standings:
    """Read a file of Kaggle's, as `read` does."""
    try:
        with zipfile.ZipFile(path) as opened:
            (name,) = [name for name in opened.namelist() if name.lower().endswith(".csv")]
            rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(opened.read(name).decode("utf-8-sig"))))
        scores = sorted((float(row["Score"]) for row in rows if row["Score"]), reverse=higher_is_better)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, csv.Error) as error:
        found = f"{type(error).__name__}: {error}"
    else:
        if scores:
            day = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            return Standings(tuple(scores), higher_is_better, f"{day:%Y-%m-%d}")
        found = "no score"
    raise UserError(
        f"the leaderboard of {slug} ({path.name}): found {found}; expected a zip file with one table and "
        "its column Score",
        "fetch it again: `groundwork board LANE`",
    )
