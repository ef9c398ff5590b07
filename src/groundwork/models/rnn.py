"""A recurrent network that reads texts in both directions.

Long short-term memory: Hochreiter & Schmidhuber, https://doi.org/10.1162/neco.1997.9.8.1735; in both directions:
Schuster & Paliwal, https://doi.org/10.1109/78.650093.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from groundwork.models.text import PADDING, DeepPath, Texts, TokenEmbedding, WideAndDeep, build_wide_and_deep, pooled
from groundwork.objectives.base import Objective


class RNN(DeepPath):
    """Two LSTMs that read a text forwards and backwards, pooled over its tokens.

    Parameters
    ----------
    tokens
        Number of tokens, without token 0 for padding.
    embedding, width
        Length of an embedding; units of each direction.
    token_dropout, channel_dropout
        See `TokenEmbedding`.
    """

    def __init__(
        self,
        tokens: int,
        embedding: int = 64,
        width: int = 32,
        token_dropout: float = 0.1,
        channel_dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.embedding = TokenEmbedding(tokens, embedding, token_dropout, channel_dropout)
        self.forwards = nn.LSTM(embedding, width, batch_first=True)
        self.backwards = nn.LSTM(embedding, width, batch_first=True)
        self.size = 4 * width

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens ``[rows, length]`` to ``[rows, size]``."""
        real, embedded = tokens != PADDING, self.embedding(tokens)
        # The text is reversed without its padding, so that padding comes last in both directions and changes nothing.
        # A packed sequence would have the same effect, at several times the cost on a CPU.
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        reversed_positions = (real.sum(1, keepdim=True) - 1 - positions).clamp(min=0)[..., None]
        forwards, _ = self.forwards(embedded)
        backwards, _ = self.backwards(embedded.take_along_dim(reversed_positions, dim=1))
        return pooled(torch.cat([forwards, backwards.take_along_dim(reversed_positions, dim=1)], dim=2), real)


def build(settings: Mapping[str, Any], encoder: Texts, objective: Objective) -> WideAndDeep:
    """Make the network, with a linear path, for the texts that `encoder` gives."""
    return build_wide_and_deep(partial(RNN, len(encoder.subwords)), settings, encoder, objective)
