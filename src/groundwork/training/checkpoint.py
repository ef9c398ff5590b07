"""Everything that one fold's training leaves, in one file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from groundwork.encoders import Encoder
from groundwork.errors import UserError
from groundwork.files import writing
from groundwork.objectives.base import Objective
from groundwork.settings import ModelSettings
from groundwork.training.build import make_network
from groundwork.training.inference import Epoch, predict


@dataclass(frozen=True)
class TrainedFold:
    """A fold's network with what was fitted beside it.

    Attributes
    ----------
    fold
        Its number; `FINAL` for what was trained on everything.
    model
        Section ``model`` of params.yaml that made the network.
    encoder, objective
        Fitted on the fold's training rows.
    weights
        The network's state dict.
    history
        Metrics of each epoch.
    validation
        Out-of-fold predictions, as `results/<lane>/oof.parquet` holds them; None for what was trained on everything.
    """

    fold: int
    model: ModelSettings
    encoder: Encoder
    objective: Objective
    weights: dict[str, Tensor]
    history: list[Epoch]
    validation: pd.DataFrame | None

    @property
    def network(self) -> nn.Module:
        """The trained network, in evaluation mode, on the CPU."""
        network = make_network(self.model, self.encoder, self.objective)
        network.load_state_dict(self.weights)
        return network.eval()

    def predict(self, frame: pd.DataFrame, device: torch.device) -> NDArray[Any]:
        """Predict prepared rows, as the objective's `predict` shapes it."""
        return predict(self.network, self.objective, self.encoder.transform(frame), device).numpy()

    def save(self, path: Path) -> None:
        """Write to `path`, whole or not at all."""
        # To a stream of our own: given a path, torch reports a full disk as an error of its own.
        with writing(path) as temporary, temporary.open("wb") as stream:
            torch.save(vars(self), stream)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote. The file is a pickle: load only your own.

        Raises
        ------
        UserError
            If the file is missing or broken.
        """
        try:
            return cls(**torch.load(path, weights_only=False, map_location="cpu"))
        except FileNotFoundError:
            raise UserError(f"{path}: not found", "train first: `dvc repro`") from None
        except Exception as error:
            raise UserError(
                f"{path}: cannot be read as a checkpoint ({type(error).__name__}: {error})",
                f"train again: `dvc repro --force train@{path.parts[-3]}`" if len(path.parts) > 2 else "train again",
            ) from None
