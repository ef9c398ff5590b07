"""Folds are balanced, repeatable, and never more than the rows allow."""

import numpy as np
import pandas as pd
import pytest

from groundwork.data import folds
from groundwork.errors import UserError

RNG = np.random.default_rng(0)
TAGS = (RNG.random((1000, 4)) < [0.5, 0.2, 0.05, 0.0]).astype(int)
TAGS[RNG.choice(1000, 5, replace=False), 3] = 1


def test_each_fold_has_the_same_share_of_each_class():
    target = np.repeat([0, 1, 2], [100, 50, 5])
    fold = folds.assign(target, 5, seed=0, stratify="classes")
    assert fold.dtype == np.int8
    assert [np.bincount(target[fold == k]).tolist() for k in range(5)] == [[20, 10, 1]] * 5


def test_each_fold_has_the_same_range_of_a_number():
    target = RNG.lognormal(12, 1, 1000)
    fold = folds.assign(target, 5, seed=0, stratify="quantiles")
    halves = [(target[fold == k] > np.median(target)).sum() for k in range(5)]
    assert np.bincount(fold).tolist() == [200] * 5
    assert max(halves) - min(halves) <= 5


def test_equal_numbers_and_few_rows_can_be_stratified():
    assert np.bincount(folds.assign(np.ones(7), 3, seed=0, stratify="quantiles")).tolist() == [3, 2, 2]


@pytest.mark.parametrize("stratify", ["classes", "quantiles", None])
def test_the_seed_alone_decides(stratify):
    target = RNG.integers(0, 3, 90)
    first, again, other = (folds.assign(target, 3, seed, stratify) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.bincount(first).tolist() == [30, 30, 30]


@pytest.mark.parametrize("stratify", ["classes", "quantiles", None])
def test_more_folds_than_rows_is_the_users_error(stratify):
    with pytest.raises(UserError, match=r"folds: found 5; expected 2 to 4 for 4 rows"):
        folds.assign(np.array([0, 1, 0, 1]), 5, 0, stratify)


def test_classes_with_fewer_rows_than_folds_are_said_and_spread(caplog):
    fold = folds.assign(np.repeat([4, 7, 8], [20, 3, 1]), 5, 0, "classes")
    assert "which not every fold can contain: 7 (3), 8 (1)" in caplog.text
    assert np.bincount(fold[:20]).tolist() == [4] * 5
    assert np.bincount(fold[20:], minlength=5).max() == 1


def test_more_folds_than_their_type_can_count_is_the_users_error():
    with pytest.raises(UserError, match="expected 2 to 127"):
        folds.assign(np.arange(1000), 128, 0)


@pytest.mark.parametrize("stratify", ["classes", "quantiles", None])
def test_a_group_stays_together(stratify):
    target, groups = RNG.integers(0, 2, 300), RNG.integers(0, 60, 300).astype(str)
    fold = folds.assign(target, 5, 0, stratify, groups)
    assert all(len(set(fold[groups == group])) == 1 for group in set(groups))
    assert np.bincount(fold).min() >= 40


def test_more_folds_than_groups_is_the_users_error():
    with pytest.raises(UserError, match="found 5; expected 2 to 3 for 3 groups"):
        folds.assign(np.arange(30), 5, 0, None, np.repeat([1, 2, 3], 10))


def test_each_fold_has_the_same_share_of_each_tag():
    fold = folds.assign(TAGS, 5, seed=0, stratify="tags")
    assert fold.dtype == np.int8
    assert np.bincount(fold).min() >= 190
    members = np.array([TAGS[fold == k].sum(0) for k in range(5)])
    assert np.abs(members - TAGS.sum(0) / 5).max() <= 2
    assert members[:, 3].tolist() == [1] * 5, "a tag of five rows is in each of five folds"
    by_chance = folds.assign(TAGS, 5, seed=0)
    assert (
        np.abs(members - TAGS.sum(0) / 5).max()
        < np.abs(np.array([TAGS[by_chance == k].sum(0) for k in range(5)]) - TAGS.sum(0) / 5).max()
    )


def test_the_seed_alone_decides_about_tags():
    first, again, other = (folds.assign(TAGS, 3, seed, "tags") for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_groups_stay_together_whatever_their_tags():
    groups = RNG.integers(0, 60, 1000)
    fold = folds.assign(TAGS, 5, 0, "tags", groups)
    assert all(len(set(fold[groups == group])) == 1 for group in set(groups))


def test_more_folds_than_rows_with_tags_is_the_users_error():
    with pytest.raises(UserError, match=r"folds: found 5; expected 2 to 4 for 4 rows"):
        folds.assign(TAGS[:4], 5, 0, "tags")


def test_quantiles_of_several_numbers_are_those_of_the_first() -> None:
    numbers = np.random.default_rng(0).normal(size=(100, 2))
    first, both = (folds.assign(target, 5, 0, "quantiles") for target in (numbers[:, 0], numbers))
    assert (first == both).all()


def test_spans_of_time_follow_one_another_and_keep_equal_times_together():
    days = pd.Series(np.repeat(np.arange(30), 4), name="day").sample(frac=1, random_state=0, ignore_index=True)
    fold = folds.by_time(days, 5)
    assert fold.dtype == np.int8
    assert sorted(set(fold)) == [0, 1, 2, 3, 4, 5]
    assert [days[fold == number].min() for number in range(6)] == [25, 20, 15, 10, 5, 0]
    dates = (pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D")).dt.strftime("%d %b %Y").rename("date")
    assert folds.by_time(dates, 5).tolist() == fold.tolist()
    written = (pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D")).rename("date")
    for form in ("%d/%m/%Y", "%m/%d/%y", "%Y-%m-%d %H:%M:%S+00:00"):
        assert folds.by_time(written.dt.strftime(form), 5, form).tolist() == fold.tolist()
    as_numbers = written.dt.strftime("%d%m%Y").astype("int64")
    with pytest.raises(UserError, match="in row 1; expected a date"):
        folds.by_time(as_numbers, 5, "%Y-%m-%d")


def test_dates_whose_day_and_month_may_be_either_way_round_need_a_format():
    days = pd.Series(["13/01/2024", "02/03/2024", "01/04/2024"], name="day")
    with pytest.raises(UserError, match="'day': found 13/01/2024 in row 1, whose day and month") as failure:
        folds.by_time(days, 2)
    assert 'time_format="%d/%m/%Y"' in failure.value.next_step
    assert folds.by_time(days, 2, "%d/%m/%Y").tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("times", "count", "message"),
    [
        (["2024-01-01", "soon", "2024-01-02"], 1, "column 'day': found soon in row 2; expected a date"),
        ([1.0, 2.0, np.nan], 1, "found nan in row 3"),
        ([1, 1, 1, 2], 2, "found 2; expected fewer for 2 different times in 'day'"),
    ],
)
def test_times_that_cannot_be_cut_are_the_users_error(times, count, message):
    with pytest.raises(UserError, match=message):
        folds.by_time(pd.Series(times, name="day"), count)
