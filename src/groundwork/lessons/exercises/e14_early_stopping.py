"""An exercise on early stopping, checked by when it stops and by the weights that it keeps."""

import math
from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch.arrays import Array


class EarlyStoppingBlank:
    def __init__(self, patience):
        self.patience = patience
        self.best_weights = None
        # What else must you remember from one epoch to the next?

    def update(self, val_loss, weights):
        raise NotAttempted  # look at an epoch; return whether to stop


class EarlyStoppingSolution:
    def __init__(self, patience):
        self.patience = patience
        self.best_weights = None
        self.lowest, self.waited = math.inf, 0

    def update(self, val_loss, weights):
        if val_loss < self.lowest:
            self.lowest, self.waited = val_loss, 0
            self.best_weights = {name: values.copy() for name, values in weights.items()}
        else:
            self.waited += 1
        return self.waited >= self.patience


class EarlyStoppingLast(EarlyStoppingSolution):
    def update(self, val_loss, weights):
        stop = super().update(val_loss, weights)
        self.best_weights = {name: values.copy() for name, values in weights.items()}
        return stop


class EarlyStoppingImpatient(EarlyStoppingSolution):
    def update(self, val_loss, weights):
        if val_loss >= self.lowest:
            return True
        return super().update(val_loss, weights)


class EarlyStoppingReference(EarlyStoppingSolution):
    def update(self, val_loss, weights):
        if val_loss < self.lowest:
            self.lowest, self.waited = val_loss, 0
            self.best_weights = dict(weights)  # a new dictionary, with the same arrays
        else:
            self.waited += 1
        return self.waited >= self.patience


class EarlyStoppingAgainstPrevious(EarlyStoppingSolution):
    def update(self, val_loss, weights):
        if val_loss < self.lowest:
            self.best_weights = {name: values.copy() for name, values in weights.items()}
        self.waited = 0 if val_loss < self.lowest else self.waited + 1
        self.lowest = val_loss
        return self.waited >= self.patience


# Validation losses and patience. In the first a worse epoch comes before the best; in the second it goes on falling
# after the best, but never below it; in the last an equal loss is none that beats the lowest.
CASES = (
    ((1.0, 0.9, 0.8, 0.85, 0.6, 0.7, 0.75, 0.8, 0.9), 3),
    ((1.0, 0.5, 0.9, 0.8, 0.7, 0.6, 0.55), 4),
    ((1.0, 0.8, 0.9, 0.6, 0.7, 0.5, 0.6, 0.4, 0.7), 2),  # never twice in a row
    ((0.5, 0.6), 1),
    ((1.0, 0.5, 0.5, 0.5), 2),
)


WHAT_IS_KEPT = "update has to keep a copy of `weights` in best_weights, with the same names: here weight and bias"


def examine(answer: Any) -> Finding | None:
    """Train for each case: the weights of epoch e are e + 1 everywhere, and the next epoch changes them in place."""
    for losses, patience in CASES:
        if finding := _train(answer, losses, patience):
            return finding
    return None


def _train(answer: Any, losses: tuple[float, ...], patience: int) -> Finding | None:
    stopping, reference = answer(patience), EarlyStoppingSolution(patience)
    weights = {"weight": np.zeros((2, 2)), "bias": np.zeros(2)}
    for epoch, loss in enumerate(losses):
        for values in weights.values():
            values += 1
        stop, expected = stopping.update(loss, weights), reference.update(loss, weights)
        case = f"patience={patience}; validation losses {list(losses[: epoch + 1])}"
        if not isinstance(stop, bool | np.bool_):
            kind = "None" if stop is None else type(stop).__name__
            return Finding(case, kind, str(expected), "update returns whether to stop: True or False")
        if bool(stop) != expected:
            words = {True: "stop", False: "go on"}
            return Finding(case, words[bool(stop)], words[expected], _cause_of_stop(losses[: epoch + 1], bool(stop)))
        if stop:
            break
    case += "; in epoch e = 0, 1, ... the weights are e + 1, changed in place"
    best = reference.best_weights["weight"][0, 0]
    found = _as_weights(stopping.best_weights)
    if losses.count(reference.lowest) > 1:
        return None  # weights of either epoch are those of the lowest loss
    if found is None:
        kind = type(stopping.best_weights).__name__
        return Finding(case, f"best_weights is a {kind}", "a dictionary of arrays", WHAT_IS_KEPT)
    if not all((values == best).all() for values in found.values()):
        yours = f"best_weights of {sorted({float(value) for values in found.values() for value in values.ravel()})}"
        return Finding(case, yours, f"best_weights of {best:g}", _cause_of_weights(found, weights))
    if _shared(found, weights):
        # Here the last epoch was the best; one epoch later it would show.
        return Finding(case, "the arrays that training changes", "copies", _cause_of_weights(found, weights))
    return None


def _as_weights(best: Any) -> dict[str, Array] | None:
    if not isinstance(best, dict) or best.keys() != {"weight", "bias"}:
        return None
    return {name: np.asarray(values) for name, values in best.items()}


def _shared(found: dict[str, Array], weights: dict[str, Array]) -> bool:
    return any(np.shares_memory(values, weights[name]) for name, values in found.items())


def _cause_of_stop(losses: tuple[float, ...], stop: bool) -> str:
    if not stop and losses[-1] == min(losses):
        return "an equal loss does not beat the lowest: it counts as one more epoch without improvement"
    if not stop and losses[-1] > losses[-2]:
        return "it continues for too long: stop in the epoch in which the count of worse ones reaches `patience`"
    if not stop:
        return (
            "an epoch must beat the lowest loss so far, not the loss of the epoch before: losses that fall, but stay "
            "above the best, are no improvement"
        )
    if len(losses) == 1:
        return "the first epoch is always the best so far; True means stop, False means go on"
    if losses[-1] <= min(losses):
        return "this epoch is the best so far, and sets the count to 0 (the lowest loss has to begin at infinity)"
    worse = next(place for place, loss in enumerate(losses) if loss > min(losses[: place + 1]))
    if worse == len(losses) - 1:
        return "it stops at the first worse epoch: validation losses are noisy, so wait for `patience` of them in a row"
    return "the count of worse epochs is not reset to 0 by a better one: `patience` is for epochs in a row"


def _cause_of_weights(found: dict[str, Array], weights: dict[str, Array]) -> str:
    if _shared(found, weights):
        return (
            "best_weights holds a reference to the arrays, which training continues to change: keep a copy of each "
            "(`values.copy()`; a new dictionary of the same arrays is not enough)"
        )
    if all(np.array_equal(values, weights[name]) for name, values in found.items()):
        return "best_weights are those of the last epoch: keep the weights only when the loss is the lowest so far"
    return "best_weights are those of the epoch with the lowest validation loss"


EXERCISE = Exercise(
    name="14.early_stopping",
    task="Write early stopping: `update(val_loss, weights)` is called after each epoch. It returns True "
    "once `patience` epochs in a row have not beaten the lowest loss; `best_weights` are those of that loss.",
    answer="EarlyStopping",
    blank=EarlyStoppingBlank,
    solution=EarlyStoppingSolution,
    wrong={
        EarlyStoppingLast: "last epoch",
        EarlyStoppingImpatient: "first worse epoch",
        EarlyStoppingReference: "reference",
        EarlyStoppingAgainstPrevious: "not the loss of the epoch before",
    },
    hints=(
        "Remember the lowest loss so far, and how many epochs have passed since.",
        "A better epoch sets the count to 0; any other adds 1; at `patience` it is time to stop.",
        "`weights` is a dictionary of arrays, and the next epoch overwrites those arrays. What must you keep?",
    ),
    examine=examine,
)
