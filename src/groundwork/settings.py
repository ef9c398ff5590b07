"""The schema of params.yaml: every key, its type, its range. Nothing has a default that changes a result unseen."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from groundwork.errors import UserError, meant
from groundwork.sections.base import PROJECT, SIZE, Count, LaneName, Seed, Settings
from groundwork.sections.encodings import EncodingSettings
from groundwork.sections.losses import LossSettings
from groundwork.sections.networks import ModelSettings
from groundwork.sections.training import Training

PARAMS = Path("params.yaml")


class Tracking(Settings):
    """Where runs are logged. `offline` needs no account; `groundwork sync` sends later what it kept."""

    mode: Literal["offline", "online", "disabled"]
    project: Annotated[str, Field(pattern=PROJECT, max_length=128)]


class Hardware(Settings):
    """Passed to Lightning's Trainer; `auto` takes a GPU when there is one.

    `groundwork.training.precision` says what `precision: auto` means, and `groundwork.training.fit` what is refused.
    """

    accelerator: Literal["auto", "cpu", "gpu", "mps"]
    devices: Literal["auto"] | Count | list[Annotated[int, Field(ge=0)]]
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed", "64-true"]
    strategy: str
    num_nodes: Count


class Lane(Settings):
    """One competition's way through the pipeline."""

    competition: str
    source: Literal["sample", "kaggle"]
    folds: Count
    encoding: Annotated[EncodingSettings, Field(discriminator="inputs")]
    model: Annotated[ModelSettings, Field(discriminator="network")]
    objective: Annotated[LossSettings, Field(discriminator="loss")]
    training: Training


class Params(Settings):
    """The whole of params.yaml. `source` is the value that lanes refer to as `*source`.

    `seed` is of weights, order, dropout and augmentation; `folds_seed` of which row is in which fold, so that another
    seed is judged by the same rows. `store` is the size to which finished folds are kept.
    """

    seed: Seed
    folds_seed: Seed
    store: Annotated[str, Field(pattern=SIZE)]
    source: Literal["sample", "kaggle"]
    tracking: Tracking
    hardware: Hardware
    competitions: Annotated[dict[LaneName, Lane], Field(min_length=1)]

    def lane(self, name: str) -> Lane:
        """Return the lane `name`; raise `UserError` with the nearest name if there is none."""
        if name not in self.competitions:
            raise UserError(
                f"{PARAMS}: competitions: no lane {name!r}{meant(name, self.competitions)}",
                f"name one of: {', '.join(self.competitions)}",
            )
        return self.competitions[name]
