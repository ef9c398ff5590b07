"""A table beside a text: what both encoders give, under one roof."""

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
    """The tensors of a table's columns and those of a text, of the same rows.

    Parameters
    ----------
    table, text
        The encoders of both.
    """

    def __init__(self, table: TableEncoder, text: TextEncoder) -> None:
        self.table, self.text = table, text

    @classmethod
    def of(cls, encoding: TableTextEncoding, competition: Labelled, prepared: object, bins: int) -> Self:
        """Make the encoders of a competition's columns and of its prose, each from its own section."""
        table = TableEncoder.of(encoding.table, competition, prepared, bins)
        return cls(table, TextEncoder.of(encoding.text, competition, prepared, bins))

    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Fit both on training rows and encode them."""
        return {**self.table.fit_transform(frame, target), **self.text.fit_transform(frame, target)}

    def transform(self, frame: pd.DataFrame) -> Encoded:
        """Encode rows: what `TableEncoder` and `TextEncoder` give."""
        return {**self.table.transform(frame), **self.text.transform(frame)}

    @property
    def edges(self) -> Tensor:
        """Bin edges of the numbers, ``[numbers, bins + 1]``."""
        return self.table.edges

    @property
    def categories(self) -> list[int]:
        """Number of codes of each categorical feature."""
        return self.table.categories

    @property
    def subwords(self) -> Subwords:
        """The texts' sub-words."""
        return self.text.subwords

    @property
    def length(self) -> int:
        """The longest text, in sub-words."""
        return self.text.length

    @property
    def terms(self) -> int:
        """How many terms there are."""
        return self.text.terms

    def state(self) -> State:
        """Return what `from_state` needs, as data."""
        return {"table": self.table.state(), "text": self.text.state()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild from `state`; raise ValueError, TypeError or KeyError where that is not one."""
        return cls(TableEncoder.from_state(state["table"]), TextEncoder.from_state(state["text"]))
