"""Decides whether a trial is still promising: whether it may yet be better than the current settings."""

import math

from groundwork.verdict.verdict import Verdict

# A trial goes on while the chance that it is better, by the paired test on the rows of its folds so far, is at least
# one in ten.
CHANCE = 0.1


def promising(so_far: Verdict) -> bool:
    """Whether a trial is promising beside the current settings.

    Parameters
    ----------
    so_far
        On the rows of the folds so far.
    """
    from scipy.stats import t

    luck = so_far.luck
    # On one fold, few rows may be answered otherwise: one or two of them lost say little, whatever their variance.
    changed = so_far.changed.gained + so_far.changed.lost + so_far.changed.otherwise
    freedom = max(min(float(luck.freedom), changed - 1), 1)
    return bool(so_far.gain + t.ppf(1 - CHANCE, freedom) * math.sqrt(luck.variance) >= 0)
