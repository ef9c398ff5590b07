"""Predicting with a trained network: no Lightning, so that the predict stage starts in half the time."""

import torch
from torch import Tensor, nn

from groundwork.data.batches import Inputs
from groundwork.objectives.losses import Objective
from groundwork.params import Hardware

Epoch = dict[str, float]
AUTO = Hardware(accelerator="auto", devices="auto", precision="auto", strategy="auto", num_nodes=1)
EVALUATION_ROWS = 4096


def device(hardware: Hardware = AUTO) -> torch.device:
    """Where one process predicts: the first GPU that `hardware` allows if there is one, else the CPU."""
    first = hardware.devices[0] if isinstance(hardware.devices, list) else 0
    if hardware.accelerator in ("auto", "gpu") and torch.cuda.is_available():
        return torch.device("cuda", first)
    if hardware.accelerator in ("auto", "mps") and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def predict(network: nn.Module, objective: Objective, inputs: Inputs, where: torch.device) -> Tensor:
    """Predictions for all rows of `inputs`, in evaluation mode and full precision, on the CPU.

    Returns
    -------
    Tensor
        What `objective.predict` gives: ``[rows]``, or ``[rows, classes]``.
    """
    network.to(where).eval()
    rows = len(next(iter(inputs.values())))
    with torch.inference_mode():
        pieces = []
        for start in range(0, rows, EVALUATION_ROWS):
            piece = {name: tensor[start : start + EVALUATION_ROWS].to(where) for name, tensor in inputs.items()}
            pieces.append(objective.predict(network(**piece)))
    network.cpu()
    return torch.cat(pieces).cpu()
