"""Attention: a weighted mean whose weights are computed from the inputs."""

import math

import numpy as np

from groundwork.scratch.arrays import Array
from groundwork.scratch.combine import where
from groundwork.scratch.functional.activations import softmax
from groundwork.scratch.functional.layers import dropout
from groundwork.scratch.tensor import Tensor


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | Array | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(Q Kᵀ / √d) V: the mean of the values, weighted by how well their keys match the query.

    Parameters
    ----------
    query, key, value
        ``[..., queries, width]``, ``[..., keys, width]``, ``[..., keys, width of a value]``.
    attn_mask
        Boolean, True where a query may look, or numbers added to the scores; broadcasts to ``[..., queries, keys]``. A
        query that may look nowhere gets zeros.
    is_causal
        No query looks at a later key.

    References
    ----------
    Vaswani et al., https://arxiv.org/abs/1706.03762
    """
    weights = attention_weights(query, key, attn_mask, is_causal, scale)
    return dropout(weights, dropout_p, training=dropout_p > 0) @ value


def attention_weights(
    query: Tensor,
    key: Tensor,
    attn_mask: Tensor | Array | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Weigh each key for each query, ``[..., queries, keys]``; see `scaled_dot_product_attention`."""
    if is_causal and attn_mask is not None:
        raise ValueError("attn_mask and is_causal: found both; expected one of them")
    # Variances add up over the width: without the root, softmax saturates and hardly learns.
    scores = query @ key.transpose(-1, -2) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    mask = np.tri(query.shape[-2], key.shape[-2], dtype=bool) if is_causal else attn_mask
    if mask is None:
        return softmax(scores, -1)
    if not isinstance(mask, Tensor):
        mask = Tensor(mask if mask.dtype.kind != "f" else mask.astype(scores.dtype))
    allowed = mask.data
    if mask.dtype.kind not in "bf":
        raise TypeError(f"attn_mask: found {mask.dtype}; expected booleans, or floating-point numbers to add")
    if mask.dtype != bool:
        allowed = ~np.isneginf(mask.data)
        scores = scores + where(allowed, mask, 0.0)
    # e^-∞ is 0, but a row of them alone would be 0/0: a query without keys gets zeros afterwards.
    sees = allowed.any(-1, keepdims=True)
    return where(sees, softmax(where(allowed | ~sees, scores, -np.inf), -1), 0.0)
