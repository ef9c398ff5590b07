"""Digit Recognizer (kaggle.com/competitions/digit-recognizer): which digit an image of 28 x 28 pixels shows."""

import numpy as np
import pandas as pd

from groundwork.competitions import Inputs, Labelled, Tables

SIDE = 28
PIXELS = [f"pixel{i}" for i in range(SIDE * SIDE)]
TRAIN_ROWS = 1497


def sample(rng: np.random.Generator) -> Tables:
    """Convert scikit-learn's 1,797 handwritten digits, real data, to the competition's layout, with 300 test rows.

    Source: E. Alpaydin, C. Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository.
    """
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    digits = load_digits()
    # As in MNIST, the digit fills the central 20 x 20 of 28 x 28 pixels. Cubic interpolation overshoots a little.
    strokes = np.clip(zoom(digits.images, (1, 2.5, 2.5)) * (255 / 16), 0, 255).round().astype(np.int64)
    images = np.pad(strokes, ((0, 0), (4, 4), (4, 4))).reshape(len(strokes), -1)

    order = rng.permutation(len(images))
    table = pd.DataFrame(images[order], columns=PIXELS)
    table.insert(0, "label", digits.target[order].astype(np.int64))
    train, test = table[:TRAIN_ROWS], table[TRAIN_ROWS:].reset_index(drop=True)
    submission = pd.DataFrame({"ImageId": np.arange(1, len(test) + 1), "Label": 0})
    return {"train.csv": train, "test.csv": test.drop(columns="label"), "sample_submission.csv": submission}


competition = Labelled(
    slug="digit-recognizer",
    kind="classification",
    metric="accuracy",
    id="ImageId",
    targets=("label",),
    types={"label": int, **dict.fromkeys(PIXELS, int)},
    inputs=Inputs(image=(SIDE, SIDE)),
    sample=sample,
)
