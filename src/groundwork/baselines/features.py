"""Features of the linear baselines: a table's numbers and codes, pixels, or TF-IDF."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import OneHotEncoder

from groundwork.baselines import Array
from groundwork.baselines.linear import Matrix
from groundwork.competitions import Labelled
from groundwork.objectives import KINDS
from groundwork.sections.encodings import TableEncoding

PIXEL = 255
# Only the most frequent n-grams of characters are kept; the others are many and carry little information.
CHARACTERS = {"analyzer": "char_wb", "ngram_range": (2, 5), "max_features": 50_000}
WORDS = {"token_pattern": r"\w+"}


@dataclass(frozen=True)
class Table:
    """The numbers and the one-hot encoded codes that the lane's network reads."""

    competition: Labelled
    encoding: TableEncoding

    def __call__(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> tuple[Matrix, Matrix]:
        """Fit on `train` and encode both: ``[rows, numbers + codes]``."""
        from groundwork.encoders.table import TableEncoder

        settings = self.encoding
        encoder = TableEncoder(
            self.competition.inputs, settings.clip, settings.min_category_count, settings.group_smoothing, bins=1
        )
        # The objective gives the targets that group keys may average; it is fitted on these rows only.
        objective = KINDS[self.competition.kind].fit(self.competition.task, train, train, {})
        encoded = [encoder.fit_transform(train, objective.signals(train)), encoder.transform(valid)]
        numbers, codes = ([np.asarray(tensors[name]) for tensors in encoded] for name in ("numeric", "categorical"))
        if not codes[0].shape[1]:
            return numbers[0], numbers[1]
        # Sparse, because a table may have thousands of codes.
        one_hot = OneHotEncoder(handle_unknown="ignore").fit(codes[0])
        train_features, valid_features = (
            sparse.hstack([sparse.csr_array(dense), one_hot.transform(labels)], format="csr")
            for dense, labels in zip(numbers, codes, strict=True)
        )
        return train_features, valid_features


@dataclass(frozen=True)
class Pixels:
    """A picture's pixels, scaled to values between 0 and 1."""

    competition: Labelled

    def __call__(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> tuple[Matrix, Matrix]:
        """Scale both: float32 ``[rows, pixels]``."""
        names = self.competition.pixels
        train_pixels, valid_pixels = (frame[names].to_numpy(dtype=np.float32) / PIXEL for frame in (train, valid))
        return train_pixels, valid_pixels


@dataclass(frozen=True)
class TfIdf:
    """TF-IDF of a text's words and, if `characters` is set, of n-grams of characters."""

    column: str
    characters: bool

    def __call__(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> tuple[Matrix, Matrix]:
        """Fit on `train` and weight both: sparse, ``[rows, words]``."""
        kinds = {"words": WORDS} | ({"characters": CHARACTERS} if self.characters else {})
        common = {"sublinear_tf": True, "strip_accents": "unicode"}
        vectors = FeatureUnion([(name, TfidfVectorizer(**common, **kind)) for name, kind in kinds.items()])
        return vectors.fit_transform(train[self.column].fillna("")), vectors.transform(valid[self.column].fillna(""))
