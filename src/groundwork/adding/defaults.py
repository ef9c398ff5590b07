"""The settings of a new lane, by the size of its tables.

They are chosen on many tables together, never for one: docs/tables.md has the scores.
"""

from typing import Any

from groundwork.sections.networks import LightGBMSettings

Section = dict[str, Any]
FOLDS = 5
# Up to so many training rows: mini-batch, the most epochs, and how many seeds are averaged. With few rows, a hold-out
# is a noisy judge of when to stop, and each seed holds out other rows: four together are better than any of them.
TABLE = (
    (500, 64, 20, 4),
    (5_000, 64, 40, 4),
    (9_000, 128, 40, 2),
    (12_000, 128, 40, 1),
    (25_000, 256, 40, 1),
    (50_000, 256, 20, 1),
    (200_000, 512, 20, 1),
    (1_000_000, 2048, 10, 1),
)
LARGEST = (0, 8192, 4, 1)
# Training rows for each column. Above, there is much to learn: narrow bins, and the schedule runs to its end. Below, a
# network learns noise by heart unless it stops early; and a class tells it less than a number does, so that one hidden
# layer with a strong weight decay is better than two (attrition, caravan, cells, credit, leaves, stackoverflow).
PLENTY = 300
SHALLOW = {"depth": 1, "width": 256, "dropout": 0.5}
SHALLOW_DECAY = 1.0
FEW = 500  # rows up to which all epochs are made: a hold-out would be a few dozen rows
LARGE = 50_000  # rows from which a smaller hold-out does
FEW_COLUMNS = 10  # up to which each tree reads all of them
# Up to so many training rows: epochs and mini-batch of a text network.
TEXT = ((5_000, 8, 32), (20_000, 6, 32), (100_000, 4, 64))
LARGEST_TEXT = (0, 2, 128)
SMALL = 20_000  # rows up to which trees stay small
# How network and trees are weighed: on eight of twelve tables ahead of the plain mean, and never .0007 behind it.
WEIGHED_BY = "nnls"
WIDE = 200  # columns from which every column gets fewer numbers


def defaults(rows: int, columns: int, inputs: str, *, classes: bool = True) -> dict[str, Section]:
    """Return the settings of the sections `encoding`, `model` and `training` that depend on the size.

    Parameters
    ----------
    rows, columns
        Training rows, and columns that the network reads.
    inputs
        The value of ``encoding.inputs``: table, text, table+text or image.
    classes
        Whether it predicts classes or tags, not numbers.
    """
    if inputs == "image":
        return {"encoding": {}, "model": {}, "training": {"epochs": 8 if rows > 20_000 else 16, "batch_size": 128}}
    if inputs == "table":
        _, batch, epochs, seeds = next((line for line in TABLE if rows <= line[0]), LARGEST)
        model: Section = {"bins": 32 if columns < WIDE else 8}
        training: Section = {"seeds": seeds, "epochs": epochs, "batch_size": batch}
        stopping: Section = {"patience": 8, "min_delta": 0.0, "holdout": 0.15}
        if rows >= PLENTY * columns:
            model = {"bins": 64}
            stopping |= {"patience": epochs, "holdout": 0.05 if rows > LARGE else 0.1}
        elif classes:
            model |= SHALLOW
            training |= {"weight_decay": SHALLOW_DECAY}
        training["early_stopping"] = None if rows <= FEW else stopping
        return {"encoding": {}, "model": model, "training": training}
    _, epochs, batch = next((line for line in TEXT if rows <= line[0]), LARGEST_TEXT)
    encoding = {"subwords": 4000 if rows <= 20_000 else 8000, "length": 256, "words": 10_000, "ngrams": 50_000}
    return {"encoding": encoding, "model": {"bins": 8}, "training": {"epochs": epochs, "batch_size": batch}}


def trees_by_size(rows: int, columns: int, classes: int) -> Section:
    """Return the section `model` of boosted trees for a table.

    Parameters
    ----------
    rows, columns
        Training rows, and columns that the trees read.
    classes
        Number of classes; 0 for numbers and tags.
    """
    return {
        "network": "lightgbm", "rounds": 2000, **LightGBMSettings.pace(classes), "leaves": 15 if rows <= SMALL else 31,
        "rows_per_leaf": 20, "feature_share": 1.0 if columns < FEW_COLUMNS else 0.5, "row_share": 0.8, "l2": 2.0,
        "set_codes": 9, "holdout": 0.15,
    }  # fmt: skip
