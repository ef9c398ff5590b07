"""Latent semantic analysis: sub-words that occur in the same texts get similar vectors."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from groundwork.encoders.language.subwords import Subwords
from groundwork.encoders.ragged import Ragged
from groundwork.state import State, array

LONGEST = 1024  # sub-words of a text


class LatentSemantics:
    """Vectors of sub-words and of texts, fitted on a catalogue without labels.

    The vector of a text is the mean of its sub-words' vectors, weighted by rarity: Deerwester et al., "Indexing by
    Latent Semantic Analysis",
    https://doi.org/10.1002/(SICI)1097-4571(199009)41:6<391::AID-ASI1>3.0.CO;2-9; Arora et al., "A Simple but
    Tough-to-Beat Baseline for Sentence Embeddings", https://openreview.net/forum?id=SyK00v5xx.

    Parameters
    ----------
    subwords
        Fitted; splits the texts.
    width
        Length of a vector.
    """

    def __init__(self, subwords: Subwords, width: int) -> None:
        self.subwords, self.width = subwords, width

    def fit(self, texts: Sequence[str]) -> Self:
        """Decompose the matrix of texts and sub-words.

        Sets ``vectors``, of unit length or zero, float32 ``[sub-words + 1, width]``, and ``rarity``, their inverse
        document frequencies, float32 ``[sub-words + 1]``; row 0 is padding.
        """
        marks = self._marks(texts)
        frequency = np.bincount(marks.indices, minlength=marks.shape[1])
        self.rarity = np.log1p((len(texts) - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
        marks.data = self.rarity[marks.indices]
        length = np.sqrt(np.asarray(marks.multiply(marks).sum(1)).ravel())
        scaled = sparse.diags_array(1 / np.maximum(length, 1e-6)) @ marks
        rank = min(self.width, *scaled.shape)
        _, strengths, directions = randomized_svd(scaled.astype(np.float32), rank, n_iter=3, random_state=0)
        self.vectors = np.zeros((marks.shape[1], self.width), dtype=np.float32)
        # A sub-word in no text would otherwise get a direction from rounding errors.
        self.vectors[:, :rank] = _unit(directions.T * strengths) * (frequency > 0)[:, None]
        return self

    def state(self) -> State:
        """Return the fitted values, as data, without the sub-words."""
        return {"vectors": self.vectors, "rarity": self.rarity}

    @classmethod
    def from_state(cls, state: State, subwords: Subwords) -> Self:
        """Rebuild from `state` and the sub-words that split the texts."""
        vectors = array(state, "vectors", np.float32, 2)
        latent = cls(subwords, vectors.shape[1])
        latent.vectors, latent.rarity = vectors, array(state, "rarity", np.float32)
        if not len(vectors) == len(latent.rarity) == len(subwords) + 1:
            raise ValueError("vectors and sub-words differ in number")
        return latent

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, of unit length or zero, float32 ``[texts, width]``."""
        return _unit(self._marks(texts) @ (self.vectors * self.rarity[:, None]))

    def _marks(self, texts: Sequence[str]) -> sparse.csr_array:
        sequences: Ragged = self.subwords(texts, LONGEST)
        ends = np.concatenate([sequences.starts.numpy(), [len(sequences.values)]])
        size = (len(texts), len(self.subwords) + 1)
        marks = sparse.csr_array(
            (np.ones(len(sequences.values), dtype=np.float32), sequences.values.numpy(), ends), shape=size
        )
        marks.sum_duplicates()
        marks.data[:] = 1
        return marks


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
