"""Encodes pairs of a query and a product: lexical signals, and the sub-words of both."""

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
from groundwork.encoders.language.matching import Text, WordSimilarity, nearest_words, signals
from groundwork.encoders.language.subwords import Subwords
from groundwork.encoders.language.words import STOP, Speller, stem, words
from groundwork.encoders.ragged import Encoded, Ragged
from groundwork.sections.encodings import PairEncoding
from groundwork.state import State, array, scalar, texts

FURTHEST = 4.0  # standard deviations


class PairEncoder(Encoder):
    """Encoder of lexical signals of how well a product matches a query, and of the sub-words of both.

    Word frequencies, spelling, sub-words and latent semantics are fitted on the products of the training rows. Labels
    are not used.

    Parameters
    ----------
    pair
        The columns of query, document and fields.
    vocabulary
        Maximum number of sub-words.
    query_length, document_length
        Maximum length of each, in sub-words.
    width
        Length of the sub-words' initial vectors.
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
        """Create the encoder of a competition's query and document."""
        if competition.inputs.pair is None:
            raise ValueError("inputs.pair: found None; expected a query and a document")
        lengths = (encoding.query_length, encoding.document_length)
        return cls(competition.inputs.pair, encoding.vocabulary, *lengths, encoding.width, bins)

    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Fit on training rows and encode them; `target` is not used."""
        documents = self.documents(frame)[1]
        self.speller = self.spelling(documents)
        for bm25, name in zip(self.bm25, self.pair.fields, strict=True):
            bm25.fit(map(_stems, documents[name]))
        queries = [self.query_text(text) for text in frame[self.pair.query].fillna("").unique()]
        products = self.texts(documents)
        self.subwords.fit([*queries, *products])
        self.latent = LatentSemantics(self.subwords, self.width).fit(products)
        unscaled = self._signals(frame)
        self.mean, self.scale = unscaled.mean(0), unscaled.std(0)
        self.scale[self.scale < 1e-6] = 1.0
        scaled = self._scaled(unscaled)
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
        """Return everything that `transform` needs, as data."""
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
        """Rebuild an encoder from `state`; raise ValueError or KeyError if it is invalid."""
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
        """Return the index of each row's product, and the products: one row for each distinct product."""
        columns = frame[[self.pair.document, *self.pair.fields]].fillna("").astype(str)
        numbers = columns.groupby(list(columns), sort=False).ngroup().to_numpy()
        return numbers, columns.iloc[np.unique(numbers, return_index=True)[1]]

    def spelling(self, documents: pd.DataFrame) -> Speller:
        """Create a speller from all fields of the products."""
        rows = documents[list(self.pair.fields)].to_numpy()
        return Speller([word for text in row for word in words(text)] for row in rows)

    def corrected(self, query: str) -> tuple[str, ...]:
        """Return the words of a query, corrected to the catalogue's spelling."""
        return self.speller(words(query))

    def query_text(self, query: str) -> str:
        """Return the text of a query that the tower reads."""
        return " ".join(map(stem, self.corrected(query)))

    def texts(self, documents: pd.DataFrame) -> list[str]:
        """Return the texts of products that the tower reads: all fields, one after another."""
        rows = documents[list(self.pair.fields)].to_numpy()
        return [" ".join(" ".join(_stems(text)) for text in row if text) for row in rows]

    def mark_words(self, queries: Sequence[str]) -> Sparse:
        """Return 1 for each word of a query, including units, for `lexical_weights`: sparse ``[queries, words]``."""
        texts = [Text(self.corrected(query)) for query in queries]
        return self.bm25[0].mark([word for word in text.stems if word not in STOP] for text in texts)

    def lexical_weights(self, documents: pd.DataFrame) -> Sparse:
        """Return the BM25 weights of the products' words, summed over their fields: sparse ``[products, words]``."""
        first, *others = self._weights(documents)
        return sum(others, start=first)

    def _weights(self, documents: pd.DataFrame) -> list[Sparse]:
        fields = zip(self.bm25, self.pair.fields, strict=True)
        return [bm25.weights(map(_stems, documents[name])) for bm25, name in fields]

    def _encoded(self, frame: pd.DataFrame, scaled: NDArray[np.float32]) -> Encoded:
        query, queries = pd.factorize(frame[self.pair.query].fillna(""))
        document, documents = self.documents(frame)
        query_tokens = self.subwords([self.query_text(text) for text in queries], self.query_length)
        document_tokens = self.subwords(self.texts(documents), self.document_length)
        return {
            "query": _rows(query_tokens, query),
            "document": _rows(document_tokens, document),
            "signals": torch.from_numpy(scaled),
        }

    def _scaled(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return ((values - self.mean) / self.scale).clip(-FURTHEST, FURTHEST)

    def _signals(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """Compute the signals of each row's query and product, float32 ``[rows, signals]``."""
        query, typed = pd.factorize(frame[self.pair.query].fillna(""))
        document, documents = self.documents(frame)
        queries = [Text(self.corrected(text)) for text in typed]
        titles = [Text(words(text)) for text in documents[self.pair.fields[0]]]
        by_field = self._by_field(queries, documents, query, document)
        lexicon = list(dict.fromkeys(word for text in (*queries, *titles) for word in text.stems)) or [""]
        rarity = dict(zip(lexicon, self.bm25[0].rarities(lexicon).tolist(), strict=True))
        similarity = WordSimilarity()
        rows = [
            list(signals(queries[i], titles[j], rarity, similarity).values())
            for i, j in zip(query.tolist(), document.tolist(), strict=True)
        ]
        corrections = [len(set(words(entry)) - set(text.words)) for entry, text in zip(typed, queries, strict=True)]
        meaning = self._meaning(queries, titles, lexicon, rarity, query, document)
        return np.column_stack([by_field, np.array(rows), np.array(corrections)[query], meaning]).astype(np.float32)

    def _by_field(self, queries: list[Text], documents: pd.DataFrame, query: Any, document: Any) -> NDArray[np.float32]:
        """Compute each field's BM25 score and the share of the query's weight in each field and in all together."""
        marks = self.bm25[0].mark(text.content for text in queries)
        # All fields use the word rarities of the first field, which makes their shares comparable.
        rare = marks.multiply(self.bm25[0].rarity).tocsr()[query]
        total, marks = np.maximum(np.asarray(rare.sum(1)).ravel(), 1e-6), marks[query]
        weights_by_field = [weights[document] for weights in self._weights(documents)]
        everything = sum(weights_by_field[1:], start=weights_by_field[0])
        scores = [paired(marks, weights) for weights in weights_by_field]
        scores += [paired(rare, weights > 0) / total for weights in (*weights_by_field, everything)]
        return np.column_stack(scores)

    def _meaning(
        self,
        queries: list[Text],
        titles: list[Text],
        lexicon: list[str],
        rarity: dict[str, float],
        query: NDArray[np.int64],
        document: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Compute the similarities of queries and titles in latent semantics, float32 ``[rows, 6]``."""
        vectors, number = self.latent.embed([*lexicon, ""]), {word: index for index, word in enumerate(lexicon)}
        empty = len(lexicon)
        wholes = [self.latent.embed([" ".join(text.stems) for text in texts]) for texts in (queries, titles)]
        last = vectors[[number.get(text.last, empty) for text in queries]]
        noun = vectors[[number.get(text.noun, empty) for text in titles]]
        near = [
            (left[query] * right[document]).sum(1)
            for left, right in ((wholes[0], wholes[1]), (last, wholes[1]), (wholes[0], noun), (last, noun))
        ]
        sides = [
            [np.array([number[word] for word in text.content], dtype=int) for text in texts]
            for texts in (queries, titles)
        ]
        weights = np.array([rarity[word] for word in lexicon], dtype=np.float32)
        words_near = [
            nearest_words(vectors[sides[0][i]], weights[sides[0][i]], vectors[sides[1][j]])
            for i, j in zip(query.tolist(), document.tolist(), strict=True)
        ]
        return np.column_stack([*near, np.array(words_near)])


def _stems(text: str) -> list[str]:
    return [stem(word) for word in words(text)]


def _rows(sequences: Ragged, rows: NDArray[np.int64]) -> Ragged:
    """Return the sequence of each row's text; equal texts share their values."""
    which = torch.tensor(rows)  # a copy, because pandas' codes are read-only
    return Ragged(sequences.values, sequences.starts[which], sequences.lengths[which])
