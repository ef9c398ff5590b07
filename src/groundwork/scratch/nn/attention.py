"""Attention, and the block of a transformer's encoder (Vaswani et al., https://arxiv.org/abs/1706.03762)."""

import math
from typing import Literal

import numpy as np

from groundwork.scratch import functional as F
from groundwork.scratch.arrays import Array
from groundwork.scratch.nn import init
from groundwork.scratch.nn.layers import Dropout, LayerNorm, Linear
from groundwork.scratch.nn.module import Module, Parameter
from groundwork.scratch.tensor import Tensor


class MultiheadAttention(Module):
    """Several attentions in parallel, each on its share of the width.

    Parameters
    ----------
    embed_dim, num_heads
        Length of a token's vector; attentions, which share it.
    dropout
        Share of the attention weights dropped.
    bias
        Whether the projections have one.
    batch_first
        Whether sequences are ``[rows, tokens, width]`` instead of ``[tokens, rows, width]``.

    Raises
    ------
    ValueError
        If the heads do not share the width evenly.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, *, batch_first: bool = False
    ) -> None:
        if embed_dim % num_heads:
            raise ValueError(f"embed_dim {embed_dim} cannot be shared evenly by {num_heads} heads")
        self.num_heads, self.dropout, self.batch_first = num_heads, dropout, batch_first
        # The projections of queries, keys and values are stacked.
        self.in_proj_weight = Parameter(np.empty((3 * embed_dim, embed_dim), np.float32))
        self.in_proj_bias = Parameter(np.zeros(3 * embed_dim, np.float32)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias)
        init.xavier_uniform_(self.in_proj_weight)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | Array | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | Array | None = None,
        average_attn_weights: bool = True,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Parameters
        ----------
        query, key, value
            ``[tokens, rows, embed_dim]``, or with the rows first.
        key_padding_mask
            Boolean ``[rows, keys]``, True where a key is padding and not looked at.
        need_weights, average_attn_weights
            Whether to return the weights, and their mean over the heads.
        attn_mask
            Boolean ``[queries, keys]``, True where a query may *not* look, as PyTorch has it here.

        Returns
        -------
        Tensor, Tensor or None
            ``[tokens, rows, embed_dim]`` or with the rows first; ``[rows, queries, keys]``, with ``heads`` after the
            rows where there is no mean.

        Raises
        ------
        TypeError
            If a mask is not boolean.
        """
        batched = [query, key, value] if self.batch_first else [rows.transpose(0, 1) for rows in (query, key, value)]
        size = query.shape[-1]
        heads = []
        for place, rows in enumerate(batched):
            part = slice(place * size, (place + 1) * size)
            bias = None if self.in_proj_bias is None else self.in_proj_bias[part]
            projected = F.linear(rows, self.in_proj_weight[part], bias)
            heads.append(projected.reshape(*rows.shape[:2], self.num_heads, -1).transpose(1, 2))
        hidden = np.zeros((), bool)
        if attn_mask is not None:
            hidden = hidden | _boolean("attn_mask", attn_mask)
        if key_padding_mask is not None:
            padding = _boolean("key_padding_mask", key_padding_mask)
            if padding.shape != batched[1].shape[:2]:
                raise ValueError(f"key_padding_mask: expected shape {batched[1].shape[:2]}; found {padding.shape}")
            hidden = hidden | padding[:, None, None]
        weights = F.attention_weights(heads[0], heads[1], ~hidden if hidden.ndim else None)
        weights = F.dropout(weights, self.dropout, self.training)
        mixed = weights @ heads[2]
        output = self.out_proj(mixed.transpose(1, 2).flatten(2))
        output = output if self.batch_first else output.transpose(0, 1)
        if not need_weights:
            return output, None
        return output, weights.mean(1) if average_attn_weights else weights


class TransformerEncoderLayer(Module):
    """Self-attention, then two layers for each token alone; the results are added to their inputs.

    Parameters
    ----------
    d_model, nhead, dim_feedforward
        Length of a token's vector; attentions; units between the two layers.
    dropout
        Share dropped of attention weights, of these units and of what is added.
    activation
        ``relu`` or ``gelu``.
    norm_first
        Whether to normalize before each part, which learns more steadily (https://arxiv.org/abs/2002.04745), instead of
        after it.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Literal["relu", "gelu"] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
    ) -> None:
        self.norm_first = norm_first
        if activation not in ("relu", "gelu"):
            raise ValueError(f"activation: found {activation!r}; expected relu or gelu")
        self.activation = F.relu if activation == "relu" else F.gelu
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first)
        self.linear1, self.linear2 = Linear(d_model, dim_feedforward), Linear(dim_feedforward, d_model)
        self.norm1, self.norm2 = LayerNorm(d_model, layer_norm_eps), LayerNorm(d_model, layer_norm_eps)
        self.dropout, self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout), Dropout(dropout)

    def forward(
        self, src: Tensor, src_mask: Tensor | Array | None = None, src_key_padding_mask: Tensor | Array | None = None
    ) -> Tensor:
        """Map ``[tokens, rows, d_model]``, or with the rows first, to the same shape; masks as in attention."""

        def attend(tokens: Tensor) -> Tensor:
            attended, _ = self.self_attn(tokens, tokens, tokens, src_key_padding_mask, False, src_mask)
            return self.dropout1(attended)

        def feed(tokens: Tensor) -> Tensor:
            return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(tokens)))))

        if self.norm_first:
            src = src + attend(self.norm1(src))
            return src + feed(self.norm2(src))
        src = self.norm1(src + attend(src))
        return self.norm2(src + feed(src))


class PositionalEncoding(Module):
    """Adds waves of many lengths to the tokens, so that attention, which ignores order, can use their positions.

    Parameters
    ----------
    d_model
        Length of a token's vector: sines at the even places, cosines at the odd ones.
    max_len
        The longest sequence.
    batch_first
        Whether sequences are ``[rows, tokens, d_model]`` instead of ``[tokens, rows, d_model]``.
    """

    def __init__(self, d_model: int, max_len: int = 5000, *, batch_first: bool = False) -> None:
        self.batch_first = batch_first
        angles = np.arange(max_len)[:, None] * np.exp(-math.log(10_000) / d_model * np.arange(0, d_model, 2))
        waves = np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(max_len, -1)
        self.pe: Array = waves[:, :d_model].astype(np.float32)

    def forward(self, input: Tensor) -> Tensor:
        """Map ``[tokens, rows, d_model]``, or with the rows first, to the same shape."""
        tokens = input.shape[int(self.batch_first)]
        if tokens > len(self.pe):
            raise ValueError(f"expected {len(self.pe)} tokens at most; found {tokens}: raise max_len")
        waves = self.pe[:tokens]
        return input + (waves if self.batch_first else waves[:, None])


def _boolean(name: str, mask: Tensor | Array) -> Array:
    values = Tensor(mask).data
    if values.dtype != bool:
        raise TypeError(f"{name}: found {values.dtype}; expected booleans, True where a position is masked")
    return values
