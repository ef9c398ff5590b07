"""What identifies prepared tables."""

import numpy as np
import pandas as pd

from groundwork.data.prepared import folds_hash


def test_the_hash_follows_ids_folds_and_targets_but_not_their_types():
    table = pd.DataFrame({"Id": [1, 2, 3], "fold": np.array([0, 1, 0], dtype=np.int8)})
    target = pd.Series([0, 1, 1])
    first = folds_hash(table, target)
    assert first == folds_hash(table.astype("int64"), target)
    assert first != folds_hash(table.assign(fold=[0, 1, 1]), target)
    assert first != folds_hash(table.assign(Id=[1, 2, 4]), target)
    assert first != folds_hash(table[::-1], target)
    assert first != folds_hash(table, target[::-1])
