"""The schema of params.yaml: every key, its type, its range. Nothing has a default that changes a result unseen."""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from groundwork.errors import UserError, meant

PARAMS = Path("params.yaml")

PROJECT = r"^[A-Za-z0-9._-]+$"
LANE = r"^[a-z0-9][a-z0-9-]*$"
DOTTED = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"
TIME = r"^\d\d:\d\d:\d\d:\d\d$"
SIZE = r"^(\d{1,6}(?:\.\d{1,3})?) ?(MB|GB|TB)$"
UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}

Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
NotNegative = Annotated[float, Field(ge=0)]
Betas = Annotated[list[Fraction], Field(min_length=2, max_length=2)]
# A lane's name becomes a folder, a word in a shell and a stage of DVC.
LaneName = Annotated[str, Field(pattern=LANE)]


def size_in_bytes(text: str) -> int:
    """Return how many bytes a size such as ``5 GB`` is; raise `UserError` if it is none."""
    found = re.match(SIZE, text)
    if not found:
        raise UserError(f"found the size {text!r}; expected a number and MB, GB or TB", "write it so: 5 GB")
    return round(float(found[1]) * UNITS[found[2]])


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


class Encoding(Settings):
    """How columns become tensors. `gives` names them; a test compares it with what the encoder makes."""

    gives: ClassVar[tuple[str, ...]]


class Network(Settings):
    """A network's sizes.

    `takes` names the tensors that it reads, `may_take` further ones that it reads where they are given, and `kinds` the
    kinds of problem that it is made for, empty for all; a test compares them with the network.
    """

    takes: ClassVar[tuple[str, ...]]
    may_take: ClassVar[tuple[str, ...]] = ()
    kinds: ClassVar[tuple[str, ...]] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The tensors that it reads with these sizes."""
        return self.takes

    @property
    def quantile_bins(self) -> int:
        """Bins between which the encoder is to find edges, for a piecewise-linear encoding of numbers."""
        return 1

    @property
    def computed_by(self) -> str:
        """Name who computes the network: a key of `groundwork.training.build.BACKENDS`."""
        return "torch"

    @property
    def sizes(self) -> dict[str, Any]:
        """The section without the network's name and its backend."""
        return self.model_dump(exclude={"network", "backend"})


class Loss(Settings):
    """A loss; the kinds that it fits name it in `groundwork.objectives`."""

    @property
    def options(self) -> dict[str, Any]:
        """The section without the loss's name."""
        return self.model_dump(exclude={"loss"})


class TableEncoding(Encoding):
    """How a table's columns become tensors; see `groundwork.encoders.table.TableEncoder`."""

    gives = ("numeric", "categorical")

    inputs: Literal["table"]
    clip: Annotated[float, Field(ge=0, lt=0.5)]
    min_category_count: Count
    group_smoothing: Positive


class ImageEncoding(Encoding):
    """How pictures are augmented while training; see `groundwork.encoders.augment.affine`."""

    gives = ("image",)

    inputs: Literal["image"]
    degrees: Annotated[float, Field(ge=0, le=180)]
    scale: Fraction
    shear: Fraction
    shift: NotNegative


class HistoryEncoding(Encoding):
    """How purchases become histories; see `groundwork.encoders.history.HistoryEncoder`."""

    gives = ("history", "span")

    inputs: Literal["history"]
    length: Count
    spans: Count | None


class TextEncoding(Encoding):
    """How texts become sub-words and terms; see `groundwork.encoders.text.TextEncoder`."""

    gives = ("tokens", "terms", "weights")

    inputs: Literal["text"]
    subwords: Annotated[int, Field(ge=256)]
    length: Count
    words: Count
    ngrams: Count


class PairEncoding(Encoding):
    """How a query and a document become signals and sub-words; see `groundwork.encoders.pair.PairEncoder`."""

    gives = ("query", "document", "signals")

    inputs: Literal["pair"]
    vocabulary: Annotated[int, Field(ge=256)]
    query_length: Count
    document_length: Count
    width: Count


class TableTextEncoding(Encoding):
    """How a table beside a text becomes tensors; see `groundwork.encoders.beside.TableTextEncoder`."""

    gives = (*TableEncoding.gives, *TextEncoding.gives)

    inputs: Literal["table+text"]
    table: TableEncoding
    text: TextEncoding


class FNNSettings(Network):
    """A feed-forward network for tables; see `groundwork.models.fnn`; its twin in `groundwork.scratch.models`."""

    takes = ("numeric", "categorical")

    network: Literal["fnn"]
    backend: Literal["torch", "scratch"]
    members: Count
    width: Count
    depth: Count
    bins: Annotated[int, Field(ge=2)]
    embedding: Count
    category_scale: Positive
    dropout: Fraction

    @property
    def quantile_bins(self) -> int:
        """Bins of the piecewise-linear encoding."""
        return self.bins

    @property
    def computed_by(self) -> str:
        """Return `backend`."""
        return self.backend


class CNNSettings(Network):
    """A convolutional network for pictures; see `groundwork.models.cnn`; its twin in `groundwork.scratch.models`."""

    takes = ("image",)

    network: Literal["cnn"]
    backend: Literal["torch", "scratch"]
    channels: Annotated[list[Count], Field(min_length=1)]
    dropout: Fraction

    @property
    def computed_by(self) -> str:
        """Return `backend`."""
        return self.backend


class FactorizationSettings(Network):
    """Vectors of customers and articles; see `groundwork.models.factorization`."""

    takes = ("history", "span")
    kinds = ("recommendation",)  # it scores candidates

    network: Literal["factorization"]
    width: Count
    dropout: Fraction
    negatives: Count


class ColumnsSettings(Settings):
    """The columns of a table beside a text; see `groundwork.models.text.ColumnFeatures`."""

    bins: Annotated[int, Field(ge=2)]
    embedding: Count


class TextNetwork(Network):
    """What networks for texts share: the linear path beside the deep one, and a table's columns where there are some.

    `columns` is null, or left out, where the text stands alone.
    """

    takes = ("tokens", "terms", "weights")
    may_take = ("numeric", "categorical")

    token_dropout: Fraction
    channel_dropout: Fraction
    dropout: Fraction
    shrinkage: Positive
    wide_learning_rate: Positive
    columns: ColumnsSettings | None = None

    @property
    def quantile_bins(self) -> int:
        """Bins of the columns' piecewise-linear encoding."""
        return self.columns.bins if self.columns else 1

    @property
    def reads(self) -> tuple[str, ...]:
        """The tensors of the text, and those of the columns if there are some."""
        return (*self.takes, *self.may_take) if self.columns else self.takes


class RNNSettings(TextNetwork):
    """A recurrent network for texts beside a linear one; see `groundwork.models.rnn` and `groundwork.models.text`."""

    network: Literal["rnn"]
    embedding: Count
    width: Count


class TransformerSettings(TextNetwork):
    """A transformer for texts beside a linear one; see `groundwork.models.transformer` and `groundwork.models.text`."""

    network: Literal["transformer"]
    heads: Count
    head_width: Count
    depth: Count
    block_dropout: Fraction


class TwoTowerSettings(Network):
    """Vectors of queries and documents, and lexical signals; see `groundwork.models.two_tower`."""

    takes = ("query", "document", "signals")

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

    @property
    def quantile_bins(self) -> int:
        """Bins of the piecewise-linear encoding."""
        return self.bins


class CrossEntropy(Loss):
    """The objective of classification."""

    loss: Literal["cross_entropy"]
    label_smoothing: Fraction


class SmoothL1(Loss):
    """The objective of regression: squared below `beta` standard deviations of the target, absolute above."""

    loss: Literal["smooth_l1"]
    beta: Positive


class BinaryCrossEntropy(Loss):
    """The objective of tagging: each tag on its own."""

    loss: Literal["binary_cross_entropy"]
    label_smoothing: Fraction


class SampledSoftmax(Loss):
    """The objective of recommendation: the article that was bought, among others."""

    loss: Literal["sampled_softmax"]
    candidates: Count


EncodingSettings = TableEncoding | ImageEncoding | HistoryEncoding | TextEncoding | PairEncoding | TableTextEncoding
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
