"""Defines the sections `objective`: the losses."""

from typing import Annotated, Any, Literal

from pydantic import Field

from groundwork.sections.base import Count, Fraction, NotNegative, Positive, Settings


class Loss(Settings):
    """A loss. The kinds of problem that support it name it in `groundwork.objectives`."""

    @property
    def options(self) -> dict[str, Any]:
        """Return the section without the loss's name."""
        return self.model_dump(exclude={"loss"})


class OfProbabilities(Loss):
    """A loss of probabilities.

    `class_weight: balanced` makes all classes count equally, whatever their rows. `focal` is the exponent by which
    rows count less that are right already (https://arxiv.org/abs/1708.02002); 0: all count equally.
    """

    label_smoothing: Fraction
    class_weight: Literal["balanced"] | None = None
    focal: NotNegative = 0.0


class CrossEntropy(OfProbabilities):
    """The loss for classification."""

    loss: Literal["cross_entropy"]


class Ordinal(Loss):
    """The loss for ordered classes: whether a row is above each class but the last, as probabilities of their own."""

    loss: Literal["ordinal"]

    @property
    def options(self) -> dict[str, Any]:
        """Return that classes are ordered."""
        return {"ordinal": True}


class OfNumbers(Loss):
    """A loss for regression, of the standardized target.

    `power` makes a skewed target symmetric before (Yeo and Johnson's transform, fitted in the fold). `clip` keeps
    predictions in the range of the training rows.
    """

    power: bool = False
    clip: bool = True

    @property
    def options(self) -> dict[str, Any]:
        """Return the section, with the loss as `error`."""
        return {"error": self.model_dump()["loss"], **super().options}


class SmoothL1(OfNumbers):
    """Squared error below `beta` standard deviations of the target, absolute above."""

    loss: Literal["smooth_l1"]
    beta: Positive


class SquaredError(OfNumbers):
    """The mean of the target is the best constant."""

    loss: Literal["squared_error"]


class AbsoluteError(OfNumbers):
    """The median of the target is the best constant."""

    loss: Literal["absolute_error"]


class Quantile(OfNumbers):
    """The quantile `alpha` of the target is the best constant."""

    loss: Literal["quantile"]
    alpha: Annotated[float, Field(gt=0, lt=1)]


class Poisson(Loss):
    """The loss for counts: the network learns the logarithm of the expected one."""

    loss: Literal["poisson"]
    clip: bool = True

    @property
    def options(self) -> dict[str, Any]:
        """Return the section, with the loss as `error`."""
        return {"error": self.loss, **super().options}


class BinaryCrossEntropy(OfProbabilities):
    """The loss for tagging: each tag separately, with the two classes of rows that have it and rows that lack it."""

    loss: Literal["binary_cross_entropy"]


class SampledSoftmax(Loss):
    """The loss for recommendation: the purchased article among sampled candidates."""

    loss: Literal["sampled_softmax"]
    candidates: Count


LossSettings = (
    CrossEntropy
    | Ordinal
    | SmoothL1
    | SquaredError
    | AbsoluteError
    | Quantile
    | Poisson
    | BinaryCrossEntropy
    | SampledSoftmax
)
