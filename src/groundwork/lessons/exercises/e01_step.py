"""An exercise on one step of a tweaker, checked by the knobs that it keeps and the score that it returns."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch.arrays import Array


def step_blank(knobs, push, loss, batch, held_out):
    raise NotAttempted  # return the knobs to go on with, and their score


def step_solution(knobs, push, loss, batch, held_out):
    trial = knobs + push
    kept = trial if loss(trial, batch) < loss(knobs, batch) else knobs
    return kept, loss(kept, held_out)


def step_without_a_look(knobs, push, loss, batch, held_out):
    knobs = knobs + push
    return knobs, loss(knobs, held_out)


def step_scored_on_batch(knobs, push, loss, batch, held_out):
    trial = knobs + push
    if loss(trial, batch) < loss(knobs, batch):
        knobs = trial
    return knobs, loss(knobs, batch)


def step_without_return(knobs, push, loss, batch, held_out):
    before = loss(knobs, batch)
    trial = knobs
    trial += push
    if loss(trial, batch) < before:
        return trial, loss(trial, held_out)
    return knobs, loss(knobs, held_out)


def step_chosen_on_held_out(knobs, push, loss, batch, held_out):
    trial = knobs + push
    kept = trial if loss(trial, held_out) < loss(knobs, held_out) else knobs
    return kept, loss(kept, held_out)


def mean_distance(knobs: Array, rows: Array) -> float:
    """Say how far the knobs are from the rows, in the mean."""
    return float(np.abs(rows - knobs).mean())


# Two knobs at [1, 2]; batch, held-out rows and push, and what is wrong where the knobs are not as expected.
NEAR, FAR = np.array([[2.0, 3.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [-1.0, 0.5]])
PUSHES = (
    (NEAR, NEAR + 0.25, [0.5, 0.5], "the push lowered the loss of the batch: go on with the trial, `knobs + push`"),
    (NEAR, NEAR + 0.25, [-0.5, -0.5], "worse knobs were kept: go on with the trial only if its loss is lower"),
    (NEAR, FAR, [-0.5, -0.5], "the held-out rows chose the knobs: choose by the batch, or nothing is left to judge by"),
    (NEAR, FAR, [0.5, 0.5], "the held-out rows chose the knobs: choose by the batch, or nothing is left to judge by"),
)


def examine(answer: Any) -> Finding | None:
    """Compare the knobs and the score with what is right, for pushes that are better or worse on either side."""
    start = np.array([1.0, 2.0])
    for batch, held_out, push, wrong_knobs in PUSHES:
        case = (
            "loss = lambda knobs, rows: abs(rows - knobs).mean()\n"
            f"knobs, push = np.array([1.0, 2.0]), np.array({push})\n"
            f"batch, held_out = np.array({batch.tolist()}), np.array({held_out.tolist()})"
        )
        trial = start + push
        better = mean_distance(trial, batch) < mean_distance(start, batch)
        kept = trial if better else start
        expected = (kept, mean_distance(kept, held_out))
        given, rows, others = start.copy(), batch.copy(), held_out.copy()
        found = answer(given, np.array(push), mean_distance, rows, others)
        if not (isinstance(found, tuple | list) and len(found) == 2):
            return Finding(case, found, expected, "return two things: the knobs to continue with, and their score")
        knobs, score = found
        if np.shape(knobs) != (2,):
            return Finding(case, found, expected, "the knobs come first, an array of the shape of `knobs`")
        if np.size(score) != 1 or np.asarray(score).dtype.kind not in "iuf":
            return Finding(case, found, expected, "the score is one number: `loss(kept, held_out)`")
        if not np.array_equal(given, start):
            cause = "`knobs` itself was changed in place, so there is no way back: `knobs + push` makes a new array"
            return Finding(case, f"knobs is {given} afterwards", f"knobs is {start} still", cause)
        if not np.allclose(knobs, kept):
            return Finding(case, (knobs, score), expected, wrong_knobs)
        if not np.allclose(score, expected[1]):
            return Finding(case, (knobs, score), expected, _score(float(np.squeeze(score)), batch, held_out, kept))
    return None


def _score(score: float, batch: Array, held_out: Array, kept: Array) -> str:
    if np.isclose(score, mean_distance(kept, batch)):
        return "the score is the loss on the batch that selected the knobs, and is too good: score on the held-out rows"
    return "the score belongs to other knobs: it is the loss of the knobs that were kept, on the held-out rows"


EXERCISE = Exercise(
    name="01.step",
    task="Write one step: try `knobs + push`, keep the better on `batch`, and score it on `held_out`.",
    answer="step",
    blank=step_blank,
    solution=step_solution,
    wrong={
        step_without_a_look: "worse knobs were kept",
        step_scored_on_batch: "score on the held-out rows",
        step_without_return: "no way back",
        step_chosen_on_held_out: "choose by the batch",
    },
    hints=(
        "There are two decisions on two kinds of rows: which knobs are better, and how good they are.",
        "Make the trial a new array, so that the old knobs are still there if it turns out worse.",
        "The trial is kept if loss(trial, batch) < loss(knobs, batch).",
        "Return the kept knobs and loss(kept, held_out).",
    ),
    examine=examine,
)
