"""The settings of a new lane, by the size of its tables.

They are chosen on many tables together, never for one.
"""

from typing import Any

Section = dict[str, Any]
FOLDS = 5
# Up to so many training rows: mini-batch, epochs, bins of a number.
TABLE = (
    (1_500, 64, 30, 8),
    (4_000, 128, 25, 16),
    (12_000, 256, 25, 32),
    (50_000, 256, 20, 48),
    (200_000, 512, 12, 64),
    (1_000_000, 2048, 6, 64),
)
LARGEST = (0, 8192, 3, 64)
# Up to so many training rows: epochs and mini-batch of a text network.
TEXT = ((5_000, 8, 32), (20_000, 6, 32), (100_000, 4, 64))
LARGEST_TEXT = (0, 2, 128)
WIDE = 200  # columns from which every column gets fewer numbers


def tree_defaults(rows: int, columns: int, classes: int) -> dict[str, Section]:
    """Return the section `model` of a lane of boosted trees.

    Parameters
    ----------
    rows, columns
        Training rows, and columns that the trees read.
    classes
        Number of classes; 1 for numbers.
    """
    model = {
        "network": "lightgbm", "rounds": 2000, "learning_rate": 0.05 if classes <= 2 else 0.1, "leaves": 15,
        "rows_per_leaf": 20, "feature_share": 0.5, "row_share": 0.8, "l2": 2.0, "set_codes": 9, "holdout": 0.15,
        "patience": 50,
    }  # fmt: skip
    return {"model": model}


def defaults(rows: int, columns: int, kind: str) -> dict[str, Section]:
    """Return the settings of the sections `encoding`, `model` and `training` that depend on the size.

    Parameters
    ----------
    rows, columns
        Training rows, and columns that the network reads.
    kind
        The value of ``encoding.inputs``: table, text, table+text or image.
    """
    if kind == "image":
        return {"encoding": {}, "model": {}, "training": {"epochs": 8 if rows > 20_000 else 16, "batch_size": 128}}
    if kind == "table":
        _, batch, epochs, bins = next((line for line in TABLE if rows <= line[0]), LARGEST)
        model = {"members": 8 if rows <= 4_000 else 4, "bins": bins if columns < WIDE else 8}
        return {"encoding": {}, "model": model, "training": {"epochs": epochs, "batch_size": batch}}
    _, epochs, batch = next((line for line in TEXT if rows <= line[0]), LARGEST_TEXT)
    encoding = {"subwords": 4000 if rows <= 20_000 else 8000, "length": 256, "words": 10_000, "ngrams": 50_000}
    return {"encoding": encoding, "model": {"bins": 8}, "training": {"epochs": epochs, "batch_size": batch}}
