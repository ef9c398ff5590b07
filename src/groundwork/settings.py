"""Defines the schema of params.yaml: every key, its type and range. No default silently changes a result."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from groundwork.errors import UserError, meant
from groundwork.naming import ByName
from groundwork.sections.base import PROJECT, SIZE, Count, LaneName, Seed, Settings
from groundwork.sections.encodings import EncodingSettings
from groundwork.sections.losses import LossSettings
from groundwork.sections.networks import ModelSettings
from groundwork.sections.training import Boosting, Training

PARAMS = Path("params.yaml")
# Folders of `results` that are no lane's.
FOLDERS = {"experiments", "memory", "metrics", "private", "report"}
# By `Network.learned_by`.
TRAININGS: ByName[type[Settings]] = {
    "descent": Training,
    "boosting": Boosting,
}


class Tracking(Settings):
    """Where and how runs are logged. `offline` needs no account; `groundwork sync` sends the stored runs later.

    `artifacts` names a run's data, folds and submission in W&B (`references`), or uploads the latter two (`files`).
    Without `entity`, runs belong to the account's default one. `rows` is the number of out-of-fold rows in a run's
    table of mistakes; 0 sends no row of the data. `system_metrics` logs the load of the machine, and what it is.
    """

    mode: Literal["offline", "online", "disabled"]
    project: Annotated[str, Field(pattern=PROJECT, max_length=128)]
    artifacts: Literal["none", "references", "files"] = "none"
    entity: Annotated[str, Field(pattern=PROJECT, max_length=128)] | None = None
    rows: Annotated[int, Field(ge=0, le=1000)] = 100
    system_metrics: bool = False


class Hardware(Settings):
    """Settings that are passed to Lightning's Trainer; `auto` uses a GPU if there is one.

    See `groundwork.training.precision` for `precision: auto`, and `groundwork.training.fit` for refused combinations.
    """

    accelerator: Literal["auto", "cpu", "gpu", "mps"]
    devices: Literal["auto"] | Count | list[Annotated[int, Field(ge=0)]]
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed", "64-true"]
    strategy: str
    num_nodes: Count


class Lane(Settings):
    """The settings of one lane: one competition with one model.

    `private` is the share of the training rows that are held back from everything: see `groundwork.data.private`.
    """

    competition: str
    source: Literal["sample", "kaggle"]
    folds: Count
    encoding: Annotated[EncodingSettings, Field(discriminator="inputs")]
    model: Annotated[ModelSettings, Field(discriminator="network")]
    objective: Annotated[LossSettings, Field(discriminator="loss")]
    training: Training | Boosting
    private: Annotated[float, Field(ge=0, le=0.5)] = 0.0

    @model_serializer(mode="wrap")
    def _without_the_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a share of nothing, so that records and dvc.lock are as they were without the key."""
        content: dict[str, Any] = handler(self)
        if not self.private:
            content.pop("private", None)
        return content

    @field_validator("training", mode="before")
    @classmethod
    def _by_model(cls, section: Any, found: ValidationInfo) -> Any:
        """Read the section as the lane's model needs it, so that only that one's keys are allowed."""
        model = found.data.get("model")
        if isinstance(section, Settings):
            return section
        # A wrong model has a message of its own; the keys then tell which training was meant.
        few = isinstance(section, dict) and section.keys() <= Boosting.model_fields.keys()
        learned_by = model.learned_by if model else "boosting" if few else "descent"
        return TRAININGS[learned_by].model_validate(section)


class Blend(Settings):
    """A blend of lanes of one competition, or of earlier blends. A list alone is the plain mean of its members.

    `hill_climbing` and `nnls` weigh the members: see `groundwork.objectives.weights`.
    """

    members: Annotated[list[LaneName], Field(min_length=2)]
    method: Literal["mean", "hill_climbing", "nnls"] = "mean"

    @model_validator(mode="before")
    @classmethod
    def _of_list(cls, section: Any) -> Any:
        return section if isinstance(section, dict | Settings) else {"members": section}


class Params(Settings):
    """The whole of params.yaml. Lanes refer to the value of `source` as `*source`.

    `seed` determines weights, order, dropout and augmentation. `folds_seed` assigns rows to folds, so that runs with
    different seeds are evaluated on the same rows. `store` limits the size of the fold store. The first member of a
    blend is a lane, each other one a lane or an earlier blend.
    """

    seed: Seed
    folds_seed: Seed
    store: Annotated[str, Field(pattern=SIZE)]
    source: Literal["sample", "kaggle"]
    tracking: Tracking
    hardware: Hardware
    competitions: Annotated[dict[LaneName, Lane], Field(min_length=1)]
    blends: dict[LaneName, Blend] = Field(default_factory=dict)

    @field_validator("competitions", "blends")
    @classmethod
    def _not_a_folder_of_results(cls, named: dict[str, Any]) -> dict[str, Any]:
        if taken := FOLDERS & named.keys():
            raise ValueError(f"another name than {min(taken)}: results/{min(taken)} belongs to all lanes")
        return named

    @property
    def members(self) -> dict[str, list[str]]:
        """Return the members of each blend, by its name."""
        return {name: blend.members for name, blend in self.blends.items()}

    @property
    def names(self) -> list[str]:
        """Return the names of all lanes and blends."""
        return [*self.competitions, *self.blends]

    def lane(self, lane_name: str) -> Lane:
        """Return the settings of the lane `lane_name`, or of the first lane of a blend.

        Raises
        ------
        UserError
            With the closest name if there is none.
        """
        if lane_name not in self.names:
            raise UserError(
                f"{PARAMS}: competitions: no lane {lane_name!r}{meant(lane_name, self.names)}",
                f"name one of: {', '.join(self.names)}",
            )
        return self.competitions[self.lanes_of(lane_name)[0]]

    def lanes_of(self, name: str) -> list[str]:
        """Return the lanes behind a blend, each once for each time it counts; a lane is its own only one."""
        blend = self.blends.get(name)
        return [lane for member in blend.members for lane in self.lanes_of(member)] if blend else [name]
