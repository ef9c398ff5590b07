"""A small convolutional network for pictures of one object, such as a handwritten digit.

It is a small VGG (https://arxiv.org/abs/1409.1556) with batch normalization (https://arxiv.org/abs/1502.03167) and
global pooling in place of dense layers (https://arxiv.org/abs/1312.4400).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from groundwork.objectives.base import Objective


def _convolution(inputs: int, outputs: int, size: int, pool: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)]
    if pool:
        # Pooling first reduces the work of normalization and ReLU to a quarter.
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class CNN(nn.Module):
    """A 5x5 convolution, then two 3x3 convolutions for each further stage, at half the previous resolution.

    Parameters
    ----------
    colours
        Channels of a picture.
    channels
        Feature maps of each stage.
    outputs
        Logits of each picture.
    dropout
        Share of the pooled features dropped before the head.
    """

    def __init__(self, colours: int, channels: list[int], outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        stages = [_convolution(colours, channels[0], size=5, pool=True)]
        for stage in range(1, len(channels)):
            last = stage == len(channels) - 1
            stages.append(_convolution(channels[stage - 1], channels[stage], size=3, pool=False))
            stages.append(_convolution(channels[stage], channels[stage], size=3, pool=not last))
        self.features = nn.Sequential(*stages)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * channels[-1], outputs))
        # CPUs and GPUs convolve fastest in this memory layout.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack this form

    def forward(self, image: Tensor) -> Tensor:
        """Map pictures ``[rows, colours, height, width]`` to logits ``[rows, outputs]``."""
        maps = self.features(image.contiguous(memory_format=torch.channels_last))
        return self.head(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1))


def build(settings: Mapping[str, Any], encoder: object, objective: Objective, network: Any = CNN) -> Any:
    """Make the network for pictures of one colour.

    Parameters
    ----------
    settings
        Sizes from section ``model`` of params.yaml.
    network
        The class: `CNN`, or its counterpart in `groundwork.scratch`.
    """
    return network(colours=1, outputs=objective.outputs, **settings)
