"""Encoded rows: tensors by name, and sequences of differing length."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Inputs = dict[str, Tensor]
Encoded = Mapping[str, "Tensor | Ragged"]
# Changes a mini-batch at random.
Augment = Callable[[Inputs, torch.Generator], Inputs]


@dataclass(frozen=True)
class Ragged:
    """Sequences of differing length, one after another in a flat tensor.

    Sequences may overlap: a customer's history before each of their purchases is a window of one list.

    Attributes
    ----------
    values
        All elements, ``[elements]`` or ``[elements, width]``.
    starts, lengths
        Where each row's sequence begins, and how long it is, int64 ``[rows]``.
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
        """Gather rows as ``[rows, longest of them, ...]``, filled up with zeros at the end."""
        starts, lengths = self.starts[which], self.lengths[which]
        longest = max(int(lengths.max()), 1) if len(lengths) else 1
        place = torch.arange(longest, device=starts.device)
        inside = place < lengths[:, None]
        if not len(self.values):
            return self.values.new_zeros((len(starts), longest, *self.values.shape[1:]))
        found = self.values[torch.where(inside, starts[:, None] + place, 0)]
        return torch.where(inside.view(*inside.shape, *[1] * (found.ndim - 2)), found, 0)


def lengths(inputs: Encoded) -> Tensor | None:
    """Lengths of the first of the inputs that is a sequence, ``[rows]``; None where none is."""
    return next((one.lengths for one in inputs.values() if isinstance(one, Ragged)), None)
