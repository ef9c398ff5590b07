"""Encodes texts: as sequences of sub-words, and as words and character n-grams with TF-IDF weights."""

from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from groundwork.competitions import Labelled
from groundwork.encoders import Encoder, Numbers
from groundwork.encoders.language.subwords import Subwords
from groundwork.encoders.ragged import Encoded, Ragged
from groundwork.errors import UserError
from groundwork.sections.encodings import TextEncoding
from groundwork.state import State, array, scalar, texts


class TextEncoder(Encoder):
    """Encoder of texts as sequences of sub-words and as bags of terms. A missing text counts as empty.

    Parameters
    ----------
    column
        The column with the texts.
    subwords
        Maximum number of sub-words, see `Subwords`.
    length
        Maximum length of a sequence. A longer text keeps its beginning and its end.
    words, ngrams
        Number of most frequent terms to keep: words without English stop words, and n-grams of 2 to 5 characters
        within words, which match deliberately misspelled words.

    Attributes
    ----------
    terms
        Number of terms.
    """

    def __init__(self, column: str, subwords: int, length: int, words: int, ngrams: int) -> None:
        self.column, self.length = column, length
        self.subwords = Subwords(subwords)
        self.tfidf = _union({"max_features": words}, {"max_features": ngrams})

    @classmethod
    def of(cls, encoding: TextEncoding, competition: Labelled, prepared: object, bins: int) -> Self:
        """Create the encoder of a competition's text column."""
        if competition.inputs.text is None:
            raise ValueError("inputs.text: found None; expected a column")
        return cls(competition.inputs.text, encoding.subwords, encoding.length, encoding.words, encoding.ngrams)

    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Fit on training rows and encode them; `target` is not used."""
        texts = self._texts(frame)
        self.subwords.fit(texts)
        try:
            table = self.tfidf.fit_transform(texts)
        except ValueError as error:
            raise UserError(
                f"column {self.column!r}: {len(texts)} training rows contain no words to learn from: {error}",
                "fix `features` in the competition's file, or the data",
            ) from None
        self.terms = len(self.tfidf.get_feature_names_out())
        return self._encoded(texts, table)

    def transform(self, frame: pd.DataFrame) -> Encoded:
        """Encode rows.

        Returns
        -------
        dict
            ``tokens``: sequences of sub-words, int64 from 1; ``terms``: each text's terms, int32 from 1, and
            ``weights``: their TF-IDF weights, float32, with the same lengths.
        """
        texts = self._texts(frame)
        return self._encoded(texts, self.tfidf.transform(texts))

    def state(self) -> State:
        """Return everything that `transform` needs, as data."""
        parts = dict(self.tfidf.transformer_list)
        return {
            "column": self.column,
            "length": self.length,
            "subwords": self.subwords.state(),
            **{name: {"terms": list(part.get_feature_names_out()), "idf": part.idf_} for name, part in parts.items()},
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild an encoder from `state`; raise ValueError or KeyError if it is invalid."""
        encoder = cls.__new__(cls)
        encoder.column, encoder.length = scalar(state, "column", str), scalar(state, "length", int)
        encoder.subwords = Subwords.from_state(state["subwords"])
        vocabularies = {name: texts(state[name], "terms") for name in ("words", "ngrams")}
        encoder.tfidf = _union(*({"vocabulary": vocabulary} for vocabulary in vocabularies.values()))
        for name, part in encoder.tfidf.transformer_list:
            part.idf_ = array(state[name], "idf", np.float32)
        encoder.terms = sum(map(len, vocabularies.values()))
        return encoder

    def _encoded(self, texts: list[str], table: Any) -> Encoded:
        table = table.tocsr()
        starts = torch.from_numpy(table.indptr[:-1].astype(np.int64))
        lengths = torch.from_numpy(np.diff(table.indptr).astype(np.int64))
        terms = torch.from_numpy(table.indices.astype(np.int32)) + 1
        return {
            "tokens": self.subwords(texts, self.length),
            "terms": Ragged(terms, starts, lengths),
            "weights": Ragged(torch.from_numpy(table.data), starts, lengths),
        }

    def _texts(self, frame: pd.DataFrame) -> list[str]:
        return frame[self.column].fillna("").tolist()


def _union(words: dict[str, Any], ngrams: dict[str, Any]) -> FeatureUnion:
    """Combine words and n-grams, each with its own options of `TfidfVectorizer`."""
    return FeatureUnion(
        [
            ("words", _tfidf(analyzer="word", token_pattern=r"\w+", stop_words="english", **words)),
            ("ngrams", _tfidf(analyzer="char_wb", ngram_range=(2, 5), min_df=2, **ngrams)),
        ]
    )


def _tfidf(**options: object) -> TfidfVectorizer:
    return TfidfVectorizer(strip_accents="unicode", sublinear_tf=True, dtype=np.float32, **options)
