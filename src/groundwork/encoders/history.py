"""Encodes purchases: the articles that each customer bought before a day, and the sales of the week before it."""

from typing import Protocol, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from groundwork.competitions import Purchases
from groundwork.encoders import Encoder, Numbers
from groundwork.encoders.ragged import Encoded, Ragged
from groundwork.sections.encodings import HistoryEncoding
from groundwork.state import State, array, scalar

DAYS = 1 << 15  # beyond every day of a log: int16


class HasArticles(Protocol):
    """The part of prepared purchases that the encoder needs before it is fitted."""

    articles: pd.DataFrame


class HistoryEncoder(Encoder):
    """Encoder of the last articles that a customer bought before a day, oldest first, and none of that day or later.

    A history is a window of one list of all purchases, so a row needs only two numbers, whatever its length.

    Parameters
    ----------
    articles
        Columns of labels; an article's row number is its code.
    length
        Maximum number of purchases in a history.
    days
        Length of the periods (spans) by which sales are counted, in days.
    spans
        Number of last spans whose purchases are training examples; older ones only serve as history. None for all.

    Attributes
    ----------
    features
        Numbers of each article's labels, int64 ``[articles, columns]``.
    labels
        Number of labels.
    sales
        Sales of each article in each span, the last one first, float32 ``[spans + 1, articles]``.
    share
        Share of each article in the training examples, float32 ``[articles]``.
    """

    def __init__(self, articles: pd.DataFrame, length: int, days: int, spans: int | None = None) -> None:
        self.articles, self.length, self.days, self.spans = len(articles), length, days, spans
        codes = [pd.factorize(articles[name])[0] for name in articles]
        sizes = [int(column.max()) + 1 for column in codes]
        offsets = np.cumsum([0, *sizes])
        self.labels = int(offsets[-1])
        # All columns share one embedding table: the labels of column i begin at offsets[i].
        self.features = torch.tensor(np.column_stack([*codes, np.empty((len(articles), 0))]), dtype=torch.int64)
        self.features += torch.tensor(offsets[:-1])

    @classmethod
    def of(cls, encoding: HistoryEncoding, competition: Purchases, prepared: HasArticles, bins: int) -> Self:
        """Create the encoder of a log of purchases."""
        features = prepared.articles[list(competition.features)]
        return cls(features, encoding.length, competition.days, encoding.spans)

    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Store purchases (``customer``, ``article``, ``day``, sorted by customer and day); encode them as examples.

        Returns
        -------
        dict
            The tensors of `transform`, and ``article``, the purchased article, int64 ``[rows]``.
        """
        self.bought = torch.from_numpy(frame["article"].to_numpy(np.int32) + np.int32(1))
        self.keys = _keys(frame)
        # Spans are counted back from the end of the log: the last one is span 0.
        self.end = int(frame["day"].max()) + 1
        spans, article = self._spans(frame), frame["article"].to_numpy(np.int64)
        counts = np.bincount(spans * self.articles + article, minlength=(spans.max() + 2) * self.articles)
        self.sales = torch.from_numpy(counts.astype(np.float32).reshape(-1, self.articles))
        examples = self.examples(frame)
        article = examples["article"].to_numpy(np.int64)
        self.share = torch.from_numpy(np.bincount(article, minlength=self.articles).astype(np.float32) / len(article))
        return {**self.transform(examples), "article": torch.from_numpy(article)}

    def examples(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the purchases of the last `spans` spans."""
        if self.spans is None:
            return frame
        return frame[self._spans(frame) < self.spans]

    def transform(self, frame: pd.DataFrame) -> Encoded:
        """Encode rows of ``customer`` and ``day``.

        Returns
        -------
        dict
            ``history``: sequences of article codes plus 1; ``span``, int64 ``[rows]``: the row of `sales` for the
            preceding span.
        """
        key = _keys(frame)
        ends = np.searchsorted(self.keys, key)
        starts = np.maximum(np.searchsorted(self.keys, key - key % DAYS), ends - self.length)
        history = Ragged(self.bought, torch.from_numpy(starts), torch.from_numpy(ends - starts))
        return {"history": history, "span": torch.from_numpy(self._spans(frame) + 1)}

    def _spans(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """Return the number of whole spans between each row's day and the end of the log; -1 for days after it."""
        return np.maximum((self.end - 1 - frame["day"].to_numpy(np.int64)) // self.days, -1)

    def state(self) -> State:
        """Return the data that prediction needs: each customer's last purchases and the last span's sales."""
        customers = self.keys // DAYS
        from_the_end = np.searchsorted(customers, customers, side="right") - np.arange(len(customers))
        kept = from_the_end <= self.length
        return {
            **{name: getattr(self, name) for name in ("articles", "length", "days", "spans", "labels", "end")},
            "features": self.features.numpy(),
            "sales": self.sales[:1].numpy(),
            "share": self.share.numpy(),
            "bought": self.bought.numpy()[kept],
            "keys": self.keys[kept],
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild an encoder from `state`; raise ValueError or KeyError if it is invalid."""
        encoder = cls.__new__(cls)  # the state has the codes of the labels that `__init__` reads, not the labels
        encoder.articles, encoder.length, encoder.days, encoder.labels, encoder.end = (
            scalar(state, name, int) for name in ("articles", "length", "days", "labels", "end")
        )
        encoder.spans = None if state["spans"] is None else scalar(state, "spans", int)
        encoder.features = torch.from_numpy(array(state, "features", np.int64, 2))
        encoder.sales = torch.from_numpy(array(state, "sales", np.float32, 2))
        encoder.share = torch.from_numpy(array(state, "share", np.float32))
        encoder.bought, encoder.keys = (
            torch.from_numpy(array(state, "bought", np.int32)),
            array(state, "keys", np.int64),
        )
        if len(encoder.bought) != len(encoder.keys) or len(encoder.features) != encoder.articles:
            raise ValueError("purchases, keys and articles differ in number")
        return encoder


def _keys(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Combine customer and day into one number, which ascends in the order of the purchases."""
    return frame["customer"].to_numpy(np.int64) * DAYS + frame["day"].to_numpy(np.int64)
