"""A recurrent network that reads texts in both directions.

Long short-term memory: Hochreiter & Schmidhuber, https://doi.org/10.1162/neco.1997.9.8.1735; in both directions:
Schuster & Paliwal, https://doi.org/10.1109/78.650093.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from groundwork.models.text import PADDING, DeepPath, Texts, TokenEmbedding, WideAndDeep, build_beside, pooled
from groundwork.objectives.base import Objective


class RNN(DeepPath):
    """An LSTM from either end of a text, pooled over its tokens.

    Parameters
    ----------
    tokens
        Number of tokens; 0, beside them, is padding.
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
        # Either way padding comes after the text, where it changes nothing: the text is turned, not the padded row.
        # A packed sequence would do it too, at several times the cost on a CPU.
        places = torch.arange(tokens.shape[1], device=tokens.device)
        turned = (real.sum(1, keepdim=True) - 1 - places).clamp(min=0)[..., None]
        ahead, _ = self.forwards(embedded)
        back, _ = self.backwards(embedded.take_along_dim(turned, dim=1))
        return pooled(torch.cat([ahead, back.take_along_dim(turned, dim=1)], dim=2), real)


def build(settings: Mapping[str, Any], encoder: Texts, objective: Objective) -> WideAndDeep:
    """Make the network beside a linear path, for the texts that `encoder` gives."""
    return build_beside(partial(RNN, len(encoder.subwords)), settings, encoder, objective)
