"""The settings of a new lane, by the size of its tables.

They are chosen on many tables together, never for one.
"""

from typing import Any

from groundwork.sections.networks import LightGBMSettings

Section = dict[str, Any]
FOLDS = 5
# Up to so many training rows: mini-batch, the most epochs, and bins of a number. Chosen on up to 3,000 rows of real
# tables together: more bins and epochs gain where there is much to learn (demand, prices) and lose where there is
# little (who repays), unless a hold-out stops them. A small hold-out is too noisy to stop by. Larger tables were not
# measured.
TABLE = (
    (1_500, 64, 20, 8),
    (12_000, 128, 40, 32),
    (50_000, 256, 40, 64),
    (200_000, 512, 20, 64),
    (1_000_000, 2048, 10, 64),
)
LARGEST = (0, 8192, 4, 64)
FEW = 1_500  # rows up to which all epochs are made
STOPPING = {"patience": 8, "min_delta": 0.0, "holdout": 0.15}
LARGE = 50_000  # rows from which a smaller hold-out does
# Up to so many training rows: epochs and mini-batch of a text network.
TEXT = ((5_000, 8, 32), (20_000, 6, 32), (100_000, 4, 64))
LARGEST_TEXT = (0, 2, 128)
SMALL = 20_000  # rows up to which trees stay small
WIDE = 200  # columns from which every column gets fewer numbers


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
        stopping = None if rows <= FEW else {**STOPPING, "holdout": 0.05} if rows > LARGE else STOPPING
        training = {"epochs": epochs, "batch_size": batch, "early_stopping": stopping}
        return {"encoding": {}, "model": {"bins": bins if columns < WIDE else 8}, "training": training}
    _, epochs, batch = next((line for line in TEXT if rows <= line[0]), LARGEST_TEXT)
    encoding = {"subwords": 4000 if rows <= 20_000 else 8000, "length": 256, "words": 10_000, "ngrams": 50_000}
    return {"encoding": encoding, "model": {"bins": 8}, "training": {"epochs": epochs, "batch_size": batch}}


def trees_by_size(rows: int, classes: int) -> Section:
    """Return the section `model` of boosted trees for a table.

    Parameters
    ----------
    rows
        Training rows.
    classes
        Number of classes; 0 for numbers and tags.
    """
    return {
        "network": "lightgbm", "rounds": 2000, **LightGBMSettings.pace(classes), "leaves": 15 if rows <= SMALL else 31,
        "rows_per_leaf": 20, "feature_share": 0.5, "row_share": 0.8, "l2": 2.0, "set_codes": 9, "holdout": 0.15,
    }  # fmt: skip
