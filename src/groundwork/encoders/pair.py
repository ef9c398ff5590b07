"""A query and a product as tensors: lexical signals, and the sub-words of both."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from groundwork.competitions import Labelled, Pair
from groundwork.encoders import Encoder, Numbers
from groundwork.encoders.language.bm25 import BM25, Sparse, paired
from groundwork.encoders.language.latent import LatentSemantics
from groundwork.encoders.language.matching import Likeness, Text, meant, signals
from groundwork.encoders.language.subwords import Subwords
from groundwork.encoders.language.words import STOP, Speller, stem, words
from groundwork.encoders.ragged import Encoded, Ragged
from groundwork.sections.encodings import PairEncoding
from groundwork.state import State, array, scalar, texts

FURTHEST = 4.0  # standard deviations


class PairEncoder(Encoder):
    """Signals of how well a product answers a query, and what both say as sub-words.

    All of it is fitted on the products of the training rows: how rare words are, what is spelt how, which sub-words
    there are and which stand together. Labels take no part.

    Parameters
    ----------
    pair
        Which columns are which.
    vocabulary
        The most sub-words.
    query_length, document_length
        The most sub-words of each.
    width
        Length of the vectors that sub-words start with.
    bins
        Bins for a piecewise-linear encoding of the signals, between quantiles of the training rows.
    """

    def __init__(
        self, pair: Pair, vocabulary: int, query_length: int, document_length: int, width: int, bins: int
    ) -> None:
        self.pair, self.width, self.bins = pair, width, bins
        self.query_length, self.document_length = query_length, document_length
        self.subwords = Subwords(vocabulary)
        self.bm25 = [BM25(analyzer=list) for _ in pair.fields]

    @classmethod
    def of(cls, encoding: PairEncoding, competition: Labelled, prepared: object, bins: int) -> Self:
        """Make the encoder of a competition's query and document."""
        if competition.inputs.pair is None:
            raise ValueError("inputs.pair: found None; expected a query and a document")
        lengths = (encoding.query_length, encoding.document_length)
        return cls(competition.inputs.pair, encoding.vocabulary, *lengths, encoding.width, bins)

    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Fit on training rows and encode them; `target` is not looked at."""
        documents = self.documents(frame)[1]
        self.speller = self.spelling(documents)
        for bm25, name in zip(self.bm25, self.pair.fields, strict=True):
            bm25.fit(map(_stems, documents[name]))
        queries = [self.query_text(one) for one in frame[self.pair.query].fillna("").unique()]
        products = self.texts(documents)
        self.subwords.fit([*queries, *products])
        self.latent = LatentSemantics(self.subwords, self.width).fit(products)
        found = self._signals(frame)
        self.mean, self.scale = found.mean(0), found.std(0)
        self.scale[self.scale < 1e-6] = 1.0
        scaled = self._scaled(found)
        self.edges = torch.tensor(np.quantile(scaled, np.linspace(0, 1, self.bins + 1), axis=0).T, dtype=torch.float32)
        return self._encoded(frame, scaled)

    def transform(self, frame: pd.DataFrame) -> Encoded:
        """Encode rows.

        Returns
        -------
        dict
            ``signals``, float32 ``[rows, signals]``, standardized; ``query`` and ``document``, sequences of sub-words.
        """
        return self._encoded(frame, self._scaled(self._signals(frame)))

    def state(self) -> State:
        """Return all that `transform` needs, as data."""
        return {
            **{name: getattr(self, name) for name in ("width", "bins", "query_length", "document_length")},
            "query": self.pair.query,
            "document": self.pair.document,
            "fields": list(self.pair.fields),
            "speller": self.speller.state(),
            "subwords": self.subwords.state(),
            "latent": self.latent.state(),
            "bm25": [bm25.state() for bm25 in self.bm25],
            "mean": self.mean,
            "scale": self.scale,
            "edges": self.edges.numpy(),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild an encoder from `state`; raise ValueError or KeyError where that is not one."""
        pair = Pair(scalar(state, "query", str), scalar(state, "document", str), tuple(texts(state, "fields")))
        subwords = Subwords.from_state(state["subwords"])
        lengths = (scalar(state, name, int) for name in ("query_length", "document_length", "width", "bins"))
        encoder = cls(pair, subwords.size, *lengths)
        encoder.subwords = subwords
        encoder.speller = Speller.from_state(state["speller"])
        encoder.latent = LatentSemantics.from_state(state["latent"], subwords)
        fields = zip(scalar(state, "bm25", list), pair.fields, strict=True)
        encoder.bm25 = [BM25.from_state(part, analyzer=list) for part, _ in fields]
        encoder.mean, encoder.scale = array(state, "mean", np.float32), array(state, "scale", np.float32)
        encoder.edges = torch.from_numpy(array(state, "edges", np.float32, 2))
        return encoder

    def documents(self, frame: pd.DataFrame) -> tuple[NDArray[Any], pd.DataFrame]:
        """Return the number of each row's product, and the products: one row for each with different texts."""
        columns = frame[[self.pair.document, *self.pair.fields]].fillna("").astype(str)
        numbers = columns.groupby(list(columns), sort=False).ngroup().to_numpy()
        return numbers, columns.iloc[np.unique(numbers, return_index=True)[1]]

    def spelling(self, documents: pd.DataFrame) -> Speller:
        """Learn how products spell words, in all their fields."""
        rows = documents[list(self.pair.fields)].to_numpy()
        return Speller([word for text in row for word in words(text)] for row in rows)

    def corrected(self, query: str) -> tuple[str, ...]:
        """Words of a query, spelt as the catalogue spells them."""
        return self.speller(words(query))

    def query_text(self, query: str) -> str:
        """Return what the towers read of a query."""
        return " ".join(map(stem, self.corrected(query)))

    def texts(self, documents: pd.DataFrame) -> list[str]:
        """Return what the towers read of products: their fields, one after another."""
        rows = documents[list(self.pair.fields)].to_numpy()
        return [" ".join(" ".join(_stems(text)) for text in row if text) for row in rows]

    def asked(self, queries: Sequence[str]) -> Sparse:
        """Mark each query's words for `lexical_weights`, units among them, sparse ``[queries, words]``."""
        texts = [Text(self.corrected(query)) for query in queries]
        return self.bm25[0].asked([one for one in text.stems if one not in STOP] for text in texts)

    def lexical_weights(self, documents: pd.DataFrame) -> Sparse:
        """Weigh the words of products by BM25, summed over their fields, sparse ``[products, words]``."""
        first, *others = self._weights(documents)
        return sum(others, start=first)

    def _weights(self, documents: pd.DataFrame) -> list[Sparse]:
        fields = zip(self.bm25, self.pair.fields, strict=True)
        return [bm25.weights(map(_stems, documents[name])) for bm25, name in fields]

    def _encoded(self, frame: pd.DataFrame, scaled: NDArray[np.float32]) -> Encoded:
        query, queries = pd.factorize(frame[self.pair.query].fillna(""))
        document, documents = self.documents(frame)
        asked = self.subwords([self.query_text(one) for one in queries], self.query_length)
        said = self.subwords(self.texts(documents), self.document_length)
        return {"query": _rows(asked, query), "document": _rows(said, document), "signals": torch.from_numpy(scaled)}

    def _scaled(self, found: NDArray[np.float32]) -> NDArray[np.float32]:
        return ((found - self.mean) / self.scale).clip(-FURTHEST, FURTHEST)

    def _signals(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """Hold queries against products, float32 ``[rows, signals]``."""
        query, typed = pd.factorize(frame[self.pair.query].fillna(""))
        document, documents = self.documents(frame)
        asked = [Text(self.corrected(one)) for one in typed]
        titles = [Text(words(text)) for text in documents[self.pair.fields[0]]]
        by_field = self._by_field(asked, documents, query, document)
        lexicon = list(dict.fromkeys(one for text in (*asked, *titles) for one in text.stems)) or [""]
        rarity = dict(zip(lexicon, self.bm25[0].rarities(lexicon).tolist(), strict=True))
        near = Likeness()
        rows = [
            list(signals(asked[one], titles[other], rarity, near).values())
            for one, other in zip(query.tolist(), document.tolist(), strict=True)
        ]
        corrections = [len(set(words(one)) - set(text.words)) for one, text in zip(typed, asked, strict=True)]
        meaning = self._meaning(asked, titles, lexicon, rarity, query, document)
        return np.column_stack([by_field, np.array(rows), np.array(corrections)[query], meaning]).astype(np.float32)

    def _by_field(self, asked: list[Text], documents: pd.DataFrame, query: Any, document: Any) -> NDArray[np.float32]:
        """Score each field by BM25, and say what share of the query's weight each holds, and all of them together."""
        marks = self.bm25[0].asked(text.content for text in asked)
        # All fields weigh a word by how rare it is in the first: only so can what they hold be compared.
        rare = marks.multiply(self.bm25[0].rarity).tocsr()[query]
        total, marks = np.maximum(np.asarray(rare.sum(1)).ravel(), 1e-6), marks[query]
        held = [weights[document] for weights in self._weights(documents)]
        found = [paired(marks, one) for one in held]
        found += [paired(rare, one > 0) / total for one in (*held, sum(held[1:], start=held[0]))]
        return np.column_stack(found)

    def _meaning(
        self,
        asked: list[Text],
        titles: list[Text],
        lexicon: list[str],
        rarity: dict[str, float],
        query: NDArray[np.int64],
        document: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Say how near queries and titles are in latent semantics, float32 ``[rows, 6]``."""
        vectors, number = self.latent.embed([*lexicon, ""]), {one: place for place, one in enumerate(lexicon)}
        nothing = len(lexicon)
        wholes = [self.latent.embed([" ".join(text.stems) for text in texts]) for texts in (asked, titles)]
        last = vectors[[number.get(text.last, nothing) for text in asked]]
        noun = vectors[[number.get(text.noun, nothing) for text in titles]]
        near = [
            (one[query] * other[document]).sum(1)
            for one, other in ((wholes[0], wholes[1]), (last, wholes[1]), (wholes[0], noun), (last, noun))
        ]
        sides = [
            [np.array([number[one] for one in text.content], dtype=int) for text in texts] for texts in (asked, titles)
        ]
        weights = np.array([rarity[one] for one in lexicon], dtype=np.float32)
        words_near = [
            meant(vectors[sides[0][one]], weights[sides[0][one]], vectors[sides[1][other]])
            for one, other in zip(query.tolist(), document.tolist(), strict=True)
        ]
        return np.column_stack([*near, np.array(words_near)])


def _stems(text: str) -> list[str]:
    return [stem(word) for word in words(text)]


def _rows(sequences: Ragged, rows: NDArray[np.int64]) -> Ragged:
    """Give every row the sequence of its text; the text lies there once."""
    which = torch.tensor(rows)  # pandas' codes may not be written to
    return Ragged(sequences.values, sequences.starts[which], sequences.lengths[which])
