"""Layers for images."""

import numpy as np

from groundwork.scratch import functional as F
from groundwork.scratch.functional.convolution import Pair, pair
from groundwork.scratch.nn.layers import reset
from groundwork.scratch.nn.module import Module, Parameter
from groundwork.scratch.tensor import Tensor


class Conv2d(Module):
    """Kernels that slide over an image (LeCun et al., https://doi.org/10.1109/5.726791).

    Parameters
    ----------
    in_channels, out_channels
        Channels of the image; kernels.
    kernel_size, stride, padding
        See `groundwork.scratch.functional.conv2d`; one number, or height and width.
    bias
        Whether each kernel adds a number of its own.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        *,
        bias: bool = True,
    ) -> None:
        size = pair(kernel_size)
        self.stride, self.padding = stride, padding
        self.weight = Parameter(np.empty((out_channels, in_channels, *size), np.float32))
        self.bias = Parameter(np.empty(out_channels, np.float32)) if bias else None
        reset(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Map ``[rows, in_channels, height, width]`` to ``[rows, out_channels, places down, places across]``."""
        return F.conv2d(input, self.weight, self.bias, self.stride, self.padding)


class MaxPool2d(Module):
    """The largest number in each window; see `groundwork.scratch.functional.max_pool2d`."""

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, input: Tensor) -> Tensor:
        """Map ``[rows, channels, height, width]`` to an image of windows."""
        return F.max_pool2d(input, self.kernel_size, self.stride, self.padding)
