"""Predicting with a trained network: no Lightning, so that the predict stage starts in half the time."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from groundwork.encoders.ragged import Encoded, Inputs
from groundwork.objectives.base import Objective
from groundwork.settings import Hardware
from groundwork.training.batches import pieces

Epoch = dict[str, float]
AUTO = Hardware(accelerator="auto", devices="auto", precision="auto", strategy="auto", num_nodes=1)


def device(hardware: Hardware = AUTO) -> torch.device:
    """Where one process predicts: the first GPU that `hardware` allows if there is one, else the CPU."""
    first = hardware.devices[0] if isinstance(hardware.devices, list) else 0
    if hardware.accelerator in ("auto", "gpu") and torch.cuda.is_available():
        return torch.device("cuda", first)
    if hardware.accelerator in ("auto", "gpu", "mps") and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def in_pieces(run: Callable[[Inputs], Tensor], inputs: Encoded) -> Iterator[tuple[Tensor, Tensor]]:
    """Run all rows of `inputs` a piece at a time; a piece that does not fit into the device's memory is halved.

    Yields
    ------
    tuple of Tensor
        Row numbers, and what `run` makes of these rows.
    """
    for rows, values in pieces(inputs):
        waiting = [(rows, values)]
        while waiting:
            which, piece = waiting.pop()
            try:
                answer = run(piece)
            except RuntimeError as error:
                if not ran_out(error) or len(which) == 1:
                    raise
            else:
                yield which, answer
                continue
            halves = torch.split(which, -(-len(which) // 2))
            waiting += [(half, {name: given[half] for name, given in inputs.items()}) for half in reversed(halves)]


def ran_out(error: RuntimeError) -> bool:
    """Whether `error` says that a device has no memory left; only CUDA has an exception of its own for it."""
    words = ("out of memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def predict(network: nn.Module, objective: Objective, inputs: Encoded, where: torch.device) -> Tensor:
    """Predictions for all rows of `inputs`, in evaluation mode and full precision, on the CPU.

    Returns
    -------
    Tensor
        What `objective.predict` gives: ``[rows]``, or ``[rows, classes]``.
    """
    network.to(where).eval()
    order, answers = [], []
    with torch.inference_mode():

        def logits_of(piece: Inputs) -> Tensor:
            return network(**{name: tensor.to(where) for name, tensor in piece.items()})

        for which, logits in in_pieces(logits_of, inputs):
            order.append(which)
            answers.append(objective.predict(logits).cpu())
    network.cpu()
    return torch.cat(answers)[torch.cat(order).argsort()]
