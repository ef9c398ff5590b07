"""Assertions of the numbers that the text of a lesson states."""

import math
from typing import SupportsFloat


def claim(statement: str, value: SupportsFloat, expected: SupportsFloat | None = None, tolerance: float = 0.0) -> None:
    """Assert a number that the text states, and show it.

    Parameters
    ----------
    statement
        What the text says, such as ``initial loss is ln 10``.
    value
        What was computed.
    expected
        What the text says it is. Without it, `value` is a condition: true or false.
    tolerance
        Largest absolute difference.

    Raises
    ------
    AssertionError
        If it is not so: then the text is wrong.
    TypeError
        If there is neither a condition nor an expected number.
    """
    if expected is None:
        # A number in its place would be a claim that cannot fail.
        if type(value).__name__ not in ("bool", "bool_"):
            raise TypeError(
                f"{statement}: found {value!r}; expected a condition, or a number with what the text says it is"
            )
        if not float(value):
            raise AssertionError(f"{statement}: it is not true")
        print(f"✓ {statement}")
        return
    found, stated = float(value), float(expected)
    if not math.isclose(found, stated, rel_tol=0, abs_tol=tolerance):
        raise AssertionError(f"{statement}: found {found:.6g}; the text says {stated:.6g} ± {tolerance:.2g}")
    print(f"✓ {statement}: {found:.4g}")
