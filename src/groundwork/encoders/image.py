"""Encodes pixel columns as image tensors."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch

from groundwork.competitions import Labelled
from groundwork.encoders import Encoder, Numbers
from groundwork.encoders.augment import affine
from groundwork.encoders.ragged import Augment, Encoded
from groundwork.sections.encodings import ImageEncoding
from groundwork.state import State, scalar, texts


@dataclass
class ImageEncoder(Encoder):
    """Encoder of pixels (0 to 255) as one-channel images, standardized by the training rows' mean and deviation.

    Parameters
    ----------
    columns
        The pixel columns, row by row of the image.
    shape
        Height and width.
    changes
        The maximum rotation, scale, shear and shift of a training image: see `affine`.
    """

    columns: list[str]
    shape: tuple[int, int]
    changes: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @classmethod
    def of(cls, encoding: ImageEncoding, competition: Labelled, prepared: object, bins: int) -> Self:
        """Create the encoder of a competition whose columns, apart from the targets, are pixels."""
        if competition.inputs.image is None:
            raise ValueError("inputs.image: found None; expected height and width")
        changes = (encoding.degrees, encoding.scale, encoding.shear, encoding.shift)
        return cls(competition.pixels, competition.inputs.image, changes)

    def augment(self) -> Augment | None:
        """Return the random affine transformation, or None if all its limits are zero."""
        return affine(*self.changes) if any(self.changes) else None

    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Fit on training rows and encode them; `target` is not used."""
        pixels = frame[self.columns].to_numpy()
        self.mean = float(pixels.mean())
        self.scale = float(pixels.std()) or 1.0
        return self.transform(frame)

    def transform(self, frame: pd.DataFrame) -> Encoded:
        """Encode rows: ``image`` float32 ``[rows, 1, height, width]``."""
        pixels = frame[self.columns].to_numpy(dtype=np.float32)
        return {"image": torch.from_numpy((pixels - self.mean) / self.scale).reshape(-1, 1, *self.shape)}

    def state(self) -> State:
        """Return everything that `transform` needs, as data."""
        return {"columns": list(self.columns), "shape": list(self.shape), "mean": self.mean, "scale": self.scale}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild an encoder from `state`; raise ValueError or KeyError if it is invalid."""
        height, width = (int(side) for side in state["shape"])
        encoder = cls(texts(state, "columns"), (height, width))
        if len(encoder.columns) != height * width:
            raise ValueError(f"{len(encoder.columns)} columns for an image of {height} × {width}")
        encoder.mean, encoder.scale = scalar(state, "mean", float), scalar(state, "scale", float)
        return encoder
