"""What the linear baselines see of a row: a table's numbers and codes, pixels, or weighted words."""

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
# The most frequent n-grams of characters are kept: the rest are many, and say little.
CHARACTERS = {"analyzer": "char_wb", "ngram_range": (2, 5), "max_features": 50_000}
WORDS = {"token_pattern": r"\w+"}


@dataclass(frozen=True)
class Table:
    """The numbers and, one-hot, the codes that the lane's network is fed with."""

    competition: Labelled
    encoding: TableEncoding

    def __call__(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> tuple[Matrix, Matrix]:
        """Fit on `train` and encode both: ``[rows, numbers + codes]``."""
        from groundwork.encoders.table import TableEncoder

        settings = self.encoding
        encoder = TableEncoder(
            self.competition.inputs, settings.clip, settings.min_category_count, settings.group_smoothing, bins=1
        )
        # What group keys may average, as a network's objective says; of these rows' labels alone.
        objective = KINDS[self.competition.kind].fit(self.competition.task, train, train, {})
        encoded = [encoder.fit_transform(train, objective.signals(train)), encoder.transform(valid)]
        numbers, codes = ([np.asarray(one[name]) for one in encoded] for name in ("numeric", "categorical"))
        if not codes[0].shape[1]:
            return numbers[0], numbers[1]
        # Sparse: a table may have codes by the thousand.
        one_hot = OneHotEncoder(handle_unknown="ignore").fit(codes[0])
        seen, asked = (
            sparse.hstack([sparse.csr_array(known), one_hot.transform(labels)], format="csr")
            for known, labels in zip(numbers, codes, strict=True)
        )
        return seen, asked


@dataclass(frozen=True)
class Pixels:
    """A picture's pixels between 0 and 1."""

    competition: Labelled

    def __call__(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> tuple[Matrix, Matrix]:
        """Scale both: float32 ``[rows, pixels]``."""
        names = self.competition.pixels
        seen, asked = (frame[names].to_numpy(dtype=np.float32) / PIXEL for frame in (train, valid))
        return seen, asked


@dataclass(frozen=True)
class TfIdf:
    """A text's words, and n-grams of characters if wanted, weighted by how rare they are."""

    column: str
    characters: bool

    def __call__(self, train: pd.DataFrame, target: Array, valid: pd.DataFrame) -> tuple[Matrix, Matrix]:
        """Fit on `train` and weight both: sparse, ``[rows, words]``."""
        kinds = {"words": WORDS} | ({"characters": CHARACTERS} if self.characters else {})
        common = {"sublinear_tf": True, "strip_accents": "unicode"}
        vectors = FeatureUnion([(name, TfidfVectorizer(**common, **kind)) for name, kind in kinds.items()])
        return vectors.fit_transform(train[self.column].fillna("")), vectors.transform(valid[self.column].fillna(""))
