"""Records how a fold was trained: seeds, key, device and library versions."""

import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import torch

from groundwork.settings import Hardware
from groundwork.training.inference import device
from groundwork.training.precision import resolve

# Their packages by the names that `made.json` has for them.
LIBRARIES = {
    "pytorch_lightning": "pytorch-lightning",
    "numpy": "numpy",
    "sklearn": "scikit-learn",
    "tokenizers": "tokenizers",
}


@dataclass(frozen=True)
class Origin:
    """How a fold was trained, as its `made.json` records it.

    Folds with equal keys and equal records (`record`) are equal bit by bit. Nothing here differs between two runs on
    the same machine; how long a fold took is recorded in `run.json` and in the fold store.

    Attributes
    ----------
    seed, replicate
        See `groundwork.training.seeds`.
    key
        See `groundwork.training.store.fold_key`; empty for a fold that is not in a store.
    precision
        Lightning's name for it, never ``auto``.
    device
        Name of the processor or the GPU.
    threads, processes
        PyTorch's threads in each process, and the number of processes that trained together.
    alone
        Whether the fold was trained by itself, not stacked with others.
    versions
        Versions of the libraries that affect results.
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
    def here(cls, hardware: Hardware, seed: int, replicate: int, libraries: Iterable[str] = ()) -> Self:
        """Describe this process and its hardware; ``auto`` precision is resolved. `libraries` were used as well."""
        where = device(hardware)
        versions = {
            "torch": torch.__version__,
            # Read from their metadata: who only predicts need not import them, which takes seconds.
            **{name: version(package) for name, package in LIBRARIES.items()},
            **{name: version(name) for name in libraries},
        }
        return cls(
            seed=seed,
            replicate=replicate,
            precision=resolved(hardware).precision,
            device=torch.cuda.get_device_name(where) if where.type == "cuda" else f"{processor()} ({where.type})",
            threads=torch.get_num_threads(),
            processes=_processes(),
            versions={name: str(found) for name, found in versions.items()},
        )

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Self:
        """Read `facts`, the content of `made.json`; raise ValueError or KeyError if it is not valid."""
        origin = cls(**{name: facts[name] for name in asdict(cls())})
        default = cls()
        for name, value in vars(origin).items():
            if type(value) is not type(getattr(default, name)):
                raise ValueError(f"{name}: found {value!r}")
        if not all(isinstance(found, str) for found in origin.versions.values()):
            raise ValueError(f"versions: found {origin.versions!r}")
        return origin

    @property
    def record(self) -> dict[str, str]:
        """The facts that the key omits, by name; if they differ, folds may differ in the last digits."""
        plain = {name: str(getattr(self, name)) for name in ("device", "threads", "processes", "alone")}
        return {**plain, **self.versions}


def resolved(hardware: Hardware) -> Hardware:
    """Replace the precision ``auto`` by the one that `groundwork.training.precision` chooses for this machine."""
    return hardware.model_copy(update={"precision": resolve(hardware)})


def processor() -> str:
    """Return the name of the processor, by which libraries choose their instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _processes() -> int:
    ready = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if ready else 1
