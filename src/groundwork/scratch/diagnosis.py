"""Finds where two computations first differ, and a likely cause."""

import math
from collections.abc import Iterable

import numpy as np

from groundwork.scratch.arrays import Array


def first(pairs: Iterable[tuple[str, Array, Array]], tolerance: float) -> tuple[float, str]:
    """Return the largest difference of all named pairs (ours, PyTorch's), and a sentence about the first too large."""
    worst, problem = 0.0, ""
    for name, found, expected in pairs:
        error, sentence = difference(name, found, expected, tolerance, "PyTorch")
        worst, problem = max(worst, error), problem or sentence
    return worst, problem


def difference(name: str, found: Array, expected: Array, tolerance: float, source: str) -> tuple[float, str]:
    """Compare two arrays.

    Returns
    -------
    float, str
        The largest difference, as `relative` has it; what the first entry is where that exceeds `tolerance`, with the
        likely cause.
    """
    if found.shape != expected.shape:
        return math.inf, f"{name}: found shape {found.shape}; {source} has {expected.shape}"
    errors = relative(found, expected)
    wrong = errors > tolerance
    if not wrong.any():
        return float(errors.max(initial=0)), ""
    place = tuple(int(index) for index in np.argwhere(wrong)[0])
    entry = f"{name}{list(place)}" if place else name
    count = f"{wrong.sum()} of {wrong.size} entries differ"
    cause = _cause(found, expected, wrong)
    values = f"found {found[place]:.12g}; {source} has {expected[place]:.12g}"
    return float(errors.max()), f"{entry}: {values} ({count}). {cause}"


def relative(found: Array, expected: Array) -> Array:
    """Divide ``|found - expected|`` by the size of the expected entry, entry by entry.

    For an entry near 0 the size is that of the largest in its array, at least 1e-2 and at most 1: rounding errors near
    0 do not count, but small numbers are compared, too. Two entries that are not a
    number, or infinite alike, are equal.
    """
    sizes = np.abs(expected)
    largest = sizes.max(initial=0, where=np.isfinite(sizes))
    with np.errstate(invalid="ignore"):
        errors = np.abs(found - expected) / np.maximum(sizes, np.clip(largest, 1e-2, 1))
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    return np.where(same, 0, np.nan_to_num(errors, nan=np.inf, posinf=np.inf))


def power_of_ten(value: float) -> str:
    """Round a difference up to a power of ten, which other machines confirm: ``1e-15``."""
    return "0" if value == 0 else f"1e{math.ceil(math.log10(value))}" if math.isfinite(value) else str(value)


def _cause(found: Array, expected: Array, wrong: Array) -> str:
    """Guess the cause: the first pattern that turns the expected array into the found one."""

    def equal(array: Array) -> bool:
        return array.shape == found.shape and bool(np.allclose(array, found, rtol=1e-7, atol=1e-9, equal_nan=True))

    if (~np.isfinite(found) & np.isfinite(expected)).any():
        return "Likely: an overflow, or a division by 0; subtract the maximum before e^x, add eps before the root."
    if not found[wrong].any():
        return "Likely: nothing arrives there; a branch is left out of the graph, or a mask is wrong."
    large = wrong & (np.abs(expected) > 1e-6 * np.abs(expected).max())
    if large.any():
        ratios = found[large] / expected[large]
        if np.ptp(ratios) < 1e-5 * np.abs(ratios[0]) and (wrong == (expected != 0)).all():
            return f"Likely: a factor; all are {ratios[0]:.6g} times as large (a mean for a sum, a scale left out)."
    if expected.ndim > 1 and equal(expected.swapaxes(0, -1)):
        return "Likely: a transposed matrix."
    if any(equal(np.flip(expected, dims)) for dims in [(-1,), (0,), (-2, -1)] if expected.ndim >= len(dims)):
        return "Likely: the right numbers in reverse order (a flipped kernel, time backwards)."
    if equal(expected + (found - expected).flat[0]):
        return "Likely: a constant added to all (a bias twice, eps in the wrong place)."
    if np.allclose(np.sort(found, axis=None), np.sort(expected, axis=None)):
        return "Likely: the right numbers in other places (gates or heads in another order, a wrong reshape)."
    if np.all(np.abs(found[wrong]) <= np.abs(expected[wrong])) and not wrong.all():
        return "Likely: something is not added up; indices that repeat need np.add.at, a broadcast needs a sum."
    return "Likely: a term of the formula is missing or has another weight; look at the smallest input that differs."
