"""An exercise on patches of pictures as rows of a matrix, checked row by row."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch.arrays import Array


def im2col_blank(images, kernel, stride=1, padding=0):
    raise NotAttempted  # a row for each position of the kernel: the patch there


def im2col_solution(images, kernel, stride=1, padding=0):
    padded = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    places_down = range(0, padded.shape[2] - kernel[0] + 1, stride)
    places_across = range(0, padded.shape[3] - kernel[1] + 1, stride)
    patches = [
        image[:, y : y + kernel[0], x : x + kernel[1]] for image in padded for y in places_down for x in places_across
    ]
    return np.stack([patch.reshape(-1) for patch in patches])


def im2col_flipped(images, kernel, stride=1, padding=0):
    padded = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    places_down = range(0, padded.shape[2] - kernel[0] + 1, stride)
    places_across = range(0, padded.shape[3] - kernel[1] + 1, stride)
    patches = [
        image[:, y : y + kernel[0], x : x + kernel[1]] for image in padded for y in places_down for x in places_across
    ]
    return np.stack([patch[:, ::-1, ::-1].reshape(-1) for patch in patches])


def im2col_padded_after(images, kernel, stride=1, padding=0):
    # The right shape, and every patch off by the padding.
    padded = np.pad(images, ((0, 0), (0, 0), (0, 2 * padding), (0, 2 * padding)))
    return im2col_solution(padded, kernel, stride)


def im2col_unstrided(images, kernel, stride=1, padding=0):
    return im2col_solution(images, kernel, 1, padding)


def im2col_across(images, kernel, stride=1, padding=0):
    padded = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    places_down = range(0, padded.shape[2] - kernel[0] + 1, stride)
    places_across = range(0, padded.shape[3] - kernel[1] + 1, stride)
    patches = [
        image[:, y : y + kernel[0], x : x + kernel[1]] for image in padded for x in places_across for y in places_down
    ]
    return np.stack([patch.reshape(-1) for patch in patches])


# Shape of the pictures, kernel, stride, padding. No two sides and no two numbers are alike, and each case adds one
# difficulty: two channels of two pictures, a margin, a stride.
CASES = (
    ((1, 1, 3, 4), (2, 2), 1, 0),
    ((2, 2, 3, 4), (2, 3), 1, 0),
    ((1, 2, 3, 4), (2, 3), 1, 1),
    ((2, 1, 5, 6), (2, 3), 2, 1),
)


def examine(answer: Any) -> Finding | None:
    """Compare the rows, case by case, with those that turn a convolution into one matrix product."""
    for shape, kernel, stride, padding in CASES:
        images = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
        expected = im2col_solution(images, kernel, stride, padding)
        given = images.copy()
        yours = answer(given, kernel, stride, padding)
        case = (
            f"images = np.arange(1.0, {1 + np.prod(shape)}).reshape{shape}, kernel={kernel}, stride={stride}, "
            f"padding={padding}"
        )
        if yours is None:
            return Finding(case, None, f"an array of shape {expected.shape}", "nothing was returned")
        found = np.asarray(yours, np.float64)
        if found.shape == expected.shape and np.allclose(found, expected):
            if np.array_equal(given, images):
                continue
            cause = "the pictures were changed in place: the caller still needs them unchanged"
            return Finding(case, "pictures that differ afterwards", "unchanged pictures", cause)
        cause = _cause(found, images, (kernel, stride, padding))
        if found.shape != expected.shape:
            return Finding(case, f"shape {found.shape}", f"shape {expected.shape}", cause)
        row = int(np.flatnonzero(~np.isclose(found, expected).all(1))[0])
        return Finding(f"{case}; row {row} of the answer", found[row], expected[row], cause)
    return None


def _cause(found: Array, images: Array, settings: tuple[Any, ...]) -> str:
    kernel, stride, padding = settings
    expected = im2col_solution(images, kernel, stride, padding)
    patches = expected.reshape(len(expected), images.shape[1], *kernel)
    rows = expected.reshape(len(images), -1, expected.shape[1])
    sides = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    down, across = (
        range(0, side + 2 * padding - length + 1, stride) for side, length in zip(images.shape[2:], kernel, strict=True)
    )
    # What `range(0, side - kernel, stride)` leaves out.
    ends = images.shape[2] + 2 * padding - kernel[0], images.shape[3] + 2 * padding - kernel[1]
    kept = [y < ends[0] and x < ends[1] for _ in images for y in down for x in across]
    guesses = {
        "the patches are flipped: the patch's top left belongs to the kernel's top left": im2col_flipped(
            images, *settings
        ),
        "patches in the wrong order: places run along a row of the picture first, then down": im2col_across(
            images, *settings
        ),
        "patches in the wrong order: all places of the first picture come first, then the second's": (
            rows.transpose(1, 0, 2).reshape(expected.shape)
        ),
        "one dimension too many: the places of all pictures are below one another": rows,
        "the last place is missing: `range(a)` ends before a, and side - kernel is a valid place, too": (
            expected[kept]
        ),
        "the margin must be zeros, not copies of the edge": im2col_solution(
            np.pad(images, sides, "edge"), kernel, stride
        ),
        "padding on one side only: zeros belong on all four sides": im2col_solution(
            np.pad(images, ((0, 0), (0, 0), (0, padding), (0, padding))), kernel, stride
        ),
        "the channel varies fastest within a row; a weight [channels, height, width] has it outermost": (
            patches.transpose(0, 2, 3, 1).reshape(len(expected), -1)
        ),
        "each patch was read column by column; it is read along its rows": (
            patches.transpose(0, 1, 3, 2).reshape(len(expected), -1)
        ),
        "rows and columns are exchanged: each patch is a row": expected.T,
        "the stride was ignored: the kernel moves by `stride` from one place to the next": im2col_unstrided(
            images, *settings
        ),
        "no padding was added: zeros belong around the picture, on all four sides": im2col_solution(
            images, kernel, stride
        ),
        "padding off by one: it belongs on both sides, or every patch is shifted": im2col_padded_after(
            images, *settings
        ),
    }
    for cause, guess in guesses.items():
        if found.shape == guess.shape and np.allclose(found, guess):
            return cause
    if found.shape == expected.shape:
        return "a row holds one patch: all of channel 0, row by row, then all of channel 1"
    return "rows: pictures x places down x places across; columns: channels x kernel height x kernel width"


EXERCISE = Exercise(
    name="10.im2col",
    task=(
        "Write `im2col`: a matrix with a row for each place of the kernel, with the patch there, so that a "
        "convolution is `im2col(images, kernel) @ weight.reshape(kernels, -1).T`."
    ),
    answer="im2col",
    blank=im2col_blank,
    solution=im2col_solution,
    wrong={
        im2col_flipped: "flipped",
        im2col_padded_after: "off by one",
        im2col_unstrided: "stride was ignored",
        im2col_across: "wrong order",
    },
    hints=(
        "First without padding and stride: three loops, over pictures, places down and places across.",
        "The patch at (y, x) is image[:, y : y + kernel[0], x : x + kernel[1]]; reshape(-1) makes it a row.",
        "np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding))) adds the margin; the loops then run "
        "over range(0, padded side - kernel side + 1, stride).",
    ),
    examine=examine,
)
