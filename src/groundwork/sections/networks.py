"""The sizes of networks: the sections `model`."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from groundwork.sections.base import Count, Fraction, Positive, Settings


class Network(Settings):
    """A network's sizes.

    `takes` names the tensors that it reads, `may_take` further ones that it reads where they are given, and `kinds` the
    kinds of problem that it is made for, empty for all; a test compares them with the network.
    """

    takes: ClassVar[tuple[str, ...]]
    may_take: ClassVar[tuple[str, ...]] = ()
    kinds: ClassVar[tuple[str, ...]] = ()

    network: str

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


ModelSettings = FNNSettings | CNNSettings | FactorizationSettings | RNNSettings | TransformerSettings | TwoTowerSettings
