"""What is minimized: the sections `objective`."""

from typing import Any, Literal

from groundwork.sections.base import Count, Fraction, Positive, Settings


class Loss(Settings):
    """A loss; the kinds that it fits name it in `groundwork.objectives`."""

    @property
    def options(self) -> dict[str, Any]:
        """The section without the loss's name."""
        return self.model_dump(exclude={"loss"})


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


LossSettings = CrossEntropy | SmoothL1 | BinaryCrossEntropy | SampledSoftmax
