"""Defines the types of encoded rows: tensors by name, and sequences of different lengths."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Inputs = dict[str, Tensor]
Encoded = Mapping[str, "Tensor | Ragged"]
# Augments a mini-batch at random.
Augment = Callable[[Inputs, torch.Generator], Inputs]


@dataclass(frozen=True)
class Ragged:
    """Sequences of different lengths, stored one after another in a flat tensor.

    Sequences may overlap: a customer's history before each of their purchases is a window of one list.

    Attributes
    ----------
    values
        All elements, ``[elements]`` or ``[elements, width]``.
    starts, lengths
        Start and length of each row's sequence, int64 ``[rows]``.
    """

    values: Tensor
    starts: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    def to(self, device: torch.device) -> "Ragged":
        """Copy to `device`."""
        return Ragged(self.values.to(device), self.starts.to(device), self.lengths.to(device))

    def __getitem__(self, which: Tensor | slice) -> Tensor:
        """Gather rows as ``[rows, longest of them, ...]``, padded with zeros at the end."""
        starts, lengths = self.starts[which], self.lengths[which]
        longest = max(int(lengths.max()), 1) if len(lengths) else 1
        position = torch.arange(longest, device=starts.device)
        inside = position < lengths[:, None]
        if not len(self.values):
            return self.values.new_zeros((len(starts), longest, *self.values.shape[1:]))
        values = self.values[torch.where(inside, starts[:, None] + position, 0)]
        return torch.where(inside.view(*inside.shape, *[1] * (values.ndim - 2)), values, 0)


def lengths(inputs: Encoded) -> Tensor | None:
    """Return the lengths of the first input that is a sequence, ``[rows]``; None if there is none."""
    return next((values.lengths for values in inputs.values() if isinstance(values, Ragged)), None)
