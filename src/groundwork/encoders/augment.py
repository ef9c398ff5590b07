"""Augments mini-batches of images by random affine transformations."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from groundwork.encoders.ragged import Augment, Inputs


def affine(degrees: float, scale: float, shear: float, shift: float) -> Augment:
    """Rotate, scale, shear and shift each image of a mini-batch at random, in one resampling on its device.

    Parameters
    ----------
    degrees
        Maximum rotation in either direction.
    scale
        Maximum relative change of width and of height.
    shear
        Maximum shear, as a tangent.
    shift
        Maximum shift along each axis, in pixels.

    Returns
    -------
    Augment
        Transforms the input ``image``, float32 ``[rows, channels, height, width]``; pixels outside repeat the border.
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
        # grid_sample needs the map from the new image's coordinates to the old ones.
        top = torch.stack([across * cosine, across * (slant * cosine - sine), uniform(2 * shift / width)], dim=1)
        low = torch.stack([down * sine, down * (slant * sine + cosine), uniform(2 * shift / height)], dim=1)
        grid = F.affine_grid(torch.stack([top, low], dim=1), list(images.shape), align_corners=False)
        moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return {**inputs, "image": moved}

    return augment
