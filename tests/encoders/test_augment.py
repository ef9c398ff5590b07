import math

import pytest
import torch
from torch import Tensor

from groundwork.encoders.augment import affine


def pictures(count: int = 3, height: int = 9, width: int = 12) -> Tensor:
    return torch.rand(count, 2, height, width, generator=torch.Generator().manual_seed(0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_zero_strength_changes_nothing() -> None:
    images = pictures()
    moved = affine(0, 0, 0, 0)({"image": images}, generator())["image"]
    torch.testing.assert_close(moved, images, rtol=0, atol=1e-5)


def test_shape_dtype_and_other_inputs_stay() -> None:
    inputs = {"image": pictures(), "label": torch.arange(3)}
    before = inputs["image"].clone()
    moved = affine(10, 0.1, 0.1, 2)(inputs, generator())
    assert moved["image"].shape == before.shape
    assert moved["image"].dtype == torch.float32
    assert moved["label"] is inputs["label"]
    assert torch.equal(inputs["image"], before), "the given pictures themselves must not change"


def test_the_generator_alone_decides() -> None:
    augment, images = affine(10, 0.1, 0.1, 2), pictures()
    first = augment({"image": images}, generator(1))["image"]
    torch.manual_seed(123)
    assert torch.equal(augment({"image": images}, generator(1))["image"], first)
    assert not torch.equal(augment({"image": images}, generator(2))["image"], first)


@pytest.mark.parametrize("strength", [(20, 0, 0, 0), (0, 0.3, 0, 0), (0, 0, 0.3, 0), (0, 0, 0, 2)])
def test_each_picture_of_a_batch_gets_a_draw_of_its_own(strength: tuple[float, float, float, float]) -> None:
    same = pictures(1).expand(4, -1, -1, -1)
    moved = affine(*strength)({"image": same}, generator())["image"]
    for one in range(4):
        assert not torch.allclose(moved[one], same[one], atol=1e-3)
        for other in range(one):
            assert not torch.allclose(moved[one], moved[other], atol=1e-3)


def bilinear(image: Tensor, down: float, across: float) -> Tensor:
    """Read each pixel of ``[channels, height, width]`` `down` and `across` pixels away; the border is repeated."""
    height, width = image.shape[-2:]
    read = torch.zeros_like(image)
    for i in range(height):
        for j in range(width):
            y, x = min(max(i + down, 0), height - 1), min(max(j + across, 0), width - 1)
            top, left = math.floor(y), math.floor(x)
            low, right = min(top + 1, height - 1), min(left + 1, width - 1)
            v, u = y - top, x - left
            upper = (1 - u) * image[:, top, left] + u * image[:, top, right]
            lower = (1 - u) * image[:, low, left] + u * image[:, low, right]
            read[:, i, j] = (1 - v) * upper + v * lower
    return read


def test_a_shift_is_counted_in_pixels_along_each_axis() -> None:
    images = pictures(4)
    moved = affine(0, 0, 0, 3)({"image": images}, generator(8))["image"]
    source = generator(8)
    for _ in range(4):  # turn, shear and the two scales draw first
        torch.rand(4, generator=source)
    across, down = (3 * (2 * torch.rand(4, generator=source) - 1) for _ in range(2))
    for image, got, x, y in zip(images, moved, across.tolist(), down.tolist(), strict=True):
        torch.testing.assert_close(got, bilinear(image, down=y, across=x), rtol=0, atol=1e-4)
    assert across.abs().max() > 1


def test_a_turn_keeps_distances_from_the_middle() -> None:
    """A dot at distance 8 from the middle of a square picture turns by up to 90 degrees, and stays at distance 8."""
    side, radius = 33, 8
    images = torch.zeros(6, 1, side, side)
    images[:, 0, 16, 16 + radius] = 1
    moved = affine(90, 0, 0, 0)({"image": images}, generator(2))["image"][:, 0]
    coordinates = torch.arange(side).float() - 16
    mass = moved.sum((1, 2))
    y = (moved.sum(2) * coordinates).sum(1) / mass
    x = (moved.sum(1) * coordinates).sum(1) / mass
    torch.testing.assert_close((x**2 + y**2).sqrt(), torch.full((6,), 8.0), rtol=0, atol=0.3)
    angles = torch.rad2deg(torch.atan2(y, x))
    assert angles.std() > 20
    assert angles.abs().max() <= 92


def test_a_scale_changes_width_and_height_by_its_share_at_most() -> None:
    side = 41
    images = torch.zeros(20, 1, side, side)
    images[:, :, 10:31, 10:31] = 1  # 21 x 21
    moved = affine(0, 0.2, 0, 0)({"image": images}, generator(3))["image"][:, 0]
    heights, widths = moved.sum(1).amax(1), moved.sum(2).amax(1)
    for lengths in (heights, widths):
        assert lengths.min() > 21 * 0.8 - 1
        assert lengths.max() < 21 * 1.2 + 1
        assert lengths.max() - lengths.min() > 3
    assert (heights - widths).abs().max() > 1, "width and height are drawn apart"
