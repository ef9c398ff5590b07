"""An exercise on MAP@k, checked on short lists that distinguish usual mistakes."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch.factorization import mean_average_precision


def map_at_k_blank(recommended, bought, k):
    # For each user: the recommended items, best first, and the items that were bought.
    raise NotAttempted


def map_at_k_solution(recommended, bought, k):
    scores = []
    for ranked, basket in zip(recommended, bought, strict=True):
        missing = set(basket)
        if not missing:
            continue  # nothing could have been found
        possible, hits, total = min(k, len(missing)), 0, 0.0
        for place, item in enumerate(ranked[:k], start=1):
            if item in missing:
                missing.remove(item)
                hits += 1
                total += hits / place
        scores.append(total / possible)
    return sum(scores) / len(scores)


def map_at_k_divides_by_k(recommended, bought, k):
    scores = []
    for ranked, basket in zip(recommended, bought, strict=True):
        hits, total = 0, 0.0
        for place, item in enumerate(ranked[:k], start=1):
            if item in basket and item not in ranked[: place - 1]:
                hits += 1
                total += hits / place
        if basket:
            scores.append(total / k)
    return np.mean(scores)


def map_at_k_counts_twice(recommended, bought, k):
    scores = []
    for ranked, basket in zip(recommended, bought, strict=True):
        hits, total = 0, 0.0
        for place, item in enumerate(ranked[:k], start=1):
            if item in basket:
                hits += 1
                total += hits / place
        if basket:
            scores.append(total / min(k, len(set(basket))))
    return np.mean(scores)


def map_at_k_precision(recommended, bought, k):
    pairs = zip(recommended, bought, strict=True)
    return np.mean([len(set(ranked[:k]) & set(basket)) / k for ranked, basket in pairs if basket])


def map_at_k_ignores_order(recommended, bought, k):
    pairs = zip(recommended, bought, strict=True)
    return np.mean(
        [len(set(ranked[:k]) & set(basket)) / min(k, len(set(basket))) for ranked, basket in pairs if basket]
    )


# recommended, bought, k. In the first case, all mistakes below give different results.
CASES: tuple[tuple[list[list[int]], list[list[int]], int], ...] = (
    ([[7, 4, 9, 2, 5]], [[4, 9, 8]], 5),
    ([[4, 7, 2, 9]], [[2, 9, 1, 5, 6, 8]], 4),  # more was bought than the list can hold
    ([[7, 4, 9, 2]], [[2]], 3),  # the hit is below the cut
    ([[4, 4, 7, 4, 2]], [[4, 2]], 5),  # recommended several times
    ([[7, 4, 9, 2]], [[4, 4, 2, 4]], 4),  # bought several times
    ([[4, 7, 9], [7, 4, 9], [1, 2, 3]], [[4], [4], [5]], 3),
    ([[4, 7, 9], [4, 7, 9]], [[4], []], 3),  # one who bought nothing
)


def examine(answer: Any) -> Finding | None:
    """Compare with the library's, case by case."""
    for recommended, bought, k in CASES:
        expected = mean_average_precision(recommended, bought, k)
        case = f"recommended={recommended}, bought={bought}, k={k}"
        found = answer([list(items) for items in recommended], [list(items) for items in bought], k)
        if found is None or np.ndim(found) or not np.isclose(float(found), expected, rtol=1e-5):
            return Finding(case, found, f"{expected:.6g}", _cause(found, recommended, bought, k))
    return None


def _cause(found: Any, recommended: list[list[int]], bought: list[list[int]], k: int) -> str:
    if found is None:
        return "nothing was returned"
    if np.ndim(found):
        return "return one number: the mean over the users"
    ranked, basket = recommended[0][:k], bought[0]
    hits = [item in basket for item in ranked]
    sums = {
        "the sum is divided by k: divide it by min(k, number of different items bought), or a user who bought one "
        "item can never reach 1": (_sum(hits), k),
        "the sum is divided by all that was bought: a list of k has at most k hits, so divide by min(k, bought)": (
            _sum(hits),
            len(set(basket)),
        ),
        "the sum is divided by the number of hits: a missed item then costs nothing": (
            _sum(hits),
            max(sum(hits), 1),
        ),
        "this is the precision at k, hits / k: average precision adds up the precision at the place of each hit": (
            sum(hits),
            k,
        ),
        "the order does not count: a hit at the first place must count more than one at the last": (
            sum(hits),
            min(k, len(set(basket))),
        ),
        "only the first hit counts, as in the reciprocal rank: every hit adds its precision": (
            1 / (hits.index(True) + 1) if any(hits) else 0,
            1,
        ),
    }
    if len(ranked) > len(set(ranked)):
        if np.isclose(float(found), mean_average_precision([list(dict.fromkeys(ranked))], bought, k)):
            return "an item that is recommended twice still takes two places: those below it do not move up"
        return "an item that is recommended twice is counted twice: only its first place is a hit, the second is lost"
    if len(basket) > len(set(basket)):
        return "an item that was bought twice is counted twice among the possible hits: count different items"
    if not all(bought):
        return "a user who bought nothing is included: leave such users out, since no hit is possible"
    if len(bought) > 1:
        return "the mean is taken over the users, one average precision for each"
    if k < len(recommended[0]):
        return "places below k count: only the first k recommended items do"
    for cause, (total, divisor) in sums.items():
        if np.isclose(float(found), total / divisor):
            return cause
    return "at each hit, add hits so far / place, places counted from 1; divide by min(k, different items bought)"


def _sum(hits: list[bool]) -> float:
    """Add up the precision at each hit."""
    return sum(sum(hits[:place]) / place for place in range(1, len(hits) + 1) if hits[place - 1])


EXERCISE = Exercise(
    name="13.map_at_k",
    task="Write MAP@k: `recommended` and `bought` have a list of item numbers for each user, the recommended ones best "
    "first; return the mean of the users' average precisions as one number.",
    answer="map_at_k",
    blank=map_at_k_blank,
    solution=map_at_k_solution,
    wrong={
        map_at_k_divides_by_k: "divided by k",
        map_at_k_counts_twice: "counted twice",
        map_at_k_precision: "precision at k",
        map_at_k_ignores_order: "order does not count",
    },
    hints=(
        "Score one user first: walk down the list and keep a count of the hits so far.",
        "At a hit, precision is hits so far / place. Only hits add their precision to the sum.",
        "What is the largest possible sum? One for each possible hit: min(k, number of different items bought).",
        "A second copy of an item is no second hit, and users who bought nothing are left out of the mean.",
    ),
    examine=examine,
)
