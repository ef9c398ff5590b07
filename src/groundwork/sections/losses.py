"""Defines the sections `objective`: the losses."""

from typing import Any, Literal

from groundwork.sections.base import Count, Fraction, Positive, Settings


class Loss(Settings):
    """A loss. The kinds of problem that support it name it in `groundwork.objectives`."""

    @property
    def options(self) -> dict[str, Any]:
        """Return the section without the loss's name."""
        return self.model_dump(exclude={"loss"})


class CrossEntropy(Loss):
    """The loss for classification."""

    loss: Literal["cross_entropy"]
    label_smoothing: Fraction


class SmoothL1(Loss):
    """The loss for regression: squared below `beta` standard deviations of the target, absolute above."""

    loss: Literal["smooth_l1"]
    beta: Positive


class BinaryCrossEntropy(Loss):
    """The loss for tagging: each tag separately."""

    loss: Literal["binary_cross_entropy"]
    label_smoothing: Fraction


class SampledSoftmax(Loss):
    """The loss for recommendation: the purchased article among sampled candidates."""

    loss: Literal["sampled_softmax"]
    candidates: Count


LossSettings = CrossEntropy | SmoothL1 | BinaryCrossEntropy | SampledSoftmax
