"""Random changes to a mini-batch of pictures that keep their meaning."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from groundwork.encoders.ragged import Augment, Inputs


def affine(degrees: float, scale: float, shear: float, shift: float) -> Augment:
    """Turn, scale, shear and shift each picture of a mini-batch at random, in one resampling on its device.

    Parameters
    ----------
    degrees
        Largest turn, either way.
    scale
        Largest change of width and of height, as a share of them.
    shear
        Largest shear, as a tangent.
    shift
        Largest shift, in pixels, along each axis.

    Returns
    -------
    Augment
        Changes the input ``image``, float32 ``[rows, channels, height, width]``; the border is repeated outwards.
    """

    def augment(inputs: Inputs, generator: torch.Generator) -> Inputs:
        images = inputs["image"]
        height, width = images.shape[-2:]

        def uniform(limit: float) -> Tensor:
            draws = torch.rand(len(images), generator=generator, device=images.device)
            return (draws * 2 - 1) * limit

        turn, slant = uniform(math.radians(degrees)), uniform(shear)
        across, down = 1 / (1 + uniform(scale)), 1 / (1 + uniform(scale))
        cosine, sine = turn.cos(), turn.sin()
        # The map from the new picture's coordinates to the old one's, which grid_sample reads.
        top = torch.stack([across * cosine, across * (slant * cosine - sine), uniform(2 * shift / width)], dim=1)
        low = torch.stack([down * sine, down * (slant * sine + cosine), uniform(2 * shift / height)], dim=1)
        grid = F.affine_grid(torch.stack([top, low], dim=1), list(images.shape), align_corners=False)
        moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return {**inputs, "image": moved}

    return augment
