"""Purchases as tensors: what each customer had bought before a day, and what sold in the week before it."""

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
    """Prepared purchases: all that the encoder needs to know of them before it is fitted."""

    articles: pd.DataFrame


class HistoryEncoder(Encoder):
    """The last articles that a customer bought before a day, the oldest first; never one of that day or later.

    A history is a window of one list of all purchases: a row costs two numbers, however long it is.

    Parameters
    ----------
    articles
        Columns of labels; an article's row is its code.
    length
        The most purchases that a history holds.
    days
        Length of the spans that sales are counted by.
    spans
        Purchases of the last so many spans are learned from; older ones are history. None: all are.

    Attributes
    ----------
    features
        Numbers of each article's labels, int64 ``[articles, columns]``.
    labels
        How many labels there are.
    sales
        Sales of each article in each span, the last one first, float32 ``[spans + 1, articles]``.
    share
        Of the purchases that are learned from, how many are of each article: a share, float32 ``[articles]``.
    """

    def __init__(self, articles: pd.DataFrame, length: int, days: int, spans: int | None = None) -> None:
        self.articles, self.length, self.days, self.spans = len(articles), length, days, spans
        codes = [pd.factorize(articles[name])[0] for name in articles]
        sizes = [int(column.max()) + 1 for column in codes]
        offsets = np.cumsum([0, *sizes])
        self.labels = int(offsets[-1])
        # One table for all columns: the labels of column i begin at offsets[i].
        self.features = torch.tensor(np.column_stack([*codes, np.empty((len(articles), 0))]), dtype=torch.int64)
        self.features += torch.tensor(offsets[:-1])

    @classmethod
    def of(cls, encoding: HistoryEncoding, competition: Purchases, prepared: HasArticles, bins: int) -> Self:
        """Make the encoder of a log whose articles are `prepared`."""
        features = prepared.articles[list(competition.features)]
        return cls(features, encoding.length, competition.days, encoding.spans)

    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Remember purchases (``customer``, ``article``, ``day``, by customer and day) and encode each as one to learn.

        Returns
        -------
        dict
            What `transform` gives, and ``article``, what was bought: int64 ``[rows]``.
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
            ``history``: sequences of article codes plus 1; ``span``, int64 ``[rows]``: the row of `sales` that holds
            those of the span before.
        """
        key = _keys(frame)
        ends = np.searchsorted(self.keys, key)
        starts = np.maximum(np.searchsorted(self.keys, key - key % DAYS), ends - self.length)
        history = Ragged(self.bought, torch.from_numpy(starts), torch.from_numpy(ends - starts))
        return {"history": history, "span": torch.from_numpy(self._spans(frame) + 1)}

    def _spans(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """Count the whole spans between each row's day and the end of the log; -1 for all that comes after."""
        return np.maximum((self.end - 1 - frame["day"].to_numpy(np.int64)) // self.days, -1)

    def state(self) -> State:
        """Return what prediction needs, as data: each customer's last purchases and the last span's sales."""
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
        """Rebuild an encoder from `state`; raise ValueError or KeyError where that is not one."""
        encoder = cls.__new__(cls)  # the labels that `__init__` counts are not kept, only their numbers
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
    """Make one number of customer and day; it ascends over purchases in their order."""
    return frame["customer"].to_numpy(np.int64) * DAYS + frame["day"].to_numpy(np.int64)
