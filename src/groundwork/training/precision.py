"""Resolves `hardware.precision: auto` by the kind of device, never by a measurement."""

from typing import Literal

import torch

from groundwork.errors import UserError
from groundwork.settings import Hardware

Precision = Literal["32-true", "16-mixed", "bf16-mixed", "64-true"]


def resolve(hardware: Hardware) -> Precision:
    """Return the precision for Lightning's Trainer; it is the same for every network on a machine.

    - A CUDA GPU with bfloat16 (Ampere and later): ``bf16-mixed``. Tensor cores compute it several times as fast as
      float32, activations need half the memory, and its range is that of float32, so that no loss scaling is needed.
    - Any other GPU, and Apple's MPS: ``32-true``.
    - A CPU: ``32-true``. bfloat16 autocast halves a convolutional network's step on a CPU with AMX and slows others
      down, and a score that depends on such an instruction could not be reproduced on another machine.

    The network and its size do not matter, because the precision is part of a fold's key, which is computed before data

    Parameters
    ----------
    hardware
        Section ``hardware`` of params.yaml; any precision other than ``auto`` is returned as it is.

    Raises
    ------
    UserError
        If the accelerator does not support the precision.
    """
    named = hardware.precision
    used = accelerator(hardware)
    if used == "mps" and named not in ("auto", "32-true"):
        reason = "MPS has no float64" if named == "64-true" else "mixed precision is not supported on MPS here"
        raise UserError(
            f"params.yaml: hardware.precision: found {named}; expected auto or 32-true: {reason}",
            "set hardware.precision to auto, or hardware.accelerator to cpu, in params.yaml",
        )
    if used == "cpu" and named == "16-mixed":
        raise UserError(
            "params.yaml: hardware.precision: found 16-mixed; expected auto, 32-true, bf16-mixed or 64-true: "
            "training runs on a CPU, whose autocast has no float16",
            "set hardware.precision to auto in params.yaml",
        )
    if named != "auto":
        return named
    # By default `is_bf16_supported` includes emulation, which is slower than float32.
    fast = used == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if fast else "32-true"


def accelerator(hardware: Hardware) -> str:
    """Return the device type that Lightning trains on: ``cuda``, ``mps`` or ``cpu``.

    Raises
    ------
    UserError
        If this machine lacks the accelerator that `hardware` names.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    available = {"cpu": "cpu", "mps": "mps" if mps else "", "gpu": "mps" if mps else "cuda" if cuda else ""}
    used = (available["gpu"] or "cpu") if hardware.accelerator == "auto" else available[hardware.accelerator]
    if used:
        return used
    missing = {"gpu": "no GPU that PyTorch can use", "mps": "no Apple GPU (MPS) that PyTorch can use"}
    raise UserError(
        f"params.yaml: hardware.accelerator: found {hardware.accelerator}; this machine has "
        f"{missing[hardware.accelerator]}",
        "set hardware.accelerator to auto in params.yaml; `groundwork doctor` says what PyTorch sees",
    )
