"""A transformer that reads texts: Vaswani et al., https://arxiv.org/abs/1706.03762.

Its encoder blocks normalize before attention: Xiong et al., https://arxiv.org/abs/2002.04745.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from groundwork.models.text import PADDING, DeepPath, Texts, TokenEmbedding, WideAndDeep, build_wide_and_deep, pooled
from groundwork.objectives.base import Objective


class Block(nn.Module):
    """Self-attention, then a feed-forward layer for each token, both with residual connections.

    Parameters
    ----------
    width
        Length of a token's vector.
    heads
        Number of attention heads; they share the width.
    dropout
        Share of each residual that is dropped.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        self.attention_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values, self.attended = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, hidden: Tensor, seen: Tensor) -> Tensor:
        """Map ``[rows, length, width]`` to the same shape; only tokens `seen` ``[rows, length]`` are attended to."""
        three = self.queries_keys_values(self.attention_norm(hidden)).unflatten(2, (3, self.heads, -1))
        query, key, value = three.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=seen[:, None, None])
        hidden = hidden + self.dropout(self.attended(attended.transpose(1, 2).flatten(2)))
        return hidden + self.dropout(self.feed(self.feed_norm(hidden)))


class Transformer(DeepPath):
    """Embedded tokens with learned positions, encoder blocks, and pooling over the tokens.

    Parameters
    ----------
    tokens
        Number of tokens, without token 0 for padding.
    length
        The longest text.
    heads, head_width
        Number of attention heads and the width of each; a token's vector has ``heads * head_width`` numbers.
    depth
        Number of blocks.
    block_dropout
        See `Block`.
    token_dropout, channel_dropout
        See `TokenEmbedding`.
    """

    def __init__(
        self,
        tokens: int,
        length: int,
        heads: int = 4,
        head_width: int = 16,
        depth: int = 1,
        block_dropout: float = 0.1,
        token_dropout: float = 0.1,
        channel_dropout: float = 0.3,
    ) -> None:
        super().__init__()
        width = heads * head_width
        self.embedding = TokenEmbedding(tokens, width, token_dropout, channel_dropout)
        self.places = nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, block_dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.size = 2 * width

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens ``[rows, length]`` to ``[rows, size]``."""
        real = tokens != PADDING
        # An empty text attends to its first padding, because attention to nothing gives nan.
        seen = real.index_fill(1, torch.zeros(1, dtype=torch.int64, device=tokens.device), True)
        hidden = self.embedding(tokens) + self.places[: tokens.shape[1]]
        for block in self.blocks:
            hidden = block(hidden, seen)
        return pooled(self.norm(hidden), real)


def build(settings: Mapping[str, Any], encoder: Texts, objective: Objective) -> WideAndDeep:
    """Make the network, with a linear path, for the texts that `encoder` gives."""
    deep = partial(Transformer, len(encoder.subwords), encoder.length)
    return build_wide_and_deep(deep, settings, encoder, objective)
