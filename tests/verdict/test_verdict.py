"""The verdict holds: it is honest about luck, mirrored when sides are, and refuses what cannot be compared."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from groundwork.competitions import load
from groundwork.errors import UserError
from groundwork.objectives import KINDS
from groundwork.objectives.metrics import METRICS
from groundwork.verdict.luck import Luck, Spread
from groundwork.verdict.rows import Rows
from groundwork.verdict.verdict import Side, Verdict, judge

REGRESSION = KINDS["regression"]


class Draw:
    """Fresh rows, and seeds that are lucky as a whole (`quality`) and on single rows (`noise`)."""

    def __init__(self, seed: int, rows: int = 300, quality: float = 0.02, noise: float = 0.2, other: float = 0.3):
        self.rng = np.random.default_rng(seed)
        self.quality, self.noise = quality, noise
        self.target = self.rng.normal(size=rows)
        self.ideas = [self.rng.normal(0, other, rows) for _ in "ab"]
        codes = np.arange(rows)
        self.rows = Rows(METRICS["mae"], REGRESSION.judged_as, REGRESSION.combine, codes, codes % 5, self.target, codes)

    def side(self, idea: int, seeds: int, gain: float = 0.0) -> Side:
        """Predict with an error whose absolute value is three, less `gain`, more the luck of idea, seed and row."""
        errors = [
            3
            - gain
            + self.ideas[idea]
            + self.rng.normal(0, self.quality)
            + self.rng.normal(0, self.noise, len(self.target))
            for _ in range(seeds)
        ]
        return Side("ab"[idea], [self.target + error for error in errors])


def test_the_interval_is_the_closed_one_where_there_is_one() -> None:
    draw = Draw(1, rows=2000, quality=0.0)
    a, b = draw.side(0, 5), draw.side(1, 5)
    verdict = judge(draw.rows, a, b)
    difference = np.mean(a.replicates, axis=0) - np.mean(b.replicates, axis=0)
    assert verdict.gain == pytest.approx(-difference.mean())
    assert verdict.luck.rows == pytest.approx(difference.var() / 2000, rel=0.1)
    seeds = [np.mean(side.replicates, axis=1) for side in (a, b)]
    assert verdict.luck.spread.variance == pytest.approx(np.mean([scores.var(ddof=1) for scores in seeds]), rel=1e-6)
    assert verdict.luck.spread.of_rows == pytest.approx(0.2**2 / 2000, rel=0.15)
    assert verdict.luck.spread.freedom == 8


def test_luck_of_seed_on_rows_is_counted_once() -> None:
    """All the luck of seeds is luck on single rows: resampled rows show it already."""
    luck = Luck(rows=4.0, units=1000, spread=Spread(variance=3.0, of_rows=3.0, freedom=20), share=2 / 3)
    assert luck.variance == 4.0
    assert replace(luck, spread=Spread(9.0, 3.0, 20)).variance == pytest.approx(4.0 + 6.0 * 2 / 3)
    assert replace(luck, spread=Spread(2.0, 3.0, 20)).variance == 4.0


def test_without_a_spread_of_seeds_nothing_is_better_or_worse() -> None:
    for gain, word in ((0.8, "ahead"), (-0.8, "behind")):
        draw = Draw(2)
        verdict = judge(draw.rows, draw.side(0, 1, gain), draw.side(1, 1))
        assert verdict.outcome == "unknown"
        assert word in verdict.sentence
        assert not re.search(r"better|worse", "\n".join(verdict.lines))
        assert "training.seeds" in verdict.sentence


def test_seeds_of_other_experiments_make_a_verdict_of_single_runs() -> None:
    draw = Draw(3)
    spread = [draw.side(0, 4).replicates, draw.side(1, 3).replicates]
    verdict = judge(draw.rows, draw.side(0, 1, 0.5), draw.side(1, 1), spread=spread)
    assert (verdict.outcome, verdict.luck.spread.freedom) == ("better", 5)
    enough = judge(draw.rows, draw.side(0, 3, 0.5), draw.side(1, 3), spread=spread)
    assert enough.luck.spread.freedom == 4, "sides with seeds of their own need no others"


def test_a_baseline_without_seeds_is_compared_by_rows_alone() -> None:
    draw = Draw(4)
    a, b = (replace(draw.side(idea, 1, 0.5 * (1 - idea)), seeded=False) for idea in (0, 1))
    verdict = judge(draw.rows, a, b)
    assert verdict.outcome == "better"
    assert verdict.luck.of_seeds == 0
    assert "seed" not in " ".join(verdict.lines)


def test_swapped_sides_get_the_mirrored_verdict() -> None:
    draw = Draw(5)
    a, b = draw.side(0, 3, 0.4), draw.side(1, 3)
    one, other = judge(draw.rows, a, b), judge(draw.rows, b, a)
    assert (one.outcome, other.outcome) == ("better", "worse")
    assert (one.gain, one.low, one.high) == pytest.approx((-other.gain, -other.high, -other.low))
    assert (one.changed.gained, one.changed.lost) == (other.changed.lost, other.changed.gained)


def test_equal_predictions_differ_in_nothing() -> None:
    draw = Draw(6)
    side = draw.side(0, 3)
    verdict = judge(draw.rows, side, replace(side, name="b"))
    assert (verdict.outcome, verdict.gain) == ("no difference", 0.0)
    assert verdict.sentence.startswith("no difference seen between a and b")


def test_many_tried_variants_need_a_larger_gain() -> None:
    draw = Draw(7)
    a, b = draw.side(0, 3), draw.side(1, 3)
    widths = [(verdict := judge(draw.rows, a, b, tried=tried)).high - verdict.low for tried in (1, 5, 50)]
    assert widths[0] * 1.2 < widths[1] < widths[2] * 0.9


def test_what_is_said_to_be_needed_suffices() -> None:
    luck = Luck(rows=1.0, units=500, spread=Spread(variance=1.2, of_rows=0.4, freedom=40), share=2 / 2)
    seeds, times = luck.needed(1.9, seeds=2)
    assert seeds is not None
    share = 2 / seeds
    alone = luck.rows - luck.share * 0.4
    more_seeds = replace(luck, rows=alone + share * 0.4, share=share, spread=Spread(1.2, 0.4, 10**6))
    assert more_seeds.half_width() == pytest.approx(1.9, rel=0.06)
    more_rows = replace(luck, rows=luck.rows / times, spread=Spread(0.8, 0.0, 10**6), units=10**6)
    assert more_rows.half_width() == pytest.approx(1.9, rel=0.01)
    assert luck.needed(1e-3, seeds=2) == (None, np.inf)


def outcomes(gain: float, repetitions: int) -> list[str]:
    found = []
    for number in range(repetitions):
        draw = Draw(1000 + number, rows=120, quality=0.02)
        verdict = judge(draw.rows, draw.side(0, 3, gain), draw.side(1, 3), resamples=200)
        found.append(verdict.outcome)
    return found


def test_luck_is_rarely_called_better() -> None:
    """Of 300 comparisons without a gain about 2.5 % are called better; more than 19 would happen once in 10,000."""
    assert outcomes(0.0, 300).count("better") <= 19


def test_a_gain_of_four_standard_errors_is_found() -> None:
    """Found with a probability of about .97; fewer than 88 of 100 would happen once in 10,000."""
    error = np.sqrt(2 * (0.3**2 + 0.2**2 / 3) / 120 + 2 * 0.02**2 / 3)
    assert outcomes(4 * float(error), 100).count("better") >= 88


def test_rows_of_a_group_are_drawn_together() -> None:
    """Every row four times is no more to learn from, if equal rows are one unit."""
    draw = Draw(8)
    a, b = draw.side(0, 3), draw.side(1, 3)
    times = 4
    codes = np.repeat(np.arange(300), times)
    grouped = replace(
        draw.rows,
        ids=np.arange(300 * times),
        folds=np.repeat(draw.rows.folds, times),
        target=draw.target[codes],
        units=codes,
    )
    repeated = [replace(side, replicates=[one[codes] for one in side.replicates]) for side in (a, b)]
    single, several = judge(draw.rows, a, b), judge(grouped, *repeated)
    assert several.luck.rows == pytest.approx(single.luck.rows, rel=1e-9)
    apart = judge(replace(grouped, units=np.arange(300 * times)), *repeated)
    assert apart.luck.rows == pytest.approx(single.luck.rows / times, rel=0.15)


def titanic_rows(folds: int = 5, **columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    p1 = rng.random(100)
    frame = {"id": np.arange(100), "fold": np.arange(100) % folds, "target": (p1 > 0.5).astype(int)}
    return pd.DataFrame({**frame, "p0": 1 - p1, "p1": p1, **columns})


def test_rows_in_another_order_are_the_same_rows() -> None:
    frame = titanic_rows()
    rows = Rows.of(load("titanic"), frame)
    shuffled = frame.sample(frac=1, random_state=1)
    np.testing.assert_array_equal(rows.predictions(shuffled, "b"), frame[["p0", "p1"]])
    assert (rows.unit_name, rows.count) == ("rows", 100)


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (titanic_rows(folds=4), "other folds"),
        (titanic_rows(target=1), "other targets"),
        (titanic_rows(id=np.arange(1, 101)), "other ids"),
        (titanic_rows().iloc[:60], "60 out-of-fold rows; expected 100"),
    ],
)
def test_other_rows_folds_or_targets_are_refused(other: pd.DataFrame, problem: str) -> None:
    rows = Rows.of(load("titanic"), titanic_rows())
    with pytest.raises(UserError, match=f"run b: .*{problem}") as raised:
        rows.predictions(other, "run b")
    assert "leaderboard" in raised.value.next_step


def test_units_are_the_competitions_own() -> None:
    frame = titanic_rows()
    assert Rows.of(load("titanic"), frame, groups=np.arange(100) // 4).count == 25
    search = frame.assign(query=np.arange(100) // 5, prediction=0.5)
    rows = Rows.of(load("product_search"), search)
    assert (rows.unit_name, rows.count) == ("queries", 20)
    weeks = pd.DataFrame({"id": ["c", "d", "c"], "fold": [0, 0, 1], "t0": 1, "t1": 2, "p0": 1, "p1": 3})
    rows = Rows.of(load("fashion_recommendations"), weeks)
    assert (rows.unit_name, rows.count, rows.units.tolist()) == ("customers", 2, [0, 1, 0])


def test_a_single_unit_is_refused() -> None:
    draw = Draw(9)
    with pytest.raises(UserError, match="one of groups"):
        judge(replace(draw.rows, units=np.zeros(300, int), unit_name="groups"), draw.side(0, 2), draw.side(1, 2))


def test_a_threshold_is_chosen_on_all_rows_and_stays() -> None:
    rng = np.random.default_rng(0)
    target = (rng.random(400) < 0.15).astype(int)
    p1 = np.clip(0.15 + 0.25 * target + rng.normal(0, 0.1, 400), 0.01, 0.99)
    kind = KINDS["classification"]
    codes = np.arange(400)
    rows = Rows(METRICS["f1"], kind.judged_as, kind.combine, codes, codes % 4, target, codes)
    predicted = np.stack([1 - p1, p1], 1)
    assert rows.answers(predicted).sum() > 2 * (p1 > 0.5).sum(), "one half would find few of the rare class"
    verdict = judge(rows, Side("a", [predicted], seeded=False), Side("b", [predicted[::-1]], seeded=False))
    assert verdict.outcome == "better"
    assert verdict.changed.right


def test_the_json_holds_what_the_sentence_says() -> None:
    draw = Draw(10)
    verdict: Verdict = judge(draw.rows, draw.side(0, 3, 0.4), draw.side(1, 3), resamples=100)
    content = verdict.to_json()
    assert (content["schema"], content["outcome"], content["sentence"]) == (1, "better", verdict.sentence)
    assert content["low"] < content["gain"] < content["high"]
    assert [len(content[side]["seeds"]) for side in "ab"] == [3, 3]
