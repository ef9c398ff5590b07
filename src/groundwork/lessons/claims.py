"""Numbers that prose states, asserted where it states them."""

import math
from typing import SupportsFloat


def claim(statement: str, value: SupportsFloat, expected: SupportsFloat = True, tolerance: float = 0.0) -> None:
    """Assert a number that the text states, and show it.

    Parameters
    ----------
    statement
        What the text says, such as ``initial loss is ln 10``.
    value
        What was computed.
    expected
        What the text says it is. Without it, `value` is a condition that holds.
    tolerance
        Largest absolute difference.

    Raises
    ------
    AssertionError
        If it is not so: then the text is wrong.
    """
    found, stated = float(value), float(expected)
    holds = found != 0 if expected is True else math.isclose(found, stated, rel_tol=0, abs_tol=tolerance)
    if not holds:
        raise AssertionError(f"{statement}: found {found:.6g}; the text says {stated:.6g} ± {tolerance:.2g}")
    print(f"✓ {statement}" if expected is True else f"✓ {statement}: {found:.4g}")
