"""Pictures as tensors."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from groundwork.encoders import Encoder, Numbers
from groundwork.encoders.ragged import Encoded


@dataclass
class ImageEncoder(Encoder):
    """Pixels (0 to 255) as one-channel pictures, standardized by the training rows' mean and standard deviation.

    Parameters
    ----------
    columns
        The pixel columns, row by row of the picture.
    shape
        Height and width.
    """

    columns: list[str]
    shape: tuple[int, int]

    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Fit on training rows and encode them; the target is not looked at."""
        pixels = frame[self.columns].to_numpy()
        self.mean = float(pixels.mean())
        self.scale = float(pixels.std()) or 1.0
        return self.transform(frame)

    def transform(self, frame: pd.DataFrame) -> Encoded:
        """Encode rows: ``image`` float32 ``[rows, 1, height, width]``."""
        pixels = frame[self.columns].to_numpy(dtype=np.float32)
        return {"image": torch.from_numpy((pixels - self.mean) / self.scale).reshape(-1, 1, *self.shape)}
