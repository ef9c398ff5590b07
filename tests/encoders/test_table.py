import io

import numpy as np
import pandas as pd
import pytest
import torch

from groundwork.competitions import Inputs
from groundwork.encoders.table import PARTS, GroupRate, TableEncoder
from groundwork.errors import UserError

RNG = np.random.default_rng(0)
ROWS = 60
COLUMNS = Inputs(numeric=("x", "flag", "empty"), categorical=("label",), group=("key",))
TRAIN = pd.DataFrame(
    {
        "x": np.where(RNG.random(ROWS) < 0.2, np.nan, RNG.lognormal(size=ROWS)),
        "flag": (np.arange(ROWS) == 7).astype(float),  # rarer than the clipped share
        "empty": np.full(ROWS, np.nan),
        "label": pd.array(["a"] * 30 + ["b"] * 20 + ["r1", "r2", "r3"] + [None] * 7, dtype="str"),
        "key": pd.array([None if i % 9 == 0 else f"k{i % 25}" for i in range(ROWS)], dtype="str"),
    }
)
TARGET = RNG.random((ROWS, 2))


def encoder(columns: Inputs = COLUMNS) -> TableEncoder:
    return TableEncoder(columns, clip=0.05, min_category_count=5, group_smoothing=2.0, bins=4)


def one_row(**values: object) -> pd.DataFrame:
    return TRAIN.iloc[[0]].assign(**values).astype(TRAIN.dtypes)


def test_a_training_row_is_encoded_by_the_other_rows_of_its_group() -> None:
    rate = GroupRate(smoothing=2.0).fit(TRAIN["key"], TARGET)
    encoded = rate.transform(TRAIN["key"], TARGET)
    keys = TRAIN["key"].tolist()
    for row, key in enumerate(keys):
        others = [TARGET[i] for i in range(ROWS) if i != row and isinstance(key, str) and keys[i] == key]
        expected = (sum(others) + 2.0 * TARGET.mean(0)) / (len(others) + 2.0)
        np.testing.assert_allclose(encoded[row], [*expected, np.log1p(len(others))], atol=1e-12)


def test_later_rows_are_encoded_by_all_training_rows_of_their_group() -> None:
    rate = GroupRate(smoothing=2.0).fit(TRAIN["key"], TARGET)
    keys = TRAIN["key"].tolist()
    for key in ("k1", "k13", "never seen", None):
        group = [TARGET[i] for i in range(ROWS) if key is not None and keys[i] == key]
        expected = (sum(group) + 2.0 * TARGET.mean(0)) / (len(group) + 2.0)
        encoded = rate.transform(pd.Series([key], dtype="str"))
        np.testing.assert_allclose(encoded[0], [*expected, np.log1p(len(group))], atol=1e-12)


def test_a_rows_own_target_is_not_in_its_rate() -> None:
    """Changing one row's target moves its own rate by the overall mean alone, as it moves those of other groups."""
    other = TARGET.copy()
    other[21] += 1
    before, after = (GroupRate(1.0).fit(TRAIN["key"], y).transform(TRAIN["key"], y) for y in (TARGET, other))
    shift = (after - before)[:, 0]
    alone = np.flatnonzero(TRAIN["key"] == TRAIN["key"][21])
    assert len(alone) > 1
    assert 0 < shift[21] <= 1 / ROWS + 1e-12
    assert (shift[alone[alone != 21]] > 0.3).all()


def test_the_encoder_leaves_own_targets_out_of_training_rows_and_takes_all_for_later_ones() -> None:
    fitted = TableEncoder(Inputs(group=("key",)), clip=0.0, min_category_count=1, group_smoothing=2.0, bins=4)
    train = fitted.fit_transform(TRAIN, TARGET)["numeric"].numpy() * fitted.scale + fitted.mean
    rate = GroupRate(smoothing=2.0).fit(TRAIN["key"], TARGET)
    np.testing.assert_allclose(train, rate.transform(TRAIN["key"], TARGET), atol=1e-6)
    later = fitted.transform(TRAIN)["numeric"].numpy() * fitted.scale + fitted.mean
    expected = rate.transform(TRAIN["key"])
    np.testing.assert_allclose(later, expected.clip(fitted.low, fitted.high), atol=1e-6)
    assert not np.allclose(later, train, atol=1e-2)


def test_trees_read_the_rates_of_other_parts_of_the_training_rows() -> None:
    rate = GroupRate(smoothing=2.0).fit(TRAIN["key"], TARGET)
    keys, encoded = TRAIN["key"], rate.cross_fitted(TRAIN["key"], TARGET)
    part = np.random.default_rng(0).permutation(ROWS) % PARTS
    for row, key in enumerate(keys):
        others = [row2 for row2 in range(ROWS) if isinstance(key, str) and keys[row2] == key and row2 != row]
        elsewhere = TARGET[[row2 for row2 in others if part[row2] != part[row]]]
        expected = (elsewhere.sum(0) + 2.0 * TARGET.mean(0)) / (len(elsewhere) + 2.0)
        np.testing.assert_allclose(encoded[row], [*expected, np.log1p(len(others))], atol=1e-12)


def test_for_trees_missing_numbers_stay_missing() -> None:
    scaled, plain = encoder(), TableEncoder(COLUMNS, clip=0.05, min_category_count=5, group_smoothing=2.0, bins=0)
    expected, found = (fitted.fit_transform(TRAIN, TARGET) for fitted in (scaled, plain))
    missing = TRAIN[["x", "flag", "empty"]].isna().to_numpy()
    np.testing.assert_array_equal(found["numeric"][:, :3].isnan(), missing)
    known = ~missing
    np.testing.assert_array_equal(found["numeric"][:, :3].numpy()[known], expected["numeric"][:, :3].numpy()[known])
    np.testing.assert_array_equal(found["categorical"], expected["categorical"])
    later = TRAIN[:9]
    again = TableEncoder.from_state(plain.state())
    for name, values in plain.transform(later).items():
        np.testing.assert_array_equal(again.transform(later)[name], values)
    np.testing.assert_array_equal(plain.transform(later)["numeric"][:, :3].isnan(), missing[:9])


def test_a_group_column_without_any_key_says_nothing() -> None:
    keys = pd.Series([None] * ROWS, dtype="str")
    encoded = GroupRate(1.0).fit(keys, TARGET).transform(keys, TARGET)
    np.testing.assert_allclose(encoded, np.broadcast_to([*TARGET.mean(0), 0.0], (ROWS, 3)))


def test_numbers_are_imputed_clipped_and_standardized_by_training_rows() -> None:
    fitted = encoder()
    encoded = fitted.fit_transform(TRAIN, TARGET)["numeric"].numpy()
    x = TRAIN["x"].fillna(TRAIN["x"].median()).to_numpy()
    low, high = np.quantile(x, [0.05, 0.95])
    clipped = np.minimum(np.maximum(x, low), high)
    np.testing.assert_allclose(encoded[:, 0], (clipped - clipped.mean()) / clipped.std(), rtol=1e-5, atol=1e-6)
    wild = fitted.transform(one_row(x=1e9))["numeric"][0, 0]
    assert wild.item() == pytest.approx((high - clipped.mean()) / clipped.std(), rel=1e-5)
    missing = fitted.transform(one_row(x=np.nan))["numeric"][0, 0]
    assert missing.item() == pytest.approx((np.nanmedian(TRAIN["x"]) - clipped.mean()) / clipped.std(), rel=1e-4)


def test_a_rare_flag_keeps_its_range_and_an_empty_column_becomes_zero() -> None:
    fitted = encoder()
    encoded = fitted.fit_transform(TRAIN, TARGET)["numeric"]
    assert encoded[7, 1] > 1 > encoded[8, 1]
    assert encoded[:, 2].eq(0).all()
    assert fitted.transform(one_row(empty=5.0))["numeric"][0, 2] == 0
    assert encoded.isfinite().all()
    assert fitted.edges.isfinite().all()


def test_edges_are_quantiles_of_the_encoded_training_numbers() -> None:
    fitted = encoder()
    encoded = fitted.fit_transform(TRAIN, TARGET)["numeric"].numpy()
    assert fitted.edges.shape == (encoded.shape[1], 5)
    np.testing.assert_allclose(fitted.edges, np.quantile(encoded, [0, 0.25, 0.5, 0.75, 1], axis=0).T, atol=1e-6)


def test_unseen_categories_are_code_0_and_rare_ones_share_a_code() -> None:
    fitted = encoder()
    codes = fitted.fit_transform(TRAIN, TARGET)["categorical"][:, 0]
    assert codes.dtype == torch.int64
    assert len(codes[50:53].unique()) == 1
    assert codes[50] not in codes[:50].tolist() + codes[53:].tolist()
    assert codes.unique().tolist() == [1, 2, 3, 4]  # a, b, missing, the rare
    assert fitted.categories == [5]
    assert fitted.transform(one_row(label="never seen"))["categorical"].item() == 0
    assert fitted.transform(one_row(label="r2"))["categorical"].item() == codes[50]
    assert fitted.transform(one_row(label=None))["categorical"].item() == codes[-1]


def test_training_rows_without_any_group_are_encoded_the_same_later() -> None:
    columns = Inputs(numeric=("x", "flag"), categorical=("label",))
    fitted = encoder(columns)
    first, again = fitted.fit_transform(TRAIN, TARGET), fitted.transform(TRAIN)
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize(
    ("columns", "numbers", "labels"),
    [
        (Inputs(numeric=("x", "flag")), 2, 0),
        (Inputs(categorical=("label",)), 0, 1),
        (Inputs(group=("key",)), 3, 0),
    ],
)
def test_a_table_may_have_columns_of_one_sort_only(columns: Inputs, numbers: int, labels: int) -> None:
    fitted = encoder(columns)
    encoded = fitted.fit_transform(TRAIN, TARGET)
    assert encoded["numeric"].shape == (ROWS, numbers)
    assert encoded["categorical"].shape == (ROWS, labels)
    assert fitted.edges.shape == (numbers, 5)
    assert len(fitted.categories) == labels


def test_an_infinite_number_is_refused_by_its_column() -> None:
    fitted = encoder()
    with pytest.raises(UserError, match="column 'x': found inf in 1 rows; expected finite"):
        fitted.fit_transform(TRAIN.assign(x=TRAIN["x"].mask(np.arange(ROWS) == 3, np.inf)), TARGET)
    fitted.fit_transform(TRAIN, TARGET)
    with pytest.raises(UserError, match="column 'flag': found -inf"):
        fitted.transform(one_row(flag=-np.inf))


def test_later_rows_are_encoded_the_same_whatever_rows_come_with_them() -> None:
    fitted = encoder()
    fitted.fit_transform(TRAIN, TARGET)
    planted = TRAIN.assign(x=1e6, flag=1.0, label="new", key="k1").astype(TRAIN.dtypes)
    alone = fitted.transform(TRAIN[:10])
    among = fitted.transform(pd.concat([TRAIN[:10], planted], ignore_index=True))
    assert all(torch.equal(alone[name], among[name][:10]) for name in alone)
    after = fitted.transform(TRAIN[:10])
    assert all(torch.equal(alone[name], after[name]) for name in alone)


def test_a_saved_encoder_encodes_bit_by_bit_the_same() -> None:
    fitted = encoder()
    fitted.fit_transform(TRAIN, TARGET)
    buffer = io.BytesIO()
    torch.save(fitted, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=False)
    first, again = fitted.transform(TRAIN), loaded.transform(TRAIN)
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_key_that_is_a_category_too_does_not_give_the_own_target_away() -> None:
    # Next to the key's code, a rate without the own row alone would be the target itself, turned round.
    keys = pd.Series(np.repeat(np.arange(20), 50).astype(str))
    target = np.random.default_rng(1).normal(size=(len(keys), 1))
    frame = pd.DataFrame({"key": keys})

    def within(columns: Inputs) -> float:
        fitted = TableEncoder(columns, clip=0.0, min_category_count=1, group_smoothing=0.1, bins=4)
        rates = fitted.fit_transform(frame, target)["numeric"][:, 0].numpy()
        inside = [pd.Series(values).groupby(keys).transform(lambda group: group - group.mean())
                  for values in (rates, target[:, 0])]  # fmt: skip
        return float(np.corrcoef(*inside)[0, 1])

    assert within(Inputs(group=("key",))) < -0.95
    assert within(Inputs(categorical=("key",), group=("key",))) > -0.4
