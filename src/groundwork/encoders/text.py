"""Prose as tensors: each text's sub-words in their order, and its words and character n-grams by TF-IDF."""

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
    """Texts as sequences of sub-words, and as bags of terms; a missing text is an empty one.

    Parameters
    ----------
    column
        Which column holds the texts.
    subwords
        The most sub-words to learn, see `Subwords`.
    length
        The longest sequence; a longer text keeps its head and its tail.
    words, ngrams
        How many terms to keep, the most frequent: words without English stop words; n-grams of 2 to 5 characters
        within words, which know a word that is misspelt on purpose.

    Attributes
    ----------
    terms
        How many terms there are.
    """

    def __init__(self, column: str, subwords: int, length: int, words: int, ngrams: int) -> None:
        self.column, self.length = column, length
        self.subwords = Subwords(subwords)
        self.tfidf = _union({"max_features": words}, {"max_features": ngrams})

    @classmethod
    def of(cls, encoding: TextEncoding, competition: Labelled, prepared: object, bins: int) -> Self:
        """Make the encoder of a competition's column of prose."""
        if competition.inputs.text is None:
            raise ValueError("inputs.text: found None; expected a column")
        return cls(competition.inputs.text, encoding.subwords, encoding.length, encoding.words, encoding.ngrams)

    def fit_transform(self, frame: pd.DataFrame, target: Numbers) -> Encoded:
        """Fit on training rows and encode them; `target` is not looked at."""
        texts = self._texts(frame)
        self.subwords.fit(texts)
        try:
            table = self.tfidf.fit_transform(texts)
        except ValueError as error:
            raise UserError(
                f"column {self.column!r}: {len(texts)} training rows hold no words to learn from: {error}",
                "mend `features` in the competition's file, or the data",
            ) from None
        self.terms = len(self.tfidf.get_feature_names_out())
        return self._encoded(texts, table)

    def transform(self, frame: pd.DataFrame) -> Encoded:
        """Encode rows.

        Returns
        -------
        dict
            ``tokens``: sequences of sub-words, int64 from 1; ``terms``: each text's terms, int32 from 1, and
            ``weights``: their TF-IDF, float32, of the same lengths.
        """
        texts = self._texts(frame)
        return self._encoded(texts, self.tfidf.transform(texts))

    def state(self) -> State:
        """Return all that `transform` needs, as data."""
        parts = dict(self.tfidf.transformer_list)
        return {
            "column": self.column,
            "length": self.length,
            "subwords": self.subwords.state(),
            **{name: {"terms": list(part.get_feature_names_out()), "idf": part.idf_} for name, part in parts.items()},
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild an encoder from `state`; raise ValueError or KeyError where that is not one."""
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
    """Count words and n-grams side by side, each with further options of `TfidfVectorizer`."""
    return FeatureUnion(
        [
            ("words", _tfidf(analyzer="word", token_pattern=r"\w+", stop_words="english", **words)),
            ("ngrams", _tfidf(analyzer="char_wb", ngram_range=(2, 5), min_df=2, **ngrams)),
        ]
    )


def _tfidf(**options: object) -> TfidfVectorizer:
    return TfidfVectorizer(strip_accents="unicode", sublinear_tf=True, dtype=np.float32, **options)
