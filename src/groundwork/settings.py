"""The schema of params.yaml: every key, its type, its range. Nothing has a default that changes a result unseen."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from groundwork.errors import UserError, meant

PARAMS = Path("params.yaml")

PROJECT = r"^[A-Za-z0-9._-]+$"
LANE = r"^[a-z0-9][a-z0-9-]*$"
DOTTED = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"
TIME = r"^\d\d:\d\d:\d\d:\d\d$"

Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Betas = Annotated[list[Fraction], Field(min_length=2, max_length=2)]
# A lane's name becomes a folder, a word in a shell and a stage of DVC.
LaneName = Annotated[str, Field(pattern=LANE)]


class Settings(BaseModel):
    """A section of params.yaml: no unknown keys, no silent conversion, not changed once read."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


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


class TableEncoding(Settings):
    """How a table's columns become tensors; see `groundwork.encoders.table.TableEncoder`."""

    inputs: Literal["table"]
    clip: Annotated[float, Field(ge=0, lt=0.5)]
    min_category_count: Count
    group_smoothing: Positive


class ImageEncoding(Settings):
    """How pictures are augmented while training; see `groundwork.training.augment.affine`."""

    inputs: Literal["image"]
    degrees: Annotated[float, Field(ge=0, le=180)]
    scale: Fraction
    shear: Fraction
    shift: NotNegative


class HistoryEncoding(Settings):
    """How purchases become histories; see `groundwork.encoders.history.HistoryEncoder`."""

    inputs: Literal["history"]
    length: Count
    spans: Count | None


class TextEncoding(Settings):
    """How texts become sub-words and terms; see `groundwork.encoders.text.TextEncoder`."""

    inputs: Literal["text"]
    subwords: Annotated[int, Field(ge=256)]
    length: Count
    words: Count
    ngrams: Count


class PairEncoding(Settings):
    """How a query and a document become signals and sub-words; see `groundwork.encoders.pair.PairEncoder`."""

    inputs: Literal["pair"]
    vocabulary: Annotated[int, Field(ge=256)]
    query_length: Count
    document_length: Count
    width: Count


class FNNSettings(Settings):
    """A feed-forward network for tables; see `groundwork.models.fnn`; its twin in `groundwork.scratch.models`."""

    network: Literal["fnn"]
    backend: Literal["torch", "scratch"]
    members: Count
    width: Count
    depth: Count
    bins: Annotated[int, Field(ge=2)]
    embedding: Count
    category_scale: Positive
    dropout: Fraction


class CNNSettings(Settings):
    """A convolutional network for pictures; see `groundwork.models.cnn`; its twin in `groundwork.scratch.models`."""

    network: Literal["cnn"]
    backend: Literal["torch", "scratch"]
    channels: Annotated[list[Count], Field(min_length=1)]
    dropout: Fraction


class FactorizationSettings(Settings):
    """Vectors of customers and articles; see `groundwork.models.factorization`."""

    network: Literal["factorization"]
    width: Count
    dropout: Fraction
    negatives: Count


class RNNSettings(Settings):
    """A recurrent network for texts beside a linear one; see `groundwork.models.rnn` and `groundwork.models.text`."""

    network: Literal["rnn"]
    embedding: Count
    width: Count
    token_dropout: Fraction
    channel_dropout: Fraction
    dropout: Fraction
    shrinkage: Positive
    wide_learning_rate: Positive


class TransformerSettings(Settings):
    """A transformer for texts beside a linear one; see `groundwork.models.transformer` and `groundwork.models.text`."""

    network: Literal["transformer"]
    heads: Count
    head_width: Count
    depth: Count
    block_dropout: Fraction
    token_dropout: Fraction
    channel_dropout: Fraction
    dropout: Fraction
    shrinkage: Positive
    wide_learning_rate: Positive


class TwoTowerSettings(Settings):
    """Vectors of queries and documents, and lexical signals; see `groundwork.models.two_tower`."""

    network: Literal["two_tower"]
    tower: Count
    tower_learning_rate: Positive
    tower_dropout: Fraction
    width: Count
    depth: Count
    bins: Annotated[int, Field(ge=2)]
    embedding: Count
    dropout: Fraction
    product_dropout: Fraction


class CrossEntropy(Settings):
    """The objective of classification."""

    loss: Literal["cross_entropy"]
    label_smoothing: Fraction


class SmoothL1(Settings):
    """The objective of regression: squared below `beta` standard deviations of the target, absolute above."""

    loss: Literal["smooth_l1"]
    beta: Positive


class BinaryCrossEntropy(Settings):
    """The objective of tagging: each tag on its own."""

    loss: Literal["binary_cross_entropy"]
    label_smoothing: Fraction


class SampledSoftmax(Settings):
    """The objective of recommendation: the article that was bought, among others."""

    loss: Literal["sampled_softmax"]
    candidates: Count


EncodingSettings = TableEncoding | ImageEncoding | HistoryEncoding | TextEncoding | PairEncoding
ModelSettings = FNNSettings | CNNSettings | FactorizationSettings | RNNSettings | TransformerSettings | TwoTowerSettings
LossSettings = CrossEntropy | SmoothL1 | BinaryCrossEntropy | SampledSoftmax


class EarlyStopping(Settings):
    """When to stop before the last epoch.

    `holdout` is the share of a fold's training rows kept aside to stop on, so that the out-of-fold score stays one
    on rows that nothing was chosen by; 0 stops on the validation rows themselves, and flatters the score.
    """

    patience: Count
    min_delta: NotNegative
    holdout: Annotated[float, Field(ge=0, le=0.5)]


class AdamW(Settings):
    """Adam with decoupled weight decay: `weight_decay` shrinks the weights and leaves the gradient alone."""

    name: Literal["adamw"]
    betas: Betas
    eps: Positive


class Adam(Settings):
    """Adam; `weight_decay` is added to the gradient (an L2 penalty)."""

    name: Literal["adam"]
    betas: Betas
    eps: Positive


class SGD(Settings):
    """Gradient descent with momentum; `weight_decay` is added to the gradient. `nesterov` needs a momentum."""

    name: Literal["sgd"]
    momentum: Fraction
    nesterov: bool

    @model_validator(mode="after")
    def _momentum_for_nesterov(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError("a momentum above 0 where nesterov is true")
        return self


class RMSprop(Settings):
    """Steps divided by a moving average of the gradient's size; `alpha` is its decay."""

    name: Literal["rmsprop"]
    alpha: Fraction
    eps: Positive
    momentum: Fraction


class Adagrad(Settings):
    """Steps divided by the root of all squared gradients so far."""

    name: Literal["adagrad"]
    eps: Positive


class Muon(Settings):
    """Orthogonalized momentum for the hidden layers' matrices; AdamW, with `betas` and `eps`, for everything else."""

    name: Literal["muon"]
    momentum: Fraction
    nesterov: bool
    betas: Betas
    eps: Positive


OptimizerSettings = AdamW | Adam | SGD | RMSprop | Adagrad | Muon


class OwnCallback(Settings):
    """A callback by its dotted path, with its keyword arguments; see `groundwork.training.dotted`."""

    model_config = ConfigDict(extra="allow")

    callback: Annotated[str, Field(pattern=DOTTED)]

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments."""
        return dict(self.model_extra or {})


class Training(Settings):
    """The optimizer, its schedule, and when to stop; see `groundwork.training.fit`.

    `learning_rate` and `weight_decay` belong to every optimizer; `optimizer` holds what each has of its own.
    `accumulate_grad_batches` mini-batches make one optimizer step.
    """

    folds: Literal["all"] | Count
    epochs: Count
    batch_size: Count
    accumulate_grad_batches: Count
    optimizer: Annotated[OptimizerSettings, Field(discriminator="name")]
    learning_rate: Positive
    weight_decay: NotNegative
    schedule: Literal["constant", "cosine", "one-cycle"]
    warmup: Fraction
    gradient_clip: Positive | None
    weight_averaging: Fraction
    early_stopping: EarlyStopping | None
    max_time: Annotated[str, Field(pattern=TIME)] | None
    callbacks: list[OwnCallback]


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
    """The whole of params.yaml. `source` is the value that lanes refer to as `*source`."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
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
