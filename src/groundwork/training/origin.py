"""How a fold was made: what its key says in short, and what the key leaves out."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import sklearn
import tokenizers
import torch
from pytorch_lightning.__version__ import version as lightning

from groundwork.settings import Hardware
from groundwork.training.inference import device
from groundwork.training.precision import resolve


@dataclass(frozen=True)
class Origin:
    """What a fold's `made.json` says of how it was made.

    Folds whose records are equal (`record`) are equal bit by bit where their keys are. Nothing here differs between two
    runs on one machine: how long a fold took stands in `run.json` and beside the fold in the store.

    Attributes
    ----------
    seed, replicate
        See `groundwork.training.seeds`.
    key
        See `groundwork.training.store.fold_key`; empty for a fold that no store keeps.
    precision
        As Lightning has it, never ``auto``.
    device
        The processor's or the GPU's name.
    threads, processes
        PyTorch's threads in each process, and the processes that trained together.
    alone
        Whether the fold was trained by itself, not stacked with others.
    versions
        Of the libraries that compute.
    """

    seed: int = 0
    replicate: int = 0
    key: str = ""
    precision: str = "32-true"
    device: str = ""
    threads: int = 1
    processes: int = 1
    alone: bool = True
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def here(cls, hardware: Hardware, seed: int, replicate: int) -> Self:
        """Describe this process; `hardware.precision` is resolved."""
        where = device(hardware)
        versions = {
            "torch": torch.__version__,
            "pytorch_lightning": lightning,
            "numpy": np.__version__,
            "sklearn": sklearn.__version__,
            "tokenizers": tokenizers.__version__,
        }
        return cls(
            seed=seed,
            replicate=replicate,
            precision=resolved(hardware).precision,
            device=torch.cuda.get_device_name(where) if where.type == "cuda" else f"{processor()} ({where.type})",
            threads=torch.get_num_threads(),
            processes=_processes(),
            versions={name: str(version) for name, version in versions.items()},
        )

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Self:
        """Make of `facts`, as JSON has them; raise ValueError or KeyError where something else stands."""
        origin = cls(**{name: facts[name] for name in asdict(cls())})
        default = cls()
        for name, value in vars(origin).items():
            if type(value) is not type(getattr(default, name)):
                raise ValueError(f"{name}: found {value!r}")
        if not all(isinstance(version, str) for version in origin.versions.values()):
            raise ValueError(f"versions: found {origin.versions!r}")
        return origin

    @property
    def record(self) -> dict[str, str]:
        """What the key leaves out, by name: where it differs, folds may differ in the last digits."""
        plain = {name: str(getattr(self, name)) for name in ("device", "threads", "processes", "alone")}
        return {**plain, **self.versions}


def resolved(hardware: Hardware) -> Hardware:
    """Replace the precision ``auto`` by what `groundwork.training.precision` says that it means here."""
    return hardware.model_copy(update={"precision": resolve(hardware)})


def processor() -> str:
    """Name of the processor: libraries choose their instructions by it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _processes() -> int:
    ready = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if ready else 1
