"""Reads and writes trained folds: network, encoder, objective and out-of-fold rows in one file of plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Self

import pandas as pd
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from groundwork.data.prepared import FINAL, part
from groundwork.encoders import Encoder
from groundwork.errors import UserError
from groundwork.files import writing
from groundwork.objectives import KINDS
from groundwork.objectives.base import Objective
from groundwork.sections.networks import Network
from groundwork.training import archive
from groundwork.training.build import ENCODERS, NETWORKS, make_network
from groundwork.training.inference import Epoch, predict
from groundwork.training.origin import Origin


def fold_file(fold: int, replicate: int = 0) -> str:
    """Return the name of a fold's file: ``fold_0.fold``, ``fold_0_seed_1.fold`` of replicate 1, or ``final.fold``."""
    return f"{part_name(fold, replicate)}.fold"


def part_name(fold: int, replicate: int) -> str:
    """Return the name of a fold's replicate in files and curves; replicate 0 has the name of the fold."""
    return part(fold) + (f"_seed_{replicate}" if replicate else "")


@dataclass(frozen=True)
class TrainedFold:
    """A fold's network, with the encoder and objective that were fitted with it.

    Attributes
    ----------
    fold
        Its number; `FINAL` for the final model, which is trained on all rows.
    encoding
        The encoder's key in `ENCODERS`.
    model
        Section ``model`` of params.yaml.
    encoder, objective
        Fitted on the fold's training rows.
    weights
        The network's state dict.
    history
        Metrics of each epoch.
    validation
        Out-of-fold predictions, with the columns of `results/<lane>/oof.parquet`; None for the final model.
    origin
        How it was trained.
    """

    fold: int
    encoding: str
    model: Network
    encoder: Encoder
    objective: Objective
    weights: dict[str, Tensor]
    history: list[Epoch]
    validation: pd.DataFrame | None
    origin: Origin = field(default_factory=Origin)

    @property
    def network(self) -> nn.Module:
        """The trained network, in evaluation mode, on the CPU."""
        # The initial weights are drawn and then replaced; the caller's generators must not advance.
        with torch.random.fork_rng(devices=[]):
            network = make_network(self.model, self.encoder, self.objective)
        network.load_state_dict(self.weights)
        return network.eval()

    def predict(self, frame: pd.DataFrame, device: torch.device) -> NDArray[Any]:
        """Predict prepared rows; the shape is that of the objective's `predict`."""
        return predict(self.network, self.objective, self.encoder.transform(frame), device).numpy()

    def save(self, path: Path) -> None:
        """Write the fold to `path` atomically; equal folds give equal bytes."""
        state = {"encoder": self.encoder.state(), "objective": self.objective.state()}
        weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in self.weights.items()}
        names = {"encoding": self.encoding, "kind": self.objective.kind}
        facts = {"fold": self.fold, **names, "model": self.model.model_dump(mode="json")}
        rows = {} if self.validation is None else {archive.ROWS: archive.pack_rows(self.validation)}
        members = {
            archive.WEIGHTS: safetensors.torch.save(weights),
            **archive.pack_state(state),
            **rows,
            archive.HISTORY: archive.pack_history(self.history),
            archive.MADE: archive.pack_made({**facts, **asdict(self.origin)}),
        }
        with writing(path) as temporary:
            archive.write(temporary, members)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote. The file is data only: one from an unknown source can be wrong, but runs no code.

        Raises
        ------
        UserError
            If the file is missing, broken, of another format, or without the weights that the store gave up.
        """
        try:
            members = archive.read(path)
            facts = archive.unpack_made(members[archive.MADE])
            state = archive.unpack_state(members)
            weights = safetensors.torch.load(members[archive.WEIGHTS])
            trained = cls(
                encoding=facts["encoding"],
                model=NETWORKS[facts["model"]["network"]][0].model_validate(facts["model"]),
                encoder=ENCODERS[facts["encoding"]].from_state(state["encoder"]),
                objective=KINDS[facts["kind"]].from_state(state["objective"]),
                weights=weights,
                **_rest(members, facts),
            )
            trained._check_weights()
        except UserError:
            raise
        except Exception as error:
            refuse(path, error)
        return trained

    def _check_weights(self) -> None:
        expected = {name: (tensor.dtype, tensor.shape) for name, tensor in self.network.state_dict().items()}
        for name, tensor in self.weights.items():
            if (tensor.dtype, tensor.shape) != expected[name]:
                raise ValueError(f"weights {name!r}: found {tensor.dtype}; expected {expected[name][0]}")


def predicting(lane_name: str, folder: Path, *, final: bool) -> "list[TrainedFold]":
    """Read the networks whose mean predicts new rows: those of all folds and seeds, or the final models of all seeds.

    Parameters
    ----------
    folder
        The lane's ``checkpoints/``.
    final
        `Prepared.final`.

    Raises
    ------
    UserError
        If there is none, or a file is broken.
    """
    # A final model may be trained several times, too; a missing one is named by its path.
    last = sorted(folder.glob(f"{part(FINAL)}*.fold")) or [folder / fold_file(FINAL)]
    checkpoints = last if final else sorted(folder.glob("fold_*.fold"))
    former = sorted(folder.glob("fold_*.pt"))[:1]
    if not checkpoints and not former:
        raise UserError(f"{folder}: no checkpoints", f"train first: `dvc repro train@{lane_name}`")
    return [TrainedFold.load(path) for path in checkpoints or former]


@dataclass(frozen=True)
class FoldRecord:
    """The part of a fold's file that remains when its weights are pruned: rows, history, and how it was trained."""

    fold: int
    history: list[Epoch]
    validation: pd.DataFrame | None
    origin: Origin

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a fold's file, with or without weights; raise `UserError` as `TrainedFold.load` does."""
        try:
            members = archive.read(path, archive.ROWS, archive.HISTORY, archive.MADE)
            return cls(**_rest(members, archive.unpack_made(members[archive.MADE])))
        except Exception as error:
            refuse(path, error)


def without_weights(path: Path) -> None:
    """Rewrite the file at `path` without weights and transforms; raise `UserError` if it is broken."""
    try:
        members = archive.read(path, archive.ROWS, archive.HISTORY, archive.MADE)
    except Exception as error:
        refuse(path, error)
    with writing(path) as temporary:
        archive.write(temporary, members)


def has_weights(path: Path) -> bool:
    """Whether a fold's file exists with its weights; False if the file cannot be opened as an archive."""
    try:
        return archive.WEIGHTS in archive.names(path)
    except Exception:
        return False


def identity_of(path: Path) -> tuple[str, int]:
    """Read the key and the replicate of the fold in a file; raise `UserError` as `TrainedFold.load` does."""
    try:
        origin = Origin.read(archive.unpack_made(archive.read(path, archive.MADE)[archive.MADE]))
    except Exception as error:
        refuse(path, error)
    return origin.key, origin.replicate


def _rest(members: Mapping[str, bytes], facts: Mapping[str, Any]) -> dict[str, Any]:
    fold = facts["fold"]
    if type(fold) is not int:
        raise ValueError(f"fold: found {fold!r}; expected a number")
    rows = members.get(archive.ROWS)
    return {
        "fold": fold,
        "history": archive.unpack_history(members[archive.HISTORY]),
        "validation": None if rows is None else archive.unpack_rows(rows, fold),
        "origin": Origin.read(facts),
    }


def refuse(path: Path, error: Exception) -> NoReturn:
    """Raise a `UserError` that says what is wrong with a fold's file and how to make it again."""
    lane_name = path.parts[-3] if len(path.parts) > 2 else None
    again = f"dvc repro --force train@{lane_name}" if lane_name else "dvc repro"
    former = path.with_suffix(".pt")
    if isinstance(error, archive.FormerFormatError) or (isinstance(error, FileNotFoundError) and former.exists()):
        raise UserError(
            f"{former if former.exists() else path}: is a checkpoint of the former format, a pickle, which could run "
            "code and was not opened",
            f"train again: `{again}`",
        ) from None
    if isinstance(error, FileNotFoundError):
        raise UserError(f"{path}: not found", "train first: `dvc repro`") from None
    if isinstance(error, archive.NoWeightsError):
        raise UserError(f"{path}: its weights were removed to keep the fold store small", f"train again: `{again}`")
    raise UserError(
        f"{path}: cannot be read as a fold ({type(error).__name__}: {' '.join(str(error).split())[:300]})",
        f"train again: `{again}`",
    ) from None
