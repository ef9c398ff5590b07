"""Predicting with a trained network: no Lightning, so that the predict stage starts in half the time."""

import torch
from torch import Tensor, nn

from groundwork.encoders.ragged import Encoded
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
    if hardware.accelerator in ("auto", "mps") and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


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
        for which, piece in pieces(inputs):
            logits = network(**{name: tensor.to(where) for name, tensor in piece.items()})
            order.append(which)
            answers.append(objective.predict(logits).cpu())
    network.cpu()
    return torch.cat(answers)[torch.cat(order).argsort()]
