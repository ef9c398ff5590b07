"""An exercise on dropout, checked on a large array: the share of zeros, the scale, and the positions."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch.arrays import Array


def dropout_blank(x, p, training, rng):
    # rng.random(shape) gives numbers between 0 and 1, each as likely as any other.
    raise NotAttempted


def dropout_solution(x, p, training, rng):
    if not training:
        return x
    kept = rng.random(x.shape) >= p
    return x * kept / (1 - p)


def dropout_no_rescale(x, p, training, rng):
    if not training:
        return x
    return x * (rng.random(x.shape) >= p)


def dropout_in_eval(x, p, training, rng):
    return x * (rng.random(x.shape) >= p) / (1 - p)


def dropout_mask_per_batch(x, p, training, rng):
    if not training:
        return x
    kept = rng.random(x.shape[1]) >= p
    return x * kept / (1 - p)


def dropout_keeps_p(x, p, training, rng):
    if not training:
        return x
    kept = rng.random(x.shape) < p
    return x * kept / p


ROWS, UNITS = 300, 400
CASE = "x = np.random.default_rng(1).normal(size=(300, 400)), p={p}, training={training}, rng=np.random.default_rng(0)"


def examine(answer: Any) -> Finding | None:
    """Apply it to a large array without training first, then in training."""
    x = np.random.default_rng(1).normal(size=(ROWS, UNITS))
    for p, training in ((0.25, False), (0.25, True), (0.6, True), (0.0, True)):
        given = x.copy()
        found = answer(given, p, training, np.random.default_rng(0))
        case = CASE.format(p=p, training=training)
        if not isinstance(found, np.ndarray) or found.shape != x.shape:
            what = f"shape {np.shape(found)}" if isinstance(found, np.ndarray) else type(found).__name__
            return Finding(case, what, f"an array of shape {x.shape}", "return one array of the shape of x")
        if not np.array_equal(given, x):
            return Finding(case, "x was changed", "a new array", "x is changed in place, but the layer before needs it")
        finding = _judge(found, x, p, training)
        if finding:
            yours, expected, cause = finding
            return Finding(case, yours, expected, cause)
    return _judge_draws(answer, x)


def _judge_draws(answer: Any, x: Array) -> Finding | None:
    """Call it twice with one generator, and once more with a fresh one of the same seed."""
    rng = np.random.default_rng(0)
    first, second = answer(x.copy(), 0.25, True, rng) != 0, answer(x.copy(), 0.25, True, rng) != 0
    again = answer(x.copy(), 0.25, True, np.random.default_rng(0)) != 0
    case = CASE.format(p=0.25, training=True)
    if np.array_equal(first, second):
        cause = "the mask is drawn anew in every call: draw from the given rng, not from a new one"
        return Finding(f"{case}; two calls with this rng", "the same zeros twice", "other zeros in the second", cause)
    if not np.array_equal(first, again):
        cause = "the draws are not from `rng`: with the same seed, training must be repeatable"
        return Finding(f"{case}; and again with a new rng of the same seed", "other zeros", "the same zeros", cause)
    return None


def _judge(found: Array, x: Array, p: float, training: bool) -> tuple[str, str, str] | None:
    """Compare the share of zeros and the scale; return found, expected and cause where they differ."""
    kept = found != 0
    share = 1 - kept.mean()
    factors = (found / x)[kept]
    size = float(np.median(factors)) if kept.any() else 0.0
    rest = f"x times {size:.3g}" if np.allclose(factors, size, rtol=1e-5) else "no multiple of x"
    yours = f"a share of {share:.3f} is 0, the rest is {rest}"
    if not training or p == 0:
        if np.allclose(found, x, rtol=1e-6):
            return None
        if not training and share > 0:
            return yours, "x itself", "dropout is active in evaluation: without training every unit is kept"
        return yours, "x itself", "nothing is dropped here, so nothing is scaled either"
    expected = f"a share of about {p} is 0, the rest is x times {1 / (1 - p):.3g}"
    if 0 < share < 1 and ((kept == kept[0]).all() or (kept == kept[:, :1]).all()):
        alike = (
            "in all rows the same units are 0" if (kept == kept[0]).all() else "a row is 0 as a whole, or not at all"
        )
        cause = "one mask is used for the whole batch: each entry has its own draw, so the mask has the shape of x"
        return alike, expected, cause
    # Five standard deviations of a share of 120,000 entries.
    if abs(share - p) > 5 * np.sqrt(p * (1 - p) / x.size):
        if abs(share - (1 - p)) < 0.01:
            return yours, expected, "p is the share that is dropped, not the share that is kept"
        if share == 0:
            return yours, expected, "nothing is dropped: while training is True a mask removes a share p"
        return yours, expected, "the share of zeros is not p: an entry is kept where its draw is at least p"
    if not np.allclose((found / x)[kept], 1 / (1 - p), rtol=1e-5):
        if np.isclose(size, 1):
            cause = "no rescale: divide the kept values by 1 - p, or the mean of a unit falls by 1 - p"
        else:
            cause = "divide the kept values by 1 - p, so that the mean of a unit does not change"
        return yours, expected, cause
    return None


EXERCISE = Exercise(
    name="14.dropout",
    task="Write dropout: of `x` [rows, units], set a share `p` of the entries to 0 while `training`, drawing from "
    "`rng`, so that the mean of every unit stays; without training return `x`.",
    answer="dropout",
    blank=dropout_blank,
    solution=dropout_solution,
    wrong={
        dropout_no_rescale: "no rescale",
        dropout_in_eval: "active in evaluation",
        dropout_mask_per_batch: "one mask",
        dropout_keeps_p: "not the share that is kept",
    },
    hints=(
        "When training is False, nothing happens.",
        "A mask of the shape of x: rng.random(x.shape) >= p is True for a share 1 - p of the entries.",
        "A share 1 - p of the entries remains. By what must they be divided to keep the mean?",
    ),
    examine=examine,
)
