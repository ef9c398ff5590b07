"""Holds the values of a column in train and test, and what the checks of its role need of them."""

from functools import cached_property

import pandas as pd

LOOKED_AT = 2000  # distinct values


class Seen:
    """The values of a column in train and test, and what many checks need of them."""

    def __init__(self, name: str, train: pd.Series, test: pd.Series, is_key: bool = False) -> None:
        self.name, self.train, self.test, self.is_key = name, train, test, is_key
        self.both = pd.concat([train, test], ignore_index=True)
        self.filled = self.both.dropna()
        self.is_text = not pd.api.types.is_numeric_dtype(train)
        self.is_whole = pd.api.types.is_integer_dtype(train) and pd.api.types.is_integer_dtype(test)

    @cached_property
    def distinct(self) -> int:
        """Return the number of distinct values."""
        return int(self.filled.nunique())

    @cached_property
    def per_value(self) -> float:
        """Return the mean number of rows with the same value."""
        return len(self.filled) / max(self.distinct, 1)

    @cached_property
    def examples(self) -> pd.Series:
        """Return up to `LOOKED_AT` distinct values as text, evenly spread."""
        values = pd.Series(self.filled.unique())
        step = max(len(values) // LOOKED_AT, 1)
        return values[::step].astype("str").reset_index(drop=True)

    @cached_property
    def unseen(self) -> float:
        """Return the share of test rows whose value train does not have."""
        test = self.test.dropna()
        return float((~test.isin(self.train.unique())).mean()) if len(test) else 0.0
