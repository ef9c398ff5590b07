"""Cases of `groundwork.scratch.nn`."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import torch
from tests.scratch.case import Case, apart, module, normal, said
from tests.scratch.functions import ANSWERS, CLASSES, CONVOLUTIONS, PLACES, POOLS, POS_WEIGHT, REDUCTIONS, SEES

TOKENS = np.array([[1, 5, 3, 5], [2, 2, 0, 0]])
PADDING = np.array([[0, 0, 0, 0, 0], [0, 0, 0, 1, 1]], bool)
CAUSAL = np.triu(np.ones((5, 5), bool), 1)
ATTENTION: dict[str, dict[str, Any]] = {
    "plain": {},
    "mask": {"attn_mask": ~SEES},
    "padding": {"key_padding_mask": PADDING},
    "both masks": {"attn_mask": ~SEES, "key_padding_mask": PADDING & [0, 0, 0, 0, 1] > 0},
    "weights of each head": {"average_attn_weights": False},
    "no weights": {"need_weights": False},
}
ENCODER: dict[str, dict[str, Any]] = {
    "plain": {},
    "causal": {"src_mask": CAUSAL},
    "padding": {"src_key_padding_mask": PADDING},
    "causal, padding": {"src_mask": CAUSAL, "src_key_padding_mask": PADDING},
}
BOTH = (False, True)


def cases() -> Iterator[Case]:
    """Give all of them."""
    for name in ("ReLU", "GELU", "Sigmoid", "Tanh", "Flatten"):
        yield module(name, "matrix", (apart(3, 4),))
        yield module(name, "three dimensions", (apart(2, 3, 2),))
    yield module("GELU", "by tanh", (normal(3, 4),), approximate="tanh")
    for dim in (0, -1):
        yield module("Softmax", said(dim=dim), (normal(2, 3, 4),), dim=dim)
    for shape in ((3,), (4, 3), (2, 4, 3), (1, 3)):
        yield module("Linear", f"{shape}", (normal(*shape),), 3, 2)
    yield module("Linear", "no bias", (normal(4, 3),), 3, 2, bias=False)
    yield module("Linear", "one number", (normal(4, 1),), 1, 1)
    yield module("Embedding", "repeats", (TOKENS,), 6, 3)
    yield module("Embedding", "one row", (TOKENS[0],), 6, 1)
    padded = module("Embedding", "padding", (TOKENS,), 6, 3, padding_idx=0)
    yield Case(padded.block, padded.variant, padded.make, padded.inputs, has_slope=False)
    yield from normalization()
    yield module("Dropout", "nothing", (normal(2, 3),), 0.0)
    yield Case("nn.Dropout", "not learning", lambda lib: lib.nn.Dropout(0.5).eval(), (normal(2, 3),))
    for (shape, stride, padding), bias in product(CONVOLUTIONS, BOTH):
        out, colours, *size = shape
        options: dict[str, Any] = {"kernel_size": tuple(size), "stride": stride, "padding": padding, "bias": bias}
        yield module("Conv2d", said(**options), (normal(2, colours, 5, 6),), colours, out, **options)
    for size, stride, padding in POOLS:
        options = {"kernel_size": size, "stride": stride, "padding": padding}
        yield module("MaxPool2d", said(**options), (apart(2, 2, 5, 6),), **options)
    yield from recurrence()
    yield from attention()
    yield from dropouts()
    for width in (1, 5, 6):
        yield Case("nn.PositionalEncoding", said(d_model=width), positions(width), (normal(2, 7, width),), theirs=waves)
    yield from losses()


def normalization() -> Iterator[Case]:
    """By the row, by the batch and, not learning, by random running statistics."""
    yield module("LayerNorm", "one dimension", (normal(2, 3, 4),), 4)
    yield module("LayerNorm", "two dimensions", (normal(2, 3, 4),), (3, 4))
    yield module("LayerNorm", "eps", (normal(2, 3),), 3, eps=0.1)
    settings: tuple[dict[str, Any], ...] = ({}, {"eps": 0.1, "momentum": 0.5})
    for name, shapes in {"BatchNorm1d": [(5, 3), (2, 3, 4)], "BatchNorm2d": [(2, 3, 2, 2), (1, 3, 1, 2)]}.items():
        for shape, options in product(shapes, settings):
            one = module(name, f"learning {said(shape=shape, **options)}", (normal(*shape),), 3, **options)
            yield one
            yield Case(one.block, f"not {one.variant}", lambda lib, make=one.make: make(lib).eval(), one.inputs)


def recurrence() -> Iterator[Case]:
    """Every kind, with and without biases, further layers and a first state, times or rows first."""
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("RNN", {}),
        ("RNN", {"nonlinearity": "relu"}),
        ("LSTM", {}),
        ("GRU", {}),
    ]
    for (name, kind), layers, batch_first, bias in product(kinds, (1, 2), BOTH, BOTH):
        rows = normal(2, 3, 3) if batch_first else normal(3, 2, 3)
        options = {**kind, "num_layers": layers, "batch_first": batch_first, "bias": bias}
        yield module(name, said(**options), (rows,), 3, 2, **options)
        state = (normal(layers, 2, 2), normal(layers, 2, 2)) if name == "LSTM" else normal(layers, 2, 2)
        yield module(name, f"{said(**options)}, first state", (rows, state), 3, 2, **options)
    for name, kind in kinds:
        yield module(name, f"one time {said(**kind)}", (normal(1, 1, 3),), 3, 2, **kind)


def attention() -> Iterator[Case]:
    """Four numbers and two heads, under all masks."""

    def masked(name: str, variant: str, inputs: tuple[Any, ...], arguments: dict[str, Any], **options: Any) -> Case:
        one = module(name, f"{variant}, {said(**options)}", inputs, 4, 2, **options)
        return Case(one.block, one.variant, one.make, inputs, arguments)

    for (variant, arguments), batch_first, bias in product(ATTENTION.items(), BOTH, BOTH):
        rows = normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 4)
        inputs = rows if batch_first else tuple(one.swapaxes(0, 1) for one in rows)
        yield masked("MultiheadAttention", variant, inputs, arguments, batch_first=batch_first, bias=bias)
    for (variant, arguments), norm_first, activation, batch_first in product(
        ENCODER.items(), BOTH, ("relu", "gelu"), BOTH
    ):
        options = {"norm_first": norm_first, "activation": activation, "batch_first": batch_first}
        inputs = (normal(2, 5, 4) if batch_first else normal(5, 2, 4),)
        size: dict[str, Any] = {"dim_feedforward": 6, "dropout": 0.0}
        yield masked("TransformerEncoderLayer", variant, inputs, arguments, **options, **size)


def positions(width: int) -> Any:
    """Make ours a function: torch has no such module."""

    def make(lib: Any) -> Any:
        encoding = lib.nn.PositionalEncoding(width, max_len=8, batch_first=True).double()
        return encoding.forward

    return make


def waves(x: torch.Tensor) -> torch.Tensor:
    """Add the positions of Vaswani et al., https://arxiv.org/abs/1706.03762, rounded to float32 as ours are kept."""
    tokens, width = x.shape[1:]
    angles = torch.arange(tokens)[:, None] / 10_000 ** (torch.arange(0, width, 2, dtype=x.dtype) / width)
    places = torch.empty(tokens, width, dtype=x.dtype)
    places[:, 0::2], places[:, 1::2] = angles.sin(), angles.cos()[:, : width // 2]
    return x + places.float()


def losses() -> Iterator[Case]:
    """All reductions."""

    def weighted(reduction: str) -> Any:
        return lambda lib: lib.nn.BCEWithLogitsLoss(reduction=reduction, pos_weight=lib.array(POS_WEIGHT))

    for reduction in REDUCTIONS:
        yield module("MSELoss", reduction, (normal(3, 2), normal(3, 2)), reduction=reduction)
        yield module("BCEWithLogitsLoss", reduction, (normal(2, 3), ANSWERS), reduction=reduction)
        yield Case("nn.BCEWithLogitsLoss", f"{reduction}, pos_weight", weighted(reduction), (normal(2, 3), ANSWERS))
        for smoothing in (0.0, 0.1):
            options = {"reduction": reduction, "label_smoothing": smoothing}
            yield module("CrossEntropyLoss", said(**options), (normal(4, 3), CLASSES), **options)
            yield module("CrossEntropyLoss", f"{said(**options)}, places", (normal(3, 3, 2), PLACES), **options)
            options["ignore_index"] = 2
            yield module("CrossEntropyLoss", said(**options), (normal(4, 3), CLASSES), **options)


def dropouts() -> Iterator[Case]:
    """Dropout within modules, without chance: of everything, or of nothing where learning is over."""

    def later(one: Case) -> Case:
        return Case(one.block, f"{one.variant}, not learning", lambda lib: one.make(lib).eval(), one.inputs)

    for name in ("RNN", "LSTM", "GRU"):
        yield (one := module(name, "dropout of everything", (normal(3, 2, 3),), 3, 2, num_layers=2, dropout=1.0))
        yield later(one)
    tokens = normal(5, 2, 4)
    yield (one := module("MultiheadAttention", "dropout of everything", (tokens,) * 3, 4, 2, dropout=1.0))
    yield later(one)
    for part in ("self_attn", "dropout", "dropout1", "dropout2"):

        def make(lib: Any, part: str = part) -> Any:
            layer = lib.nn.TransformerEncoderLayer(4, 2, dim_feedforward=6, dropout=0.0)
            setattr(getattr(layer, part), "dropout" if part == "self_attn" else "p", 1.0)
            return layer

        yield Case("nn.TransformerEncoderLayer", f"dropout of everything by {part}", make, (tokens,))
    size: dict[str, Any] = {"dim_feedforward": 6, "layer_norm_eps": 0.1}
    yield later(module("TransformerEncoderLayer", "dropout and eps", (tokens,), 4, 2, dropout=0.5, **size))
