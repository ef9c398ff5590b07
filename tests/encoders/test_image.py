import numpy as np
import pandas as pd
import torch

from groundwork.encoders.image import ImageEncoder

RNG = np.random.default_rng(0)


def test_pictures_are_standardized_by_training_pixels_and_keep_their_shape() -> None:
    pixels = RNG.integers(0, 256, (10, 6)).astype(np.uint8)
    frame = pd.DataFrame(pixels, columns=[f"p{i}" for i in range(6)])
    fitted = ImageEncoder(list(frame.columns), (2, 3))
    train = fitted.fit_transform(frame[:8], np.zeros((8, 1)))["image"]
    assert train.shape == (8, 1, 2, 3)
    assert train.dtype == torch.float32
    mean, scale = pixels[:8].astype(float).mean(), pixels[:8].astype(float).std()
    expected = (pixels[8:].astype(float) - mean) / scale
    np.testing.assert_allclose(fitted.transform(frame[8:])["image"].reshape(2, 6), expected, rtol=1e-5, atol=1e-6)


def test_pictures_of_one_colour_do_not_divide_by_zero() -> None:
    frame = pd.DataFrame(np.full((4, 4), 9, dtype=np.uint8), columns=list("abcd"))
    assert ImageEncoder(list("abcd"), (2, 2)).fit_transform(frame, np.zeros((4, 1)))["image"].eq(0).all()
