from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler as Theirs

from groundwork.scratch import Tensor, manual_seed
from groundwork.scratch.data import DataLoader, StandardScaler, TensorDataset, k_fold, one_hot, train_test_split


def numbered(rows: int) -> TensorDataset:
    """Make rows whose input and target tell their place."""
    return TensorDataset(np.arange(rows)[:, None] * np.ones(3), np.arange(rows))


class Pairs:
    """A dataset of its own kind: rows made on demand."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], tuple[int, float]]:
        if index >= self.rows:
            raise IndexError(index)
        return np.full((2, 2), index, np.float32), (index, index / 2)


class CountedArray(np.ndarray):
    """An array that counts how often it is indexed."""

    lookups = 0

    def __getitem__(self, index: Any) -> Any:
        type(self).lookups += 1
        return super().__getitem__(index)


@pytest.mark.parametrize(("rows", "size", "drop", "sizes"), [
    (7, 3, False, [3, 3, 1]), (7, 3, True, [3, 3]), (6, 3, False, [3, 3]), (6, 3, True, [3, 3]),
    (2, 5, False, [2]), (2, 5, True, []), (0, 5, False, []), (3, 1, False, [1, 1, 1]),
])  # fmt: skip
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_are_those_of_torch(rows: int, size: int, drop: bool, sizes: list[int], shuffle: bool) -> None:
    loader = DataLoader(numbered(rows), size, shuffle, drop_last=drop)
    batches = list(loader)
    assert [len(target.data) for _, target in batches] == sizes
    assert len(loader) == len(sizes)
    for inputs, target in batches:
        assert isinstance(inputs, Tensor)
        assert inputs.shape == (len(target.data), 3)
        np.testing.assert_array_equal(inputs.data[:, 0], target.data)
    if not shuffle:
        theirs = torch.utils.data.DataLoader(torch.arange(rows), size, drop_last=drop)
        assert [target.data.tolist() for _, target in batches] == [batch.tolist() for batch in theirs]


def test_each_epoch_has_each_row_once_and_a_new_order_that_the_seed_decides() -> None:
    loader = DataLoader(numbered(50), 8, shuffle=True)

    def orders() -> list[list[int]]:
        manual_seed(3)
        return [[row for _, target in loader for row in target.data.tolist()] for _ in range(2)]

    first, second = orders()
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first != list(range(50))
    assert orders() == [first, second]


def test_arrays_in_memory_are_indexed_once_for_a_batch() -> None:
    dataset = numbered(100)
    dataset.arrays[0] = dataset.arrays[0].view(CountedArray)
    CountedArray.lookups = 0
    list(DataLoader(dataset, 10, shuffle=True))
    assert CountedArray.lookups == 10


def test_other_datasets_are_stacked_row_by_row() -> None:
    ((pictures, (classes, halves)),) = DataLoader(Pairs(3), 4)
    assert pictures.shape == (3, 2, 2)
    assert (pictures.dtype, classes.dtype, halves.dtype) == (np.float32, np.int64, np.float32)
    np.testing.assert_array_equal(classes.data, [0, 1, 2])
    np.testing.assert_array_equal(halves.data, [0, 0.5, 1])


def test_rows_that_are_no_tuples_make_batches_that_are_none() -> None:
    (batch,) = DataLoader([1.5, 2.5], 2)
    np.testing.assert_array_equal(batch.data, [1.5, 2.5])


def test_a_batch_is_a_copy_of_its_rows() -> None:
    dataset = numbered(4)
    for inputs, _ in DataLoader(dataset, 4):
        inputs.data[:] = -1
    assert dataset.arrays[0].min() == 0


def test_a_tensor_dataset_keeps_dtypes_and_gives_rows() -> None:
    dataset = TensorDataset(np.ones((3, 2)), np.ones(3, np.float32), [1, 2, 3], Tensor([0.5, 1.5, 2.5]))
    assert [part.dtype for part in dataset[1]] == [np.float64, np.float32, np.int64, np.float32]
    assert [part.shape for part in dataset[1]] == [(2,), (), (), ()]
    assert [len(part.data) for part in dataset[1:]] == [2, 2, 2, 2]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((np.ones(3), np.ones(4)), r"equally many rows in every array; found \[3, 4\]"),
        ((), "found none"),
        ((np.ones(2), np.array(1.0)), "found a single number"),
    ],
)
def test_arrays_that_share_no_rows_are_refused(arrays: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TensorDataset(*arrays)


def test_a_batch_has_a_row() -> None:
    with pytest.raises(ValueError, match="batch_size: found 0; expected 1 or more"):
        DataLoader(numbered(3), 0)


COLUMNS = {
    "normal": np.random.default_rng(0).normal(5, 3, 40),
    "constant": np.full(40, 0.1),
    "zero": np.zeros(40),
    "large and constant": np.full(40, 1e15 / 3),
    "large with a little spread": 1e9 + np.arange(40.0),
    "tiny": np.random.default_rng(1).normal(0, 1e-12, 40),
    "one outlier": np.eye(40)[0] * 1e8,
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_scaling_is_scikit_learns(dtype: type) -> None:
    x = np.stack(list(COLUMNS.values()), 1).astype(dtype)
    ours, theirs = StandardScaler().fit(x[:30]), Theirs().fit(x[:30])
    np.testing.assert_allclose(ours.mean_, theirs.mean_, rtol=1e-12)
    np.testing.assert_allclose(ours.scale_, theirs.scale_, rtol=1e-12)
    scaled = ours.transform(x)
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(scaled, theirs.transform(x), rtol=tolerance, atol=tolerance)
    assert scaled.dtype == theirs.transform(x).dtype
    np.testing.assert_allclose(ours.inverse_transform(scaled) / ours.scale_, x / ours.scale_, rtol=1e-6, atol=1e-6)


def test_a_single_row_scales_to_zeros() -> None:
    np.testing.assert_array_equal(StandardScaler().fit_transform([[3.0, -2.0]]), [[0, 0]])


def test_a_scaler_goes_by_what_it_was_fitted_on_and_changes_nothing() -> None:
    train, valid = np.array([[0.0], [2.0]]), np.array([[5.0]])
    scaler = StandardScaler()
    np.testing.assert_array_equal(scaler.fit_transform(train), [[-1], [1]])
    np.testing.assert_array_equal(scaler.transform(valid), [[4]])
    np.testing.assert_array_equal(scaler.transform(train), [[-1], [1]])
    np.testing.assert_array_equal([train.ravel(), [5, 5]], [[0, 2], valid[0].repeat(2)])


def test_a_scaler_says_what_is_wrong() -> None:
    with pytest.raises(RuntimeError, match="fit it on the training rows first"):
        StandardScaler().transform([[1.0]])
    with pytest.raises(ValueError, match="column 1 has NaN or infinity"):
        StandardScaler().fit([[1.0, np.nan], [2.0, 3.0]])
    with pytest.raises(ValueError, match=r"at least one; found shape \(3,\)"):
        StandardScaler().fit([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"at least one; found shape \(0, 2\)"):
        StandardScaler().fit(np.ones((0, 2)))
    with pytest.raises(ValueError, match=r"expected shape \[rows, 2\], as fitted; found \(1, 3\)"):
        StandardScaler().fit(np.eye(2)).transform(np.ones((1, 3)))


@pytest.mark.parametrize("classes", [[2, 0, 1, 1], [[1, 0], [0, 0]], [0], 3])
@pytest.mark.parametrize("num_classes", [-1, 5])
def test_one_hot_is_torchs(classes: Any, num_classes: int) -> None:
    ours = one_hot(np.array(classes), num_classes)
    theirs = torch.nn.functional.one_hot(torch.tensor(classes), num_classes).numpy()
    np.testing.assert_array_equal(ours.data, theirs, strict=True)


@pytest.mark.parametrize(("classes", "wrong"), [([0, 3, 4], 3), ([1, -1], -1)])
def test_one_hot_names_the_class_out_of_range(classes: list[int], wrong: int) -> None:
    with pytest.raises(ValueError, match=f"found class {wrong}; expected classes from 0 to 2"):
        one_hot(classes, 3)
    with pytest.raises(ValueError, match="no class to tell it by"):
        one_hot(np.zeros(0, np.int64))


def test_one_hot_needs_whole_numbers() -> None:
    with pytest.raises(TypeError, match="whole numbers; found float64"):
        one_hot(np.array([0.0, 1.0]))


@pytest.mark.parametrize(("test_size", "count"), [(0.25, 5), (0.26, 6), (3, 3), (19, 19), (0.01, 1)])
def test_a_split_keeps_rows_whole_and_each_on_one_side(test_size: float, count: int) -> None:
    x, y = np.arange(20)[:, None] * np.ones(2), np.arange(20)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=test_size)
    assert len(y_test) == count
    assert sorted([*y_train, *y_test]) == list(range(20))
    np.testing.assert_array_equal(x_train[:, 1], y_train)
    np.testing.assert_array_equal(x_test[:, 1], y_test)


@pytest.mark.parametrize("stratify", [None, np.arange(30) % 3])
def test_a_split_is_by_chance_and_the_seed_decides(stratify: Any) -> None:
    def test_side(seed: int) -> list[int]:
        manual_seed(seed)
        return train_test_split(np.arange(30), test_size=0.5, stratify=stratify)[1].tolist()

    assert test_side(0) == test_side(0)
    assert set(test_side(0)) != set(test_side(1))


@pytest.mark.parametrize("sizes", [(50, 50), (97, 3), (60, 30, 8, 2), (2, 2), (7, 5, 3)])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.75])
def test_both_sides_of_a_stratified_split_have_the_same_shares(sizes: tuple[int, ...], share: float) -> None:
    classes = np.repeat(np.array(["a", "b", "c", "d"])[: len(sizes)], sizes)
    train, test = train_test_split(np.arange(len(classes)), test_size=share, stratify=classes)
    assert len(test) == np.ceil(share * len(classes))
    assert sorted([*train, *test]) == list(range(len(classes)))
    found = Counter(classes[test].tolist())
    for name, size in zip("abcd", sizes, strict=False):
        assert abs(found[name] - size * len(test) / len(classes)) <= (0.5 if len(sizes) == 2 else 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test_size": 1.0}, "test_size: found 1.0, which is 4 of 4 rows"),
        ({"test_size": 0}, "test_size: found 0, which is 0 of 4 rows"),
        ({"test_size": 0.5, "stratify": ["cat", "dog", "cat", "cat"]}, "found a single row of class dog"),
        ({"test_size": 0.5, "stratify": [0, 1]}, r"equally many rows in every array; found \[4, 2\]"),
    ],
)
def test_a_split_that_cannot_be_says_why(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train_test_split(np.arange(4), **arguments)


@pytest.mark.parametrize(("rows", "folds"), [(10, 5), (11, 3), (7, 7), (2, 2)])
def test_folds_are_scikit_learns(rows: int, folds: int) -> None:
    theirs = KFold(folds).split(np.zeros(rows))
    for (train, valid), (their_train, their_valid) in zip(k_fold(rows, folds), theirs, strict=True):
        np.testing.assert_array_equal(train, their_train)
        np.testing.assert_array_equal(valid, their_valid)


def test_each_row_is_validated_once_in_shuffled_folds() -> None:
    manual_seed(0)
    splits = list(k_fold(11, 3, shuffle=True))
    assert sorted(row for _, valid in splits for row in valid) == list(range(11))
    assert [len(valid) for _, valid in splits] == [4, 4, 3]
    assert all(sorted([*train, *valid]) == list(range(11)) for train, valid in splits)
    assert splits[0][1].tolist() != [0, 1, 2, 3]
    assert all(valid.tolist() == sorted(valid) for _, valid in splits)


@pytest.mark.parametrize("folds", [1, 5])
def test_folds_are_2_to_the_number_of_rows(folds: int) -> None:
    with pytest.raises(ValueError, match=f"folds: found {folds}; expected 2 to 4"):
        k_fold(4, folds)
