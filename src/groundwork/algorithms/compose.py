"""From settings and rows to the parts of a run: encoder, augmentation, objective, network, and a trained fold's file.

A new network has three places: its file in `models/`, its section in `params.py` (`experiments/validate.py` says
what it takes), and `make_network` here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from groundwork.algorithms.inference import Epoch, predict
from groundwork.competitions import Competition
from groundwork.data.augment import affine
from groundwork.data.batches import Augment, Inputs
from groundwork.data.transforms import Encoder, ImageEncoder, TableEncoder
from groundwork.errors import UserError
from groundwork.files import writing
from groundwork.models.cnn import CNN
from groundwork.models.fnn import FNN
from groundwork.objectives.losses import Classification, Objective, Regression
from groundwork.params import CNNSettings, CrossEntropy, FNNSettings, ImageEncoding, SmoothL1, TableEncoding

Target = NDArray[Any]


def make_encoder(competition: Competition, encoding: TableEncoding | ImageEncoding, bins: int) -> Encoder:
    """Make the transform that turns the competition's columns into tensors; it is not fitted yet."""
    if isinstance(encoding, TableEncoding):
        return TableEncoder(
            competition.inputs, encoding.clip, encoding.min_category_count, encoding.group_smoothing, bins
        )
    assert competition.inputs.image is not None  # `groundwork validate` has compared them
    pixels = [column for column in competition.columns if column != competition.target]
    return ImageEncoder(pixels, competition.inputs.image)


def make_augment(encoding: TableEncoding | ImageEncoding) -> Augment | None:
    """Make the random change of training batches, or None where there is none."""
    if isinstance(encoding, TableEncoding) or not any(
        (encoding.degrees, encoding.scale, encoding.shear, encoding.shift)
    ):
        return None
    return affine(encoding.degrees, encoding.scale, encoding.shear, encoding.shift)


def make_network(model: FNNSettings | CNNSettings, encoder: Encoder, outputs: int) -> nn.Module:
    """Make a network with fresh weights for what `encoder` (fitted) gives."""
    if isinstance(model, FNNSettings):
        assert isinstance(encoder, TableEncoder)
        return FNN(
            encoder.edges,
            encoder.categories,
            outputs,
            members=model.members,
            width=model.width,
            depth=model.depth,
            embedding=model.embedding,
            dropout=model.dropout,
            category_scale=model.category_scale,
        )
    return CNN(colours=1, channels=model.channels, outputs=outputs, dropout=model.dropout)


@dataclass(frozen=True)
class Question:
    """What a training table asks: the objective for its target, and the target as the objective takes it.

    Attributes
    ----------
    objective
        Loss and predictions.
    classes
        Sorted labels of a classification; empty for a regression.
    """

    objective: Objective
    classes: Target

    @classmethod
    def of(cls, competition: Competition, settings: CrossEntropy | SmoothL1, target: Target, labels: Target) -> Self:
        """Build from training rows' targets, in the competition's own labels or units.

        Parameters
        ----------
        target
            Of the fold's training rows: what a regression is standardized by.
        labels
            Of all rows of train.csv: which classes there are, so that all folds agree on them.
        """
        if isinstance(settings, CrossEntropy):
            classes = np.unique(labels)
            return cls(Classification(len(classes), settings.label_smoothing), classes)
        learned = np.log(target) if competition.log_target else target
        objective = Regression(
            mean=float(learned.mean()),
            scale=float(learned.std()) or 1.0,
            low=float(target.min()),
            high=float(target.max()),
            beta=settings.beta,
            log=competition.log_target,
        )
        return cls(objective, np.array([]))

    @property
    def columns(self) -> list[str]:
        """Names of the prediction columns of `oof.parquet`."""
        return [f"p{index}" for index in range(len(self.classes))] or ["prediction"]

    def tensor(self, target: Target) -> Tensor:
        """Class indices (int64) or numbers (float32), ``[rows]``."""
        if len(self.classes):
            return torch.from_numpy(np.searchsorted(self.classes, target))
        return torch.tensor(target, dtype=torch.float32)

    def signals(self, target: Target) -> NDArray[np.float64]:
        """Targets as an encoder may average them, ``[rows, signals]``: indicators of classes, or the learned number."""
        if len(self.classes):
            # The first class follows from the others.
            return (target[:, None] == self.classes[None, 1:]).astype(float)
        assert isinstance(self.objective, Regression)
        learned = np.log(target) if self.objective.log else target
        return learned.astype(float)[:, None]


@dataclass(frozen=True)
class TrainedFold:
    """Everything that one fold's training leaves, in one file.

    Attributes
    ----------
    fold
        Its number.
    model
        Section ``model`` of params.yaml that made the network.
    encoder, question
        Fitted on the fold's training rows.
    weights
        The network's state dict.
    history
        Metrics of each epoch.
    validation
        Out-of-fold predictions, as `results/<lane>/oof.parquet` holds them.
    """

    fold: int
    model: FNNSettings | CNNSettings
    encoder: Encoder
    question: Question
    weights: dict[str, Tensor]
    history: list[Epoch]
    validation: pd.DataFrame

    def predict(self, frame: pd.DataFrame, device: torch.device) -> NDArray[Any]:
        """Predict prepared rows: probabilities ``[rows, classes]`` or numbers ``[rows]``."""
        objective = self.question.objective
        network = make_network(self.model, self.encoder, objective.outputs)
        network.load_state_dict(self.weights)
        inputs: Inputs = self.encoder.transform(frame)
        return predict(network, objective, inputs, device).numpy()

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
