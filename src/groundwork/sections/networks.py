"""Defines the sections `model`: the networks and their sizes."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from groundwork.sections.base import Count, Fraction, NotNegative, Positive, Settings, Share


class Network(Settings):
    """A network's sizes.

    `takes` names the tensors that the network reads, `may_take` optional tensors, `kinds` the kinds of problem that it
    supports, and `losses` the losses, empty for all; a test compares them with the network. `without` names the options
    of losses that must be 0. `libraries` names the packages that train it, besides torch.
    """

    takes: ClassVar[tuple[str, ...]]
    may_take: ClassVar[tuple[str, ...]] = ()
    kinds: ClassVar[tuple[str, ...]] = ()
    losses: ClassVar[tuple[str, ...]] = ()
    without: ClassVar[tuple[str, ...]] = ()
    libraries: ClassVar[tuple[str, ...]] = ()
    counts: ClassVar[str] = "epochs"  # what its history counts

    network: str

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the names of the tensors that the network reads with these sizes."""
        return self.takes

    @property
    def quantile_bins(self) -> int:
        """Return the number of bins whose edges the encoder computes for the piecewise-linear encoding of numbers.

        0 encodes for trees, see `groundwork.encoders.table.TableEncoder`.
        """
        return 1

    @property
    def learned_by(self) -> str:
        """Return how it is trained: a key of `groundwork.training.fold.LEARNING`."""
        return "descent"

    @property
    def computed_by(self) -> str:
        """Return the backend that computes the network: a key of `groundwork.training.build.BACKENDS`."""
        return "torch"

    @property
    def sizes(self) -> dict[str, Any]:
        """Return the section without the network's name and its backend."""
        return self.model_dump(exclude={"network", "backend"})


class FNNSettings(Network):
    """A feed-forward network for tables; see `groundwork.models.fnn` and its twin in `groundwork.scratch.models`."""

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
        """Return the bins of the piecewise-linear encoding."""
        return self.bins

    @property
    def computed_by(self) -> str:
        """Return `backend`."""
        return self.backend


class CNNSettings(Network):
    """A convolutional network for images; see `groundwork.models.cnn` and its twin in `groundwork.scratch.models`."""

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
    """Embeddings of customers and articles; see `groundwork.models.factorization`."""

    takes = ("history", "span")
    kinds = ("recommendation",)  # it scores candidates

    network: Literal["factorization"]
    width: Count
    dropout: Fraction
    negatives: Count


class ColumnsSettings(Settings):
    """The table columns of a text network; see `groundwork.models.text.ColumnFeatures`."""

    bins: Annotated[int, Field(ge=2)]
    embedding: Count


class TextNetwork(Network):
    """Settings that all text networks share: a linear and a deep path, and optional table columns.

    `columns` is null, or left out, if there is only text.
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
        """Return the bins of the columns' piecewise-linear encoding."""
        return self.columns.bins if self.columns else 1

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the names of the text's tensors, and of the columns' tensors if there are columns."""
        return (*self.takes, *self.may_take) if self.columns else self.takes


class RNNSettings(TextNetwork):
    """A recurrent network and a linear model for texts; see `groundwork.models.rnn` and `groundwork.models.text`."""

    network: Literal["rnn"]
    embedding: Count
    width: Count


class TransformerSettings(TextNetwork):
    """A transformer and a linear model for texts; see `groundwork.models.transformer` and `groundwork.models.text`."""

    network: Literal["transformer"]
    heads: Count
    head_width: Count
    depth: Count
    block_dropout: Fraction


class TwoTowerSettings(Network):
    """Embeddings of queries and documents, and lexical signals; see `groundwork.models.two_tower`."""

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
        """Return the bins of the piecewise-linear encoding."""
        return self.bins


class BoostedTrees(Network):
    """Boosted trees of a table; see `groundwork.models.trees`.

    A `holdout` of the training rows decides after how many rounds the loss is lowest: training stops `patience` rounds
    later, and all training rows are learned again for that number of rounds. 0 makes all `rounds`.
    """

    takes = ("numeric", "categorical")
    kinds = ("classification", "tagging", "regression", "search")
    losses = (
        "cross_entropy", "binary_cross_entropy", "smooth_l1", "squared_error", "absolute_error", "quantile", "poisson",
    )  # fmt: skip
    without = ("label_smoothing", "class_weight", "focal")
    counts = "rounds"

    rounds: Count
    learning_rate: Positive
    l2: NotNegative
    holdout: Annotated[float, Field(ge=0, le=0.5)]
    patience: Count

    @property
    def quantile_bins(self) -> int:
        """Return 0: trees read missing numbers as they are."""
        return 0

    @property
    def learned_by(self) -> str:
        """Return ``boosting``."""
        return "boosting"


class LightGBMSettings(BoostedTrees):
    """Trees of LightGBM that grow leaf by leaf.

    `leaves` is the most for a tree, `rows_per_leaf` the fewest training rows in a leaf; each tree sees `feature_share`
    of the features and `row_share` of the rows. Categories of at least `set_codes` codes are split into sets; of fewer,
    by their order.
    """

    libraries = ("lightgbm",)

    network: Literal["lightgbm"]
    leaves: Annotated[int, Field(ge=2)]
    rows_per_leaf: Count
    feature_share: Share
    row_share: Share
    set_codes: Count

    @staticmethod
    def pace(classes: int) -> dict[str, Any]:
        """Return a learning rate and a patience that suit a number of classes; 0 for numbers and tags.

        Each round makes a tree for each of several classes, so fewer rounds have to do.
        """
        if classes <= 2:
            return {"learning_rate": 0.05, "patience": 50}
        return {"learning_rate": 0.1, "patience": 30} if classes <= 10 else {"learning_rate": 0.3, "patience": 10}


class CatBoostSettings(BoostedTrees):
    """Symmetric trees of CatBoost, an optional package: `depth` is that of each tree."""

    libraries = ("catboost",)

    network: Literal["catboost"]
    depth: Annotated[int, Field(ge=1, le=16)]


ModelSettings = (
    FNNSettings
    | CNNSettings
    | FactorizationSettings
    | RNNSettings
    | TransformerSettings
    | TwoTowerSettings
    | LightGBMSettings
    | CatBoostSettings
)
