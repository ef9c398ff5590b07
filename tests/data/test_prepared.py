"""What identifies prepared tables, and which rows a fold learns from."""

from pathlib import Path

import numpy as np
import pandas as pd

from groundwork.data.prepared import FINAL, part
from groundwork.data.rows import PreparedRows, folds_hash

TABLE = pd.DataFrame({"Id": [1, 2, 3], "fold": np.array([0, 1, 0], dtype=np.int8)})


def test_the_hash_follows_ids_folds_and_targets_but_not_their_types():
    target = pd.DataFrame({"y": [0, 1, 1]})
    first = folds_hash(TABLE, target)
    assert first == folds_hash(TABLE.astype("int64"), target)
    assert first != folds_hash(TABLE.assign(fold=[0, 1, 1]), target)
    assert first != folds_hash(TABLE.assign(Id=[1, 2, 4]), target)
    assert first != folds_hash(TABLE[::-1], target)
    assert first != folds_hash(TABLE, target[::-1])


def test_the_hash_follows_every_target_and_their_order():
    targets = pd.DataFrame({"a": [0, 1, 1], "b": [1, 1, 0]})
    first = folds_hash(TABLE, targets)
    assert first != folds_hash(TABLE, targets[["a"]])
    assert first != folds_hash(TABLE, targets[["b", "a"]])
    assert first != folds_hash(TABLE, targets.assign(b=[1, 1, 1]))


def test_a_fold_learns_from_the_rows_outside_and_what_is_final_from_all():
    rows = PreparedRows(
        folds=[0, 1],
        final=False,
        train=pd.DataFrame({"Id": [1, 2, 3], "x": [0.1, 0.2, 0.3]}),
        test=pd.DataFrame(),
        fold=TABLE,
        sample_submission=Path("sample_submission.csv"),
        data_sha256="",
        folds_sha256="",
    )
    assert [rows.training(fold)["Id"].tolist() for fold in (0, 1, FINAL)] == [[2], [1, 3], [1, 2, 3]]
    assert [rows.validation(fold)["Id"].tolist() for fold in (0, 1)] == [[1, 3], [2]]
    assert [part(fold) for fold in (0, 1, FINAL)] == ["fold_0", "fold_1", "final"]
