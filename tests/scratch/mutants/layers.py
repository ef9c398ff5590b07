"""Bugs of layers, from the linear one to attention."""

from tests.scratch import test_attention, test_functional
from tests.scratch.mutants.mutant import Mutant

from groundwork.scratch import functional as F
from groundwork.scratch import nn
from groundwork.scratch.functional import layers

LAYERS = [
    Mutant(
        "a square weight is transposed",
        F.linear,
        "weight.transpose(0, 1)",
        "(weight if weight.shape[0] == weight.shape[1] else weight.transpose(0, 1))",
        "nn.MultiheadAttention",
    ),
    Mutant("padding learns", F.embedding, "if padding_idx is not None:", "if False:", "nn.Embedding"),
    Mutant(
        "a word that comes twice learns from one place",
        F.embedding,
        "np.add.reduceat(dy.reshape(-1, weight.shape[1])[order], starts)",
        "dy.reshape(-1, weight.shape[1])[order][starts]",
        "nn.Embedding",
    ),
    Mutant("dropout does not rescale what it keeps", F.dropout, "input * (1 / (1 - p))", "input", "functional.dropout"),
    Mutant(
        "dropout keeps the share that it should drop",
        F.dropout,
        ">= p",
        "< p",
        test_functional.test_dropout_drops_its_share_and_keeps_the_mean,
    ),
    Mutant("dropout drops when learning is over", F.dropout, "if not training or p == 0:", "if p == 0:", "nn.Dropout"),
    Mutant(
        "LayerNorm divides by the unbiased deviation",
        F.layer_norm,
        "tuple(range(-len(normalized_shape), 0)), eps)",
        "tuple(range(-len(normalized_shape), 0)), eps) * (1 - 1 / np.prod(normalized_shape)) ** 0.5",
        "nn.LayerNorm",
    ),
    Mutant(
        "eps is added to the deviation",
        layers._standardize,
        "np.sqrt((centred * centred).mean(dims, keepdims=True) + eps)",
        "(np.sqrt((centred * centred).mean(dims, keepdims=True)) + eps)",
        "nn.LayerNorm",
    ),
    Mutant("LayerNorm's gradient leaves the variance out", layers._standardize, " - along", "", "nn.LayerNorm"),
    Mutant(
        "LayerNorm normalizes the last dimension only",
        F.layer_norm,
        "tuple(range(-len(normalized_shape), 0))",
        "(-1,)",
        "nn.LayerNorm",
    ),
    Mutant("BatchNorm's running variance is biased", F.batch_norm, " * (count / (count - 1))", "", "nn.BatchNorm1d"),
    Mutant(
        "BatchNorm's momentum is what it keeps",
        F.batch_norm,
        "momentum * (input.data.mean(dims) - running_mean)",
        "(1 - momentum) * (input.data.mean(dims) - running_mean)",
        "nn.BatchNorm2d",
    ),
    Mutant(
        "BatchNorm goes by the batch when learning is over",
        F.batch_norm,
        "if training or running_mean is None",
        "if True or running_mean is None",
        "nn.BatchNorm2d",
    ),
    Mutant(
        "BatchNorm learns by its running statistics",
        F.batch_norm,
        "if training or running_mean is None",
        "if running_mean is None",
        "nn.BatchNorm1d",
    ),
]
ATTENTION = [
    Mutant(
        "attention is not scaled",
        F.attention_weights,
        "1 / math.sqrt(query.shape[-1])",
        "1",
        "functional.scaled_dot_product_attention",
    ),
    Mutant(
        "attention is masked after the softmax",
        F.attention_weights,
        "where(sees, softmax(where(allowed | ~sees, scores, -np.inf), -1), 0.0)",
        "where(allowed, softmax(scores, -1), 0.0)",
        "nn.MultiheadAttention",
    ),
    Mutant(
        "a query that sees nothing sees everything",
        F.attention_weights,
        "where(sees, softmax(where(allowed | ~sees, scores, -np.inf), -1), 0.0)",
        "softmax(where(allowed | ~sees, scores, -np.inf), -1)",
        test_attention.test_a_query_that_sees_nothing_gets_zeros_and_moves_nothing,
    ),
    Mutant(
        "a causal query sees one token ahead",
        F.attention_weights,
        "np.tri(query.shape[-2], key.shape[-2], dtype=bool)",
        "np.tri(query.shape[-2], key.shape[-2], 1, dtype=bool)",
        "functional.scaled_dot_product_attention",
    ),
    Mutant(
        "heads are cut out of the tokens",
        nn.MultiheadAttention.forward,
        "projected.reshape(*rows.shape[:2], self.num_heads, -1).transpose(1, 2)",
        "projected.reshape(one.shape[0], self.num_heads, one.shape[1], -1)",
        "nn.MultiheadAttention",
    ),
    Mutant(
        "heads are joined in the order of memory",
        nn.MultiheadAttention.forward,
        "mixed.transpose(1, 2).flatten(2)",
        "mixed.reshape(mixed.shape[0], mixed.shape[2], -1)",
        "nn.MultiheadAttention",
    ),
    Mutant(
        "a mask shows what it should hide",
        nn.MultiheadAttention.forward,
        "~hidden if",
        "hidden if",
        "nn.MultiheadAttention",
    ),
    Mutant(
        "rows never come first, though they are said to",
        nn.MultiheadAttention.__init__,
        "num_heads, dropout, batch_first\n",
        "num_heads, dropout, False\n",
        "nn.TransformerEncoderLayer",
    ),
    Mutant(
        "what is added to is normalized, too",
        nn.TransformerEncoderLayer.forward,
        "src = src + attend(self.norm1(src))",
        "src = self.norm1(src)\n        src = src + attend(src)",
        "nn.TransformerEncoderLayer",
    ),
    Mutant(
        "both normalizations are one",
        nn.TransformerEncoderLayer.forward,
        "self.norm2(src + feed(src))",
        "self.norm1(src + feed(src))",
        "nn.TransformerEncoderLayer",
    ),
    Mutant(
        "sines stand beside cosines, not between them",
        nn.PositionalEncoding.__init__,
        "np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(max_len, -1)",
        "np.concatenate([np.sin(angles), np.cos(angles)], axis=1)",
        "nn.PositionalEncoding",
    ),
    Mutant(
        "no attention is dropped",
        nn.MultiheadAttention.forward,
        "F.dropout(weights, self.dropout, self.training)",
        "weights",
        "nn.MultiheadAttention",
    ),
    Mutant(
        "attention is dropped when learning is over",
        nn.MultiheadAttention.forward,
        "self.dropout, self.training",
        "self.dropout, True",
        "nn.MultiheadAttention",
    ),
    Mutant(
        "what attention adds is never dropped",
        nn.TransformerEncoderLayer.forward,
        "self.dropout1(attended)",
        "attended",
        "nn.TransformerEncoderLayer",
    ),
    Mutant(
        "units are never dropped",
        nn.TransformerEncoderLayer.forward,
        "self.dropout(self.activation",
        "(self.activation",
        "nn.TransformerEncoderLayer",
    ),
    Mutant(
        "what the units add is never dropped",
        nn.TransformerEncoderLayer.forward,
        "self.dropout2(self",
        "(self",
        "nn.TransformerEncoderLayer",
    ),
    Mutant(
        "an encoder layer has an eps of its own",
        nn.TransformerEncoderLayer.__init__,
        "LayerNorm(d_model, layer_norm_eps), LayerNorm(d_model, layer_norm_eps)",
        "LayerNorm(d_model), LayerNorm(d_model)",
        "nn.TransformerEncoderLayer",
    ),
]
MUTANTS = [*LAYERS, *ATTENTION]
