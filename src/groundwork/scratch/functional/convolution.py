"""Convolution and pooling over images, without a loop over pixels.

The patches under a kernel are a view of the image (strides move through the same memory). Laid out as
the rows of a matrix (*im2col*, Chellapilla et al., https://inria.hal.science/inria-00112631), all windows meet all
kernels in one matrix product. Channels are innermost in memory here, so that a window's row is copied in long runs.
"""

import numpy as np

from groundwork.scratch.arrays import Array, masked
from groundwork.scratch.tensor import Tensor, operation

Pair = int | tuple[int, int]


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Pair = 1, padding: Pair = 0) -> Tensor:
    """Slide each kernel over the image, and sum the products of its weights with the pixels below.

    The kernel is not flipped: mathematics calls this cross-correlation.

    Parameters
    ----------
    input
        ``[rows, channels, height, width]``.
    weight
        ``[kernels, channels, kernel height, kernel width]``.
    bias
        ``[kernels]``.
    stride, padding
        Pixels from one place to the next; zeros around the image. One number, or height and width.

    Returns
    -------
    Tensor
        ``[rows, kernels, 1 + (height + 2 padding - kernel height) // stride, ...]``.

    Raises
    ------
    ValueError
        If the channels differ, or the kernel is larger than the padded image.
    """
    kernels, channels, *size = weight.shape
    if input.ndim != 4 or input.shape[1] != channels:
        raise ValueError(
            f"expected [rows, {channels}, height, width] for a weight of {weight.shape}; found {input.shape}"
        )
    if bias is not None and bias.shape != (kernels,):
        raise ValueError(f"expected a bias of shape {(kernels,)}; found {bias.shape}")
    step = pair(stride)
    padded = _padded(input.data, pair(padding), 0)
    windows = _windows(padded, (size[0], size[1]), step)
    rows, height, width = windows.shape[:3]
    # One row for each place of the kernel, one column for each number in the patch there.
    columns = windows.transpose(0, 1, 2, 4, 5, 3).reshape(rows * height * width, weight.data[0].size)
    flat = weight.data.transpose(0, 2, 3, 1).reshape(kernels, -1)
    value = columns @ flat.T
    if bias is not None:
        value += bias.data

    def vjp(dy: Array) -> list[Array | None]:
        dy = dy.transpose(0, 2, 3, 1).reshape(len(columns), kernels)
        d_weight = (dy.T @ columns).reshape(kernels, *size, channels).transpose(0, 3, 1, 2)
        d_input = None
        if input.requires_grad:
            # Each number of the image is in several patches: its gradients are added up (*col2im*).
            seen = (dy @ flat).reshape(rows, height, width, *size, channels)
            whole = np.zeros_like(padded)
            for y, x in np.ndindex(*size):
                whole[_under(y, x, height, width, step)] += seen[:, :, :, y, x]
            d_input = _unpadded(whole, pair(padding))
        return [d_input, d_weight, dy.sum(0)][: 2 if bias is None else 3]

    inputs = [input, weight] if bias is None else [input, weight, bias]
    return operation(value.reshape(rows, height, width, kernels).transpose(0, 3, 1, 2), inputs, vjp)


def max_pool2d(input: Tensor, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> Tensor:
    """Largest number in each window; of equals the first, from left to right and top to bottom, gets the gradient.

    Parameters
    ----------
    input
        ``[rows, channels, height, width]``.
    kernel_size, stride, padding
        As in `conv2d`. The stride is the kernel's size by default; padding never is the largest.

    Raises
    ------
    ValueError
        If a window could lie in the padding alone.
    """
    size = pair(kernel_size)
    step = size if stride is None else pair(stride)
    if any(2 * pad > length for pad, length in zip(pair(padding), size, strict=True)):
        raise ValueError(f"padding: found {padding}; expected half of the window of {size} at most")
    padded = _padded(input.data, pair(padding), -np.inf)
    height, width = _windows(padded, size, step).shape[1:3]
    # Not window by window, but place by place within all windows at once.
    value = padded[_under(0, 0, height, width, step)].copy()
    winner = np.zeros(value.shape, np.intp)
    for place, (y, x) in enumerate(np.ndindex(*size)):
        rival = padded[_under(y, x, height, width, step)]
        winner[rival > value] = place
        np.maximum(value, rival, out=value)

    def vjp(dy: Array) -> tuple[Array]:
        dy = dy.transpose(0, 2, 3, 1)
        whole = np.zeros_like(padded)
        for place, (y, x) in enumerate(np.ndindex(*size)):
            whole[_under(y, x, height, width, step)] += masked(dy, winner == place)
        return (_unpadded(whole, pair(padding)),)

    return operation(value.transpose(0, 3, 1, 2), (input,), vjp)


def pair(value: Pair) -> tuple[int, int]:
    """Return height and width; a single number stands for both."""
    if isinstance(value, tuple) and len(value) == 2:
        return value
    if isinstance(value, int | np.integer):
        return int(value), int(value)
    raise TypeError(f"expected one whole number, or height and width; found {value!r}")


def _padded(images: Array, padding: tuple[int, int], value: float) -> Array:
    """Pad ``[rows, channels, height, width]``: ``[rows, padded height, padded width, channels]``."""
    rows, channels, height, width = images.shape
    down, right = padding
    padded = np.full((rows, height + 2 * down, width + 2 * right, channels), value, images.dtype)
    padded[:, down : down + height, right : right + width] = images.transpose(0, 2, 3, 1)
    return padded


def _unpadded(padded: Array, padding: tuple[int, int]) -> Array:
    """Undo `_padded`."""
    _, height, width, _ = padded.shape
    down, right = padding
    return padded[:, down : height - down, right : width - right].transpose(0, 3, 1, 2)


def _windows(padded: Array, size: tuple[int, int], step: tuple[int, int]) -> Array:
    """View the patches of a kernel: ``[rows, places down, places across, channels, kernel height, kernel width]``."""
    return np.lib.stride_tricks.sliding_window_view(padded, size, (1, 2))[:, :: step[0], :: step[1]]


def _under(y: int, x: int, height: int, width: int, step: tuple[int, int]) -> tuple[slice, slice, slice]:
    """Index, in `_padded` images, the pixels under the kernel's entry (`y`, `x`) for all its places."""
    return slice(None), slice(y, y + height * step[0], step[0]), slice(x, x + width * step[1], step[1])
