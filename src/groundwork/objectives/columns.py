"""Checks a submission's columns, and compares their distribution with the out-of-fold predictions."""

import numpy as np
import pandas as pd

# Limits of the distance between test and out-of-fold predictions. They are wide, because train and test data do differ
# in some competitions, and must not refuse correct work. They catch mistakes: predictions left on the log scale
# (distance 1), doubled prices (0.6), two classes exchanged on Titanic (0.24). A normal distribution shifted by half its
# standard deviation has a distance of 0.20 and passes; by 1.05 standard deviations, 0.40.
NUMBER_LIMIT = 0.40  # Kolmogorov-Smirnov distance: the largest gap between two cumulative distributions
CLASS_LIMIT = 0.20  # total variation distance between class shares
# A short test set can have a large distance by chance, so the p-value must also be below this.
BEYOND_DOUBT = 1e-6


def unreadable(values: pd.Series, sample: pd.Series) -> list[str]:
    """List missing values, and values that are not numbers in a column of numbers."""
    missing = values.isna()
    if missing.any():
        return [f"{lines(missing)}: found no value; expected {content(sample)}"]
    if pd.api.types.is_numeric_dtype(sample):
        numbers = pd.to_numeric(values, errors="coerce").astype(float)
        wrong = numbers.isna()
        if wrong.any():
            return [f"{lines(wrong)}: found {shown(values[wrong].iloc[0])}; expected {content(sample)}"]
        infinite = pd.Series(np.isinf(numbers), index=values.index)
        if infinite.any():
            return [f"{lines(infinite)}: found {numbers[infinite].iloc[0]}; expected a finite number"]
    return []


def constant(values: pd.Series) -> list[str]:
    """Report a column whose values are all equal."""
    if len(values) > 1 and values.nunique() == 1:
        return [f"every row is {values.iloc[0]}; expected predictions that differ"]
    return []


def numbers_apart(values: pd.Series, oof: pd.Series) -> str | None:
    """Compare the distributions of two columns of numbers; return None if they are close enough."""
    from scipy.stats import ks_2samp

    test = ks_2samp(values, oof, method="asymp")
    here, there = (f"median {numbers.median():.4g}" for numbers in (values, oof))
    return _apart(float(test.statistic), NUMBER_LIMIT, float(test.pvalue), here, there)


def classes_apart(values: pd.Series, oof: pd.Series) -> str | None:
    """Compare the shares of the classes in two columns of labels; return None if they are close enough."""
    from scipy.stats import chi2_contingency

    counts = pd.DataFrame({"here": values.value_counts(), "there": oof.value_counts()}).fillna(0)
    shares = counts / counts.sum()
    gaps = (shares["here"] - shares["there"]).abs()
    chance = float(chi2_contingency(counts.to_numpy()).pvalue) if len(counts) > 1 else 1.0
    widest = shares.iloc[int(gaps.argmax())]
    here, there = (f"{widest[side]:.0%} of class {widest.name}" for side in ("here", "there"))
    return _apart(float(gaps.sum() / 2), CLASS_LIMIT, chance, here, there)


def _apart(distance: float, limit: float, chance: float, here: str, there: str) -> str | None:
    if distance <= limit or chance > BEYOND_DOUBT:
        return None
    return (
        f"the predictions are not like the out-of-fold ones: found {here}, out-of-fold {there} "
        f"(distance {distance:.2f}; expected at most {limit:.2f})"
    )


def lines(wrong: pd.Series) -> str:
    """Name the first wrong line of the file (the header is line 1) and the number of further ones."""
    numbers = np.flatnonzero(wrong) + 2
    return f"line {numbers[0]}" + (f" and {len(numbers) - 1} more" if len(numbers) > 1 else "")


def shown(value: object) -> str:
    """Write a value, with quotes if it is text."""
    return repr(value) if isinstance(value, str) else str(value)


def content(values: pd.Series) -> str:
    """Describe a column's values: whole numbers, numbers or text."""
    if pd.api.types.is_integer_dtype(values):
        return "whole numbers"
    return "numbers" if pd.api.types.is_numeric_dtype(values) else "text"
