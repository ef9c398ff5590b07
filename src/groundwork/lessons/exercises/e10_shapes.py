"""An exercise on the size of the output of a convolution or pooling."""

import math
from numbers import Integral
from typing import Any

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted


def output_size_blank(size, kernel, stride=1, padding=0):
    raise NotAttempted  # how many positions does the kernel have along one side?


def output_size_solution(size, kernel, stride=1, padding=0):
    return 1 + (size + 2 * padding - kernel) // stride


def output_size_without_one(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) // stride


def output_size_padded_once(size, kernel, stride=1, padding=0):
    return (size + padding - kernel) // stride + 1


def output_size_unpadded(size, kernel, stride=1, padding=0):
    return (size - kernel) // stride + 1


def output_size_rounded_up(size, kernel, stride=1, padding=0):
    return math.ceil((size + 2 * padding - kernel) / stride) + 1


def output_size_unstrided(size, kernel, stride=1, padding=0):
    return size + 2 * padding - kernel + 1


# Size, kernel, stride, padding; what each tells apart: the place where the kernel begins, both margins, a pooling that
# divides evenly, one that leaves a pixel over, all of it at once, and a kernel that fits exactly once.
CASES = ((28, 5, 1, 0), (28, 5, 1, 2), (28, 2, 2, 0), (7, 2, 2, 0), (32, 5, 2, 2), (11, 3, 4, 1), (3, 3, 2, 0))
CAUSES = {
    output_size_without_one: "one is missing: the kernel's first place counts, too",
    output_size_padded_once: "padding was counted once; it is added at both ends",
    output_size_unpadded: "the padding was ignored: it makes the side longer at both ends",
    output_size_rounded_up: "rounded up: the kernel must fit into the picture, so round down",
    output_size_unstrided: "the stride was ignored: the kernel moves so many pixels from one place to the next",
}


def examine(answer: Any) -> Finding | None:
    """Compare with PyTorch's size; explain by the wrong formula that agrees with the answer in all cases."""
    found = [answer(*case) for case in CASES]
    for case, yours in zip(CASES, found, strict=True):
        expected = output_size_solution(*case)
        if not isinstance(yours, Integral) or yours != expected:
            words = "size={}, kernel={}, stride={}, padding={}".format(*case)
            return Finding(words, repr(yours), expected, _cause(yours, expected, found))
    return None


def _cause(yours: Any, expected: int, found: list[Any]) -> str:
    if yours is None:
        return "nothing was returned"
    if not isinstance(yours, Integral | float):
        return f"expected one whole number; found a {type(yours).__name__}"
    for wrong, cause in CAUSES.items():
        if found == [wrong(*case) for case in CASES]:
            return cause
    if isinstance(yours, float) and math.floor(yours) == expected:
        return "the number of places is whole: round down by // or math.floor"
    return "count the places: the kernel begins at 0 and moves by `stride` as long as it lies within the padded side"


EXERCISE = Exercise(
    name="10.shapes",
    task="Write `output_size`: along one side, how many places does a kernel have? Pooling has the same formula.",
    answer="output_size",
    blank=output_size_blank,
    solution=output_size_solution,
    wrong={
        output_size_without_one: "one is missing",
        output_size_padded_once: "at both ends",
        output_size_rounded_up: "rounded up",
        output_size_unstrided: "stride was ignored",
    },
    hints=(
        "Draw seven pixels and a kernel of three. Where can its left edge be?",
        "Padding makes the side longer by `padding` at either end. The left edge runs from 0 to side - kernel.",
        "From 0 to side - kernel in steps of `stride`: whole steps, and one for the place where it begins.",
    ),
    examine=examine,
)
