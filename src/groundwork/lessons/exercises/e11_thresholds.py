"""An exercise on thresholds for tags, checked by their decisions on rows that were not used to choose them."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch.arrays import Array


def thresholds_blank(valid_logits, valid_tags, test_logits, test_tags):
    raise NotAttempted  # return the chosen thresholds, and F1 on the test rows: both [tags]


def thresholds_solution(valid_logits, valid_tags, test_logits, test_tags):
    valid, test = 1 / (1 + np.exp(-valid_logits)), 1 / (1 + np.exp(-test_logits))
    chosen, scores = [], []
    for tag in range(valid.shape[1]):
        said, truth = valid[:, tag], valid_tags[:, tag]
        candidates = np.unique(said)
        best = max(candidates, key=lambda t: 2 * (truth * (said >= t)).sum() / (truth.sum() + (said >= t).sum()))
        yes, tagged = test[:, tag] >= best, test_tags[:, tag]
        chosen.append(best)
        scores.append(2 * (tagged * yes).sum() / (tagged.sum() + yes.sum()))
    return np.array(chosen), np.array(scores)


def thresholds_softmax(valid_logits, valid_tags, test_logits, test_tags):
    def logits_of(logits):
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        return np.log(shares / (1 - shares))

    return thresholds_solution(logits_of(valid_logits), valid_tags, logits_of(test_logits), test_tags)


def thresholds_half(valid_logits, valid_tags, test_logits, test_tags):
    yes = test_logits > 0  # where the probability is above 0.5
    scores = 2 * (test_tags * yes).sum(0) / (test_tags.sum(0) + yes.sum(0))
    return np.full(valid_logits.shape[1], 0.5), scores


def thresholds_accurate(valid_logits, valid_tags, test_logits, test_tags):
    valid, test = 1 / (1 + np.exp(-valid_logits)), 1 / (1 + np.exp(-test_logits))
    grid = np.linspace(0.01, 0.99, 99)
    right = [((valid >= threshold) == valid_tags).mean(0) for threshold in grid]
    chosen = grid[np.argmax(right, axis=0)]
    yes = test >= chosen
    return chosen, 2 * (test_tags * yes).sum(0) / (test_tags.sum(0) + yes.sum(0))


def thresholds_on_test(valid_logits, valid_tags, test_logits, test_tags):
    return thresholds_solution(test_logits, test_tags, test_logits, test_tags)


# Each case tells one defect from a right answer, and lets those pass that a later case is about. No test row lies
# between the last validation row that is accepted and the first that is not: any threshold there is as good. Until the
# last case, the best thresholds of the test rows are those of the validation rows.
CASES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    (
        "softmax",  # a row with two tags; separable at 0.5
        (
            [[3, 3], [2, -2], [-2, 2], [-1, -4], [-4, -1]],
            [[1, 1], [1, 0], [0, 1], [0, 0], [0, 0]],
            [[2.5, 2.5], [2, -2.5], [-2.5, 2], [-1.5, -3], [-3, -1.5]],
            [[1, 1], [1, 0], [0, 1], [0, 0], [0, 0]],
        ),
    ),
    (
        "shared",  # a rare tag, below any threshold of 0.1, 0.2, ..., beside one that is often too sure
        (
            [[2, -6], [3, -3], [0.3, -5], [-1, -6], [2, -3.2], [-2, -5.5]],
            [[1, 0], [1, 1], [0, 0], [0, 0], [1, 1], [0, 0]],
            [[2.5, -3.2], [0.2, -6], [-2, -5.2], [2, -7]],
            [[1, 1], [0, 0], [0, 0], [1, 0]],
        ),
    ),
    (
        "accuracy",  # to find all three, three mistakes must be made; to make few mistakes, two are left out
        (
            [[0.5], [-0.5], [-0.9], [-1.3], [-1.7], [-2.1], [-3], [-3.5], [-4]],
            [[1], [0], [0], [0], [1], [1], [0], [0], [0]],
            [[1], [-0.7], [-2.1], [-3.2]],
            [[1], [0], [1], [0]],
        ),
    ),
    (
        "test",  # on the test rows, and on all rows together, another threshold would be better
        (
            [[2], [1], [-1], [-2]],
            [[1], [1], [0], [0]],
            [[3], [2.5], [1.7], [1.5], [1.2], [-2]],
            [[1], [1], [0], [0], [0], [0]],
        ),
    ),
)
ON_TEST = "the threshold was tuned on the test rows: choose it on the validation rows, and use the test rows once"
NAMES = "valid_logits", "valid_tags", "test_logits", "test_tags"


def examine(answer: Any) -> Finding | None:
    """Compare F1 on the test rows with that of the thresholds that are best on the validation rows."""
    for defect, values in CASES:
        given = [np.array(value, int if "tags" in name else float) for name, value in zip(NAMES, values, strict=True)]
        case = "\n".join(f"{name} = {value.tolist()}" for name, value in zip(NAMES, given, strict=True))
        found = answer(*(array.copy() for array in given))
        wanted, best = thresholds_solution(*given)
        shown = f"thresholds {wanted.round(3)}, F1 {best.round(3)}"
        if not isinstance(found, tuple | list) or len(found) != 2:
            return Finding(case, found, shown, "return two arrays: the thresholds, and F1 on the test rows")
        chosen, scores = (np.asarray(part, float) for part in found)
        yours = f"thresholds {chosen.round(3)}, F1 {scores.round(3)}"
        if chosen.shape != best.shape or scores.shape != best.shape:
            shapes = f"found shapes {chosen.shape} and {scores.shape}, expected {best.shape} twice"
            return Finding(case, yours, shown, f"one threshold and one F1 for each tag: {shapes}")
        if not np.allclose(scores, best, atol=1e-6):
            return Finding(case, yours, shown, _cause(defect, chosen, scores, given))
        if not np.allclose(_reached(chosen, *given[:2]), _reached(wanted, *given[:2])):
            cause = "these thresholds do not give that F1: return the probabilities that the sigmoids are compared with"
            if np.allclose(_reached(chosen, *given[2:]), _reached(thresholds_on_test(*given)[0], *given[2:])):
                cause = ON_TEST
            return Finding(case, yours, shown, cause)
    return None


def _reached(chosen: Array, logits: Array, tags: Array) -> Array:
    """Give F1 of each tag; a probability at the threshold may count or not, whichever is better."""
    probabilities = 1 / (1 + np.exp(-logits))
    said = probabilities >= chosen - 1e-9, probabilities > chosen + 1e-9
    scores: Array = np.max([2 * (tags * yes).sum(0) / (tags.sum(0) + yes.sum(0)) for yes in said], axis=0)
    return scores


def _right(chosen: Array, logits: Array, tags: Array) -> Array:
    """Give the share of right decisions for each tag."""
    shares: Array = ((1 / (1 + np.exp(-logits)) >= chosen) == tags).mean(0)
    return shares


def _cause(defect: str, chosen: Array, scores: Array, given: list[Array]) -> str:
    if defect == "softmax":
        return "a softmax over tags makes them compete; tags do not exclude each other: use a sigmoid for each"
    if len(chosen) > 1 and np.ptp(chosen) < 1e-9:
        return "one threshold for all tags: a rare tag hardly ever reaches 0.5, so each tag needs its own"
    wanted = thresholds_solution(*given)[0]
    if np.allclose(_reached(chosen, *given[:2]), _reached(wanted, *given[:2])):
        return "the thresholds are optimal, but F1 is not theirs on the test rows: 2 * hits / (tagged + marked)"
    if np.allclose(scores, thresholds_on_test(*given)[1], atol=1e-6) and defect == "test":
        return ON_TEST
    if defect == "accuracy" and (_right(chosen, *given[:2]) >= _right(wanted, *given[:2])).all():
        return "these thresholds make the fewest mistakes, or nearly: choose those with the highest F1, not of accuracy"
    return "on the validation rows, another threshold reaches a higher F1: try every probability that occurs there"


EXERCISE = Exercise(
    name="11.thresholds",
    task=(
        "Choose for each tag the threshold of the highest F1 on the validation rows; return the thresholds, as "
        "probabilities, and F1 of each tag on the test rows."
    ),
    answer="thresholds",
    blank=thresholds_blank,
    solution=thresholds_solution,
    wrong={
        thresholds_softmax: "softmax over tags",
        thresholds_half: "one threshold for all tags",
        thresholds_accurate: "not of accuracy",
        thresholds_on_test: "tuned on the test rows",
    },
    hints=(
        "Four steps: probabilities from logits, candidates for a threshold, the best for each tag, F1 on test rows.",
        "A tag's probability is sigmoid(logit). F1 changes only at probabilities that occur: those are the candidates.",
        "F1 is 2 * hits / (rows with the tag + rows marked with it); use test_tags for the last line only.",
    ),
    examine=examine,
)
