"""Predicts with a trained network, without Lightning, so that the predict stage starts in half the time."""

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
    """Return the device to predict on: the first GPU that `hardware` allows if there is one, else the CPU."""
    first = hardware.devices[0] if isinstance(hardware.devices, list) else 0
    if hardware.accelerator in ("auto", "gpu") and torch.cuda.is_available():
        return torch.device("cuda", first)
    if hardware.accelerator in ("auto", "gpu", "mps") and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def in_pieces(run: Callable[[Inputs], Tensor], inputs: Encoded) -> Iterator[tuple[Tensor, Tensor]]:
    """Call `run` on `inputs` a piece at a time; a piece that does not fit into the device's memory is halved.

    Yields
    ------
    tuple of Tensor
        Row numbers, and the result of `run` for these rows.
    """
    for rows, row_inputs in pieces(inputs):
        waiting = [(rows, row_inputs)]
        while waiting:
            numbers, piece = waiting.pop()
            try:
                result = run(piece)
            except RuntimeError as error:
                if not ran_out(error) or len(numbers) == 1:
                    raise
            else:
                yield numbers, result
                continue
            halves = torch.split(numbers, -(-len(numbers) // 2))
            waiting += [(half, {name: values[half] for name, values in inputs.items()}) for half in reversed(halves)]


def ran_out(error: RuntimeError) -> bool:
    """Whether `error` means that a device is out of memory; only CUDA has an exception class for it."""
    words = ("out of memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def predict(network: nn.Module, objective: Objective, inputs: Encoded, where: torch.device) -> Tensor:
    """Predict all rows of `inputs`, in evaluation mode and full precision.

    Returns
    -------
    Tensor
        The result of `objective.predict`, on the CPU: ``[rows]``, or ``[rows, classes]``.
    """
    network.to(where).eval()
    order, predictions = [], []
    with torch.inference_mode():

        def logits_of(piece: Inputs) -> Tensor:
            return network(**{name: tensor.to(where) for name, tensor in piece.items()})

        for numbers, logits in in_pieces(logits_of, inputs):
            order.append(numbers)
            predictions.append(objective.predict(logits).cpu())
    network.cpu()
    return torch.cat(predictions)[torch.cat(order).argsort()]
