"""Cases of `groundwork.scratch.functional`."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from tests.scratch.case import Case, apart, function, normal, said

# Kernels [out, in, height, width], stride, padding: for pictures of 5 x 6.
CONVOLUTIONS: list[tuple[tuple[int, int, int, int], Any, Any]] = [
    ((2, 1, 3, 3), 1, 0),
    ((2, 3, 3, 3), 1, 1),
    ((1, 2, 2, 2), 2, 0),
    ((2, 2, 3, 2), (2, 1), (1, 0)),
    ((2, 2, 3, 3), 3, 2),
    ((2, 2, 1, 1), 1, 0),
    ((2, 2, 1, 1), 2, 1),
    ((2, 2, 5, 6), 1, 0),
    ((2, 2, 2, 3), (1, 3), (2, 1)),
]
# Window, stride, padding.
POOLS: list[tuple[Any, Any, Any]] = [
    (2, None, 0),
    (2, 1, 0),
    (3, 2, 1),
    ((2, 3), (1, 2), (0, 1)),
    (3, 1, 1),
    (1, 2, 0),
    (2, 3, 1),
    ((5, 6), None, 0),
]
SEES = np.array([[1, 0, 1, 1, 0], [0, 1, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
BLIND = np.array([[True], [False], [True]])
ATTENTION: dict[str, dict[str, Any]] = {
    "plain": {},
    "scale": {"scale": 0.3},
    "boolean mask": {"attn_mask": SEES},
    "mask of each row": {"attn_mask": np.stack([SEES, ~SEES | [1, 0, 0, 0, 0] > 0])},
    "a query that sees nothing": {"attn_mask": SEES & BLIND},
    "numbers for a mask": {"attn_mask": normal(3, 5)},
    "infinities in a mask": {"attn_mask": np.where(SEES, 0.0, -np.inf)},
    "a row of infinities": {"attn_mask": np.where(SEES & BLIND, 0.5, -np.inf)},
    "causal": {"is_causal": True},
}
CLASSES = np.array([2, 0, 1, 2])
PLACES = np.array([[2, 0], [1, 1], [0, -100]])
ANSWERS = np.array([[0.0, 1.0, 0.3], [1.0, 0.0, 1.0]])
POS_WEIGHT = np.array([2.0, 0.5, 3.0])
REDUCTIONS = ("mean", "sum", "none")


def cases() -> Iterator[Case]:
    """Give all of them."""
    for name in ("relu", "sigmoid", "logsigmoid", "tanh", "gelu"):
        yield function(name, "matrix", apart(3, 4))
        yield function(name, "one number", apart(1))
        yield function(name, "far out", 5 * apart(3, 4))
    yield function("gelu", "by tanh", apart(3, 4), approximate="tanh")
    for name in ("softmax", "log_softmax"):
        for dim in (0, 1, -1):
            yield function(name, said(dim=dim), normal(2, 3, 4), dim=dim)
    for shape in ((3,), (2, 3), (2, 4, 3)):
        yield function("linear", f"{shape}", normal(*shape), normal(5, 3), normal(5))
    yield function("linear", "no bias", normal(2, 3), normal(5, 3))
    yield from embeddings()
    yield function("dropout", "not learning", normal(2, 3), p=0.5, training=False)
    for share in (0.0, 1.0):
        yield function("dropout", said(p=share), normal(2, 3), p=share)
    yield Case(
        "functional.dropout",
        "mask",
        lambda lib: lambda x, mask: lib.F.dropout(x, 0.4, mask=mask.data),
        (normal(3, 4), normal(3, 4) > 0),
        theirs=lambda x, mask: x * mask / 0.6,
    )
    yield function("layer_norm", "one dimension", normal(3, 4), (4,), normal(4), normal(4))
    yield function("layer_norm", "two dimensions", normal(2, 3, 4), (3, 4), normal(3, 4), normal(3, 4), eps=0.1)
    yield function("layer_norm", "no weights", normal(2, 3, 4), (4,))
    yield from batch_norms()
    yield from attention()
    for shape, stride, padding in CONVOLUTIONS:
        picture, options = normal(2, shape[1], 5, 6), {"stride": stride, "padding": padding}
        variant = said(kernels=shape, **options)
        yield function("conv2d", variant, picture, normal(*shape), normal(shape[0]), **options)
        yield function("conv2d", f"{variant}, no bias", picture, normal(*shape), **options)
    for size, stride, padding in POOLS:
        options = {"kernel_size": size, "stride": stride, "padding": padding}
        yield function("max_pool2d", said(**options), apart(2, 2, 5, 6), **options)
    yield from losses()


def embeddings() -> Iterator[Case]:
    """Rows that are looked up more than once, and rows that do not learn."""
    tokens = np.array([[1, 3, 1], [0, 1, 1]])
    yield function("embedding", "repeats", tokens, normal(4, 2))
    for padding in (1, -1):
        yield Case(
            "functional.embedding",
            said(padding_idx=padding),
            lambda lib: lib.F.embedding,
            (tokens, normal(4, 2)),
            {"padding_idx": padding},
            has_slope=False,
        )


def batch_norms() -> Iterator[Case]:
    """Normalization by the batch, and by what three batches left in the running statistics."""
    for shape in ((4, 3), (4, 3, 2), (2, 3, 2, 2)):
        rows = normal(*shape)
        yield function("batch_norm", f"learning {shape}", rows, None, None, normal(3), normal(3), training=True)
        yield function("batch_norm", f"no weights {shape}", rows, None, None, training=True, eps=0.1)
        variant, make = f"running statistics {shape}", by_running(normal(3, *shape) + 2)
        yield Case("functional.batch_norm", variant, make, (rows, normal(3), normal(3)))


def by_running(batches: Any) -> Any:
    """Let the running statistics see `batches`, then normalize by them."""

    def make(lib: Any) -> Any:
        def normalized(x: Any, weight: Any, bias: Any) -> Any:
            mean, var = lib.array(np.zeros(3)), lib.array(np.ones(3))
            for batch in batches:
                lib.F.batch_norm(lib.tensor(batch), mean, var, training=True, momentum=0.3)
            return lib.F.batch_norm(x, mean, var, weight, bias)

        return normalized

    return make


def attention() -> Iterator[Case]:
    """All masks; the weights are what attention makes of the unit matrix."""

    def weights(query: Any, key: Any, **arguments: Any) -> Any:
        value = torch.eye(key.shape[-2], dtype=query.dtype).expand(len(key), -1, -1)
        return torch.nn.functional.scaled_dot_product_attention(query, key, value, **arguments)

    query, key, value = normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 3)
    for variant, arguments in ATTENTION.items():
        yield function("scaled_dot_product_attention", variant, query, key, value, **arguments)
        name = "attention_weights"
        yield Case(f"functional.{name}", variant, lambda lib: lib.F.attention_weights, (query, key), arguments, weights)
    yield function("scaled_dot_product_attention", "a mask that learns", query, key, value, normal(3, 5))
    heads = [normal(2, 2, 3, 4) for _ in range(3)]
    yield function("scaled_dot_product_attention", "causal, heads", *heads, is_causal=True)


def losses() -> Iterator[Case]:
    """All reductions."""
    name = "binary_cross_entropy_with_logits"
    for reduction in REDUCTIONS:
        yield function("mse_loss", reduction, normal(3, 2), normal(3, 2), reduction=reduction)
        yield function(name, reduction, normal(2, 3), ANSWERS, reduction=reduction)
        weights = {"reduction": reduction, "pos_weight": POS_WEIGHT}
        yield function(name, f"{reduction}, pos_weight", normal(2, 3), ANSWERS, **weights)
        for smoothing in (0.0, 0.1):
            options = {"reduction": reduction, "label_smoothing": smoothing}
            yield function("cross_entropy", said(**options), normal(4, 3), CLASSES, **options)
            yield function("cross_entropy", f"{said(**options)}, places", normal(3, 3, 2), PLACES, **options)
            options["ignore_index"] = 2
            yield function("cross_entropy", said(**options), normal(4, 3), CLASSES, **options)
