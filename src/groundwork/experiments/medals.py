"""Kaggle's public leaderboard beside a score: the place that it would have, and the scores of the medals.

`groundwork board` fetches the leaderboard of a competition. The numbers of medals follow Kaggle's table
(https://www.kaggle.com/progression): they depend on the number of teams. Shares are rounded down here.
"""

import bisect
import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
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
    """

    scores: tuple[float, ...]
    higher_is_better: bool

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
        place = f"place {self.place(score):,} of {len(self.scores):,}{f', {medal}' if medal else ''}"
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
    if not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as opened:
            (name,) = [name for name in opened.namelist() if name.lower().endswith(".csv")]
            rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(opened.read(name).decode("utf-8-sig"))))
        scores = sorted((float(row["Score"]) for row in rows if row["Score"]), reverse=higher_is_better)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise UserError(
            f"{path}: is not a leaderboard ({type(error).__name__}: {error}); expected one table with a column Score",
            f"delete it, and fetch it again: `rm {path}`",
        ) from None
    if not scores:
        raise UserError(f"{path}: found no score in it; expected those of the teams", f"fetch it again: `rm {path}`")
    return Standings(tuple(scores), higher_is_better)
