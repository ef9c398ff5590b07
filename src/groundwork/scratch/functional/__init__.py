"""What networks compute, without weights of their own.

Names, shapes, arguments and conventions are those of `torch.nn.functional`. A function composed of others needs no
gradient of its own; one that is an `operation` defines its vector-Jacobian product with its value.
"""

from groundwork.scratch.functional.activations import gelu, log_softmax, logsigmoid, relu, sigmoid, softmax, tanh
from groundwork.scratch.functional.attention import attention_weights, scaled_dot_product_attention
from groundwork.scratch.functional.convolution import conv2d, max_pool2d
from groundwork.scratch.functional.layers import batch_norm, dropout, embedding, layer_norm, linear
from groundwork.scratch.functional.losses import Reduction, binary_cross_entropy_with_logits, cross_entropy, mse_loss

__all__ = [
    "Reduction",
    "attention_weights",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "cross_entropy",
    "dropout",
    "embedding",
    "gelu",
    "layer_norm",
    "linear",
    "log_softmax",
    "logsigmoid",
    "max_pool2d",
    "mse_loss",
    "relu",
    "scaled_dot_product_attention",
    "sigmoid",
    "softmax",
    "tanh",
]
