"""Encodes table columns and a text of the same rows, by combining the two encoders."""

from typing import Self

import pandas as pd
from torch import Tensor

from groundwork.competitions import Labelled
from groundwork.encoders import Encoder, Numbers
from groundwork.encoders.language.subwords import Subwords
from groundwork.encoders.ragged import Encoded
from groundwork.encoders.table import TableEncoder
from groundwork.encoders.text import TextEncoder
from groundwork.sections.encodings import TableTextEncoding
from groundwork.state import State


class TableTextEncoder(Encoder):
    """Encoder of table columns and a text.

    Parameters
    ----------
    table, text
        The encoders of the columns and of the text.
    """

    def __init__(self, table: TableEncoder, text: TextEncoder) -> None:
        self.table, self.text = table, text

    @classmethod
    def of(cls, encoding: TableTextEncoding, competition: Labelled, prepared: object, bins: int) -> Self:
        """Create the encoders of a competition's columns and of its text, each from its own section."""
        table = TableEncoder.of(encoding.table, competition, prepared, bins)
        return cls(table, TextEncoder.of(encoding.text, competition, prepared, bins))

    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Fit both on training rows and encode them."""
        return {**self.table.fit_transform(frame, target), **self.text.fit_transform(frame, target)}

    def transform(self, frame: pd.DataFrame) -> Encoded:
        """Encode rows; return the tensors of `TableEncoder` and `TextEncoder`."""
        return {**self.table.transform(frame), **self.text.transform(frame)}

    @property
    def edges(self) -> Tensor:
        """Return the bin edges of the numbers, ``[numbers, bins + 1]``."""
        return self.table.edges

    @property
    def categories(self) -> list[int]:
        """Return the number of codes of each categorical feature."""
        return self.table.categories

    @property
    def subwords(self) -> Subwords:
        """Return the sub-words of the texts."""
        return self.text.subwords

    @property
    def length(self) -> int:
        """Return the maximum length of a text, in sub-words."""
        return self.text.length

    @property
    def terms(self) -> int:
        """Return the number of terms."""
        return self.text.terms

    def state(self) -> State:
        """Return what `from_state` needs, as data."""
        return {"table": self.table.state(), "text": self.text.state()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state`; raise ValueError, TypeError or KeyError if it is invalid."""
        return cls(TableEncoder.from_state(state["table"]), TextEncoder.from_state(state["text"]))
