"""What any column of a submission may hold, and how far it may lie from the out-of-fold predictions."""

import numpy as np
import pandas as pd

# How far test predictions may lie from out-of-fold ones. Both limits are wide: competitions do shift between train
# and test, and a gate that refuses honest work is worse than none. They are meant for mistakes: predictions left on
# the log scale (distance 1), doubled prices (0.6), two classes exchanged on Titanic (0.24). A shift of a normal
# distribution by half its standard deviation is a distance of 0.20 and passes; by 1.05 standard deviations, 0.40.
NUMBER_LIMIT = 0.40  # Kolmogorov-Smirnov distance: the largest gap between two cumulative distributions
CLASS_LIMIT = 0.20  # total variation distance between class shares
# A short test set lies far off by chance alone: the distance must also be beyond doubt.
BEYOND_DOUBT = 1e-6


def unreadable(values: pd.Series, sample: pd.Series) -> list[str]:
    """Say where a value is missing, and where a column of numbers holds something else."""
    missing = values.isna()
    if missing.any():
        return [f"{lines(missing)}: found no value; expected {sort(sample)}"]
    if pd.api.types.is_numeric_dtype(sample):
        numbers = pd.to_numeric(values, errors="coerce").astype(float)
        wrong = numbers.isna()
        if wrong.any():
            return [f"{lines(wrong)}: found {shown(values[wrong].iloc[0])}; expected {sort(sample)}"]
        infinite = pd.Series(np.isinf(numbers), index=values.index)
        if infinite.any():
            return [f"{lines(infinite)}: found {numbers[infinite].iloc[0]}; expected a finite number"]
    return []


def constant(values: pd.Series) -> list[str]:
    """Say that all rows are equal."""
    if len(values) > 1 and values.nunique() == 1:
        return [f"every row is {values.iloc[0]}; expected predictions that differ"]
    return []


def numbers_apart(values: pd.Series, oof: pd.Series) -> str | None:
    """Compare the distributions of two columns of numbers; None where they are near enough."""
    from scipy.stats import ks_2samp

    test = ks_2samp(values, oof, method="asymp")
    here, there = (f"median {numbers.median():.4g}" for numbers in (values, oof))
    return _apart(float(test.statistic), NUMBER_LIMIT, float(test.pvalue), here, there)


def classes_apart(values: pd.Series, oof: pd.Series) -> str | None:
    """Compare the shares of the classes in two columns of labels; None where they are near enough."""
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
    """Name the first wrong line of the file, the header being line 1, and how many follow."""
    numbers = np.flatnonzero(wrong) + 2
    return f"line {numbers[0]}" + (f" and {len(numbers) - 1} more" if len(numbers) > 1 else "")


def shown(value: object) -> str:
    """Write a value so that text is told from a number."""
    return repr(value) if isinstance(value, str) else str(value)


def sort(values: pd.Series) -> str:
    """Name what a column holds: whole numbers, numbers or text."""
    if pd.api.types.is_integer_dtype(values):
        return "whole numbers"
    return "numbers" if pd.api.types.is_numeric_dtype(values) else "text"
