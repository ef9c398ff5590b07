"""What a network is asked for, by problem kind: its number of outputs, its loss, and how logits become predictions.

Networks may answer with several members' logits, shaped ``[rows, members, outputs]``; a single network's are
``[rows, outputs]``. Members are trained each on their own loss, and predict by the mean of their predictions
(BatchEnsemble, https://arxiv.org/abs/2002.06715; TabM, https://arxiv.org/abs/2410.24210).
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Objective(Protocol):
    """What the training step and the predict stage ask of a problem kind."""

    @property
    def outputs(self) -> int:
        """Number of logits a network gives for each row."""
        ...

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean loss over rows and members, a scalar."""
        ...

    def predict(self, logits: Tensor) -> Tensor:
        """Predictions in the units of the competition's metric."""
        ...


@dataclass(frozen=True)
class Classification:
    """Softmax over classes and cross-entropy.

    Parameters
    ----------
    classes
        Number of classes; targets are class indices, int64.
    label_smoothing
        Share of the target's probability that is spread over all classes (https://arxiv.org/abs/1512.00567).
    """

    classes: int
    label_smoothing: float = 0.0

    @property
    def outputs(self) -> int:
        """One logit for each class."""
        return self.classes

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy of `logits` ``[rows, (members,) classes]`` against class indices ``[rows]``."""
        if logits.ndim == 3:
            target = target.repeat_interleave(logits.shape[1])
            logits = logits.flatten(0, 1)
        return F.cross_entropy(logits, target, label_smoothing=self.label_smoothing)

    def predict(self, logits: Tensor) -> Tensor:
        """Probabilities ``[rows, classes]``, float32."""
        probabilities = logits.float().softmax(-1)
        return probabilities.mean(1) if logits.ndim == 3 else probabilities


@dataclass(frozen=True)
class Regression:
    """Smooth L1 loss (Huber's, https://arxiv.org/abs/1504.08083) on the standardized target or its logarithm.

    Parameters
    ----------
    mean, scale
        Mean and standard deviation of the training rows' target (of its logarithm where `log` is set).
    low, high
        Range of the training rows' target, in its own units. Predictions keep within it: a network extrapolates
        without bound, and one wild price would outweigh a thousand good ones.
    beta
        Errors below it, in standard deviations, count squared; larger ones by their size, so that a few outlying
        sales do not steer the network.
    log
        Whether the network learns the logarithm.
    """

    mean: float
    scale: float
    low: float
    high: float
    beta: float = 1.0
    log: bool = False

    @property
    def outputs(self) -> int:
        """One number."""
        return 1

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean smooth L1 loss of `logits` ``[rows, (members,) 1]`` against targets ``[rows]`` in their own units."""
        wanted = ((target.log() if self.log else target) - self.mean) / self.scale
        if logits.ndim == 3:
            wanted = wanted[:, None]
        return F.smooth_l1_loss(logits.squeeze(-1), wanted.expand(logits.shape[:-1]), beta=self.beta)

    def predict(self, logits: Tensor) -> Tensor:
        """Predictions ``[rows]`` in the target's own units, float32."""
        answer = logits.float().squeeze(-1)
        if logits.ndim == 3:
            answer = answer.mean(1)
        answer = answer * self.scale + self.mean
        return (answer.exp() if self.log else answer).clamp(self.low, self.high)


@dataclass(frozen=True)
class Tagging:
    """A sigmoid for each tag, and binary cross-entropy: a row may have several tags, or none.

    Parameters
    ----------
    tags
        Number of tags; targets are 0 or 1 for each, float32 ``[rows, tags]``.
    label_smoothing
        Share of each target that is drawn to one half.
    """

    tags: int
    label_smoothing: float = 0.0

    @property
    def outputs(self) -> int:
        """One logit for each tag."""
        return self.tags

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean binary cross-entropy of `logits` ``[rows, (members,) tags]`` against ``[rows, tags]``."""
        if logits.ndim == 3:
            target = target[:, None]
        target = target * (1 - self.label_smoothing) + self.label_smoothing / 2
        return F.binary_cross_entropy_with_logits(logits, target.expand(logits.shape))

    def predict(self, logits: Tensor) -> Tensor:
        """Probabilities ``[rows, tags]``, float32."""
        probabilities = logits.float().sigmoid()
        return probabilities.mean(1) if logits.ndim == 3 else probabilities


@dataclass(frozen=True)
class Recommendation:
    """Softmax over candidates: the items that come next.

    Parameters
    ----------
    items
        Number of items.
    candidates
        Codes of the items that may be named, int64 ``[candidates]``.
    answers
        How many are named, best first.
    """

    items: int
    candidates: Tensor
    answers: int = 12

    @property
    def outputs(self) -> int:
        """One logit for each candidate."""
        return len(self.candidates)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean negative log-likelihood, a scalar.

        Parameters
        ----------
        logits
            Of all candidates, or of the sampled ones that a network compares while it learns: ``[rows, compared]``.
        target
            Which of the compared came next, int64 ``[rows]``; or the codes of all items that came, ``[rows, most]``,
            filled up with -1. Items that are no candidates add nothing.
        """
        if target.ndim == 1:
            return F.cross_entropy(logits, target)
        places = torch.full((self.items + 1,), -1, device=target.device)
        places[self.candidates.to(target.device)] = torch.arange(self.outputs, device=target.device)
        # Code -1 finds the last place, which no item has.
        place = places[target]
        came = place >= 0
        likelihood = logits.log_softmax(1).gather(1, place.clamp(min=0))
        return -(torch.where(came, likelihood, 0.0).sum(1) / came.sum(1).clamp(min=1)).mean()

    def predict(self, logits: Tensor) -> Tensor:
        """Codes of the likeliest items, best first, int64 ``[rows, answers]``; -1 where there are too few."""
        best = logits.topk(min(self.answers, logits.shape[1])).indices
        return F.pad(self.candidates.to(best.device)[best], (0, self.answers - best.shape[1]), value=-1)
