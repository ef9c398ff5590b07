"""An exercise on cross-entropy from logits, checked on rows that distinguish usual mistakes."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch import Tensor
from groundwork.scratch import functional as F
from groundwork.scratch.arrays import Array


def cross_entropy_blank(logits, target):
    raise NotAttempted  # one number, from logits [rows, classes] and classes [rows]


def cross_entropy_solution(logits, target):
    shifted = logits - logits.max(1, keepdims=True)
    log_shares = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return -log_shares[np.arange(len(target)), target].mean()


def cross_entropy_binary(logits, target):
    one_hot = np.eye(logits.shape[1])[target]
    shares = 1 / (1 + np.exp(-logits))
    return -(one_hot * np.log(shares) + (1 - one_hot) * np.log(1 - shares)).mean()


def cross_entropy_sum(logits, target):
    shifted = logits - logits.max(1, keepdims=True)
    log_shares = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return -log_shares[np.arange(len(target)), target].sum()


def cross_entropy_twice(logits, target):
    for _ in range(2):
        small = np.exp(logits - logits.max(1, keepdims=True))
        logits = small / small.sum(1, keepdims=True)
    return -np.log(logits[np.arange(len(target)), target]).mean()


def cross_entropy_of_shares(logits, target):
    small = np.exp(logits - logits.max(1, keepdims=True))
    shares = small / small.sum(1, keepdims=True)
    return -np.log(shares[np.arange(len(target)), target] + 1e-12).mean()


ONE = (np.array([[2.0, 0.5, -1.0]]), np.array([1]))
THREE = (np.array([[2.0, 0.5, -1.0], [0.0, 3.0, 1.0], [-1.0, 0.0, 1.0]]), np.array([1, 0, 2]))
FAR = (np.array([[0.0, 800.0, 5.0], [1.0, 0.0, 0.0]]), np.array([0, 0]))


def examine(answer: Any) -> Finding | None:
    """Look at one row, then at several, then at logits far apart."""
    for logits, target in (ONE, THREE, FAR):
        given, classes = logits.copy(), target.copy()
        # The finding reports the learner's overflow; a warning is not needed.
        with np.errstate(all="ignore"):
            found = answer(given, classes)
        case = f"logits {logits.tolist()}, target {target.tolist()}"
        if not (np.array_equal(given, logits) and np.array_equal(classes, target)):
            return Finding(case, "changed inputs", "inputs as they were", "an input was changed in place: make a copy")
        expected = F.cross_entropy(Tensor(logits), Tensor(target)).item()
        if found is None:
            return Finding(case, "None", round(expected, 6), "nothing was returned")
        loss = np.asarray(found.data if isinstance(found, Tensor) else found, np.float64)
        if loss.shape != () or not np.isclose(loss, expected, rtol=1e-5):
            return Finding(case, found, round(expected, 6), _cause(loss, logits, target))
    return None


def _cause(loss: Array, logits: Array, target: Array) -> str:
    if loss.shape != ():
        return "one number is wanted, the mean over rows: this has the shape " + str(loss.shape)
    rows = np.arange(len(target))
    shares = F.softmax(Tensor(logits), 1)
    losses = F.cross_entropy(Tensor(logits), Tensor(target), reduction="none").data
    log_shares = F.log_softmax(Tensor(logits), 1).data
    one_hot = Tensor(np.eye(logits.shape[1])[target])
    known = (
        (_binary(Tensor(logits), one_hot), "binary cross-entropy with a sigmoid was used for each class: the classes "
         "exclude each other, so use softmax over the row; only the true class counts"),
        (_binary_of_shares(shares.data, one_hot.data), "a binary cross-entropy of each share was taken: only the true "
         "class counts"),
        (F.cross_entropy(shares, Tensor(target)).data, "softmax was applied twice: to the logits, and to its own "
         "shares"),
        (-losses.mean(), "the sign is missing: a logarithm of a share is negative, and a loss is minus that"),
        (losses.mean() / np.log(2), "the logarithm has base 2: the loss is measured by the natural one, np.log"),
        (1 - shares.data[rows, target].mean(), "the logarithm is missing: this is 1 minus the share"),
        (losses.sum(), "this is the sum over rows, not their mean: its size would depend on the batch"),
        (losses.mean() / logits.shape[1], "this is a mean over all entries: divide by the number of rows alone"),
        (-log_shares[:, target].mean(), "every row was paired with every target: pick one class in each row, "
         "logits[np.arange(rows), target]"),
        (-F.log_softmax(Tensor(logits), 0).data[rows, target].mean(), "softmax was taken along columns: the classes of "
         "a row share its probability, so use axis 1"),
        (-logits[rows, target].mean(), "softmax is missing: a logit is not the logarithm of a share"),
        (F.cross_entropy(Tensor(logits), Tensor(target - target)).data, "this is the loss of class 0, whatever the "
         "target says"),
    )  # fmt: skip
    if np.ptp(logits) > 100:
        if np.isneginf(loss):
            return "the maximum of the whole array was subtracted: use each row's own, or lower rows become 0"
        if np.isnan(loss):
            return "exponentials overflow: e^800 is infinite. Subtract each row's maximum first"
        return (
            "a share was rounded to 0 before its logarithm was taken (adding 1e-12 hides it): take log-shares at once"
        )
    for value, cause in known:
        if np.isclose(loss, value, rtol=1e-5):
            return cause
    return "the loss is the mean over rows of -log(the share that softmax gives to the true class)"


def _binary_of_shares(shares: Array, one_hot: Array) -> Array:
    with np.errstate(all="ignore"):
        return -np.asarray(np.log(np.where(one_hot == 1, shares, 1 - shares)).mean())


def _binary(logits: Tensor, one_hot: Tensor) -> Array:
    return F.binary_cross_entropy_with_logits(logits, one_hot).data


EXERCISE = Exercise(
    name="05.cross_entropy",
    task="Write cross-entropy from logits [rows, classes] and classes [rows]: the mean over rows of minus the "
    "logarithm of the share that softmax gives to the true class. It must be right for logits of any size.",
    answer="cross_entropy",
    blank=cross_entropy_blank,
    solution=cross_entropy_solution,
    wrong={
        cross_entropy_binary: "binary",
        cross_entropy_sum: "sum over rows",
        cross_entropy_twice: "twice",
        cross_entropy_of_shares: "rounded to 0",
    },
    hints=(
        "Do one row by hand: softmax, the share of the true class, its logarithm, minus.",
        "logits[np.arange(len(target)), target] picks one number from each row.",
        "The logarithm of e^a / sum is a - log(sum): no share is needed, so none can be rounded to 0.",
        "Subtract each row's maximum first. Then log_share = shifted - log(sum of e^shifted), and minus the mean.",
    ),
    examine=examine,
)
