from collections.abc import Callable

import numpy as np
import pytest

from groundwork.scratch import Tensor, cat, stack, where
from groundwork.scratch import functional as F
from groundwork.scratch.arrays import Array

CLASSES = Tensor(np.array([0, 1, 2]))
YES = np.array([[True, False, True]] * 3)
DOUBLE = np.float64(0.5)  # what NumPy returns from most of its functions: no reason to leave float32

OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "add": lambda x: x + x,
    "subtract": lambda x: x - x.exp(),
    "multiply": lambda x: x * x,
    "divide": lambda x: x / x,
    "negate": lambda x: -x,
    "power": lambda x: x**3,
    "root": lambda x: x**0.5,
    "power of a NumPy number": lambda x: x**DOUBLE,
    "matmul": lambda x: x @ x,
    "matmul vector": lambda x: x @ x[0],
    "vector matmul": lambda x: x[0] @ x,
    "dot": lambda x: x[0] @ x[1],
    "matmul batch": lambda x: x[None] @ x,
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "clamp": lambda x: x.clamp(0.5, 1),
    "clamp at NumPy numbers": lambda x: x.clamp(DOUBLE, np.float64(1)),
    "sum": lambda x: x.sum(),
    "sum over dim": lambda x: x.sum(0),
    "mean": lambda x: x.mean(),
    "mean over dims": lambda x: x.mean((0, 1), keepdim=True),
    "amax": lambda x: x.amax(1),
    "amax of all": lambda x: x.amax(),
    "index": lambda x: x[0],
    "index by arrays": lambda x: x[np.array([0, 0]), np.array([1, 1])],
    "index by mask": lambda x: x[YES],
    "reshape": lambda x: x.reshape(9),
    "flatten": lambda x: x.flatten(),
    "permute": lambda x: x.permute(1, 0),
    "transpose": lambda x: x.transpose(0, 1),
    "cat": lambda x: cat([x, x], 1),
    "stack": lambda x: stack([x, x], 1),
    "where": lambda x: where(YES, x, 0.5),
    "where NumPy number": lambda x: where(YES, x, DOUBLE),
    "where both": lambda x: where(YES, x, -x),
    "relu": F.relu,
    "sigmoid": F.sigmoid,
    "logsigmoid": F.logsigmoid,
    "tanh": F.tanh,
    "gelu": F.gelu,
    "gelu by tanh": lambda x: F.gelu(x, "tanh"),
    "softmax": lambda x: F.softmax(x, 1),
    "log_softmax": lambda x: F.log_softmax(x, 1),
    "linear": lambda x: F.linear(x, x, x[0]),
    "embedding": lambda x: F.embedding(CLASSES, x),
    "embedding with padding": lambda x: F.embedding(CLASSES, x, padding_idx=1),
    "dropout": lambda x: F.dropout(x, 0.4),
    "dropout by a NumPy share": lambda x: F.dropout(x, DOUBLE),
    "dropout of all": lambda x: F.dropout(x, 1.0),
    "layer_norm": lambda x: F.layer_norm(x, (3,), x[0], x[1]),
    "batch_norm": lambda x: F.batch_norm(x, single(3), single(3), x[0], x[1], training=True),
    "batch_norm later": lambda x: F.batch_norm(x, single(3), single(3), x[0], x[1]),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    "attention with mask": lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=YES),
    "attention with bias": lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=single(3, 3)),
    "attention with scale": lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5, scale=DOUBLE),
    "conv2d": lambda x: F.conv2d(x[None, None], x[None, None], x[0, :1], stride=2, padding=1),
    "max_pool2d": lambda x: F.max_pool2d(x[None, None], 2, 1, 1),
    "mse_loss": lambda x: F.mse_loss(x, Tensor(single(3, 3))),
    "mse_loss of whole numbers": lambda x: F.mse_loss(x, Tensor([[1, 0, 2]] * 3)),
    "cross_entropy": lambda x: F.cross_entropy(x, CLASSES, label_smoothing=0.1),
    "cross_entropy without some": lambda x: F.cross_entropy(x, CLASSES, ignore_index=1),
    "bce": lambda x: F.binary_cross_entropy_with_logits(x, Tensor(single(3, 3))),
    "bce of whole numbers": lambda x: F.binary_cross_entropy_with_logits(x, Tensor([[1, 0, 1]] * 3)),
    "bce with weights": lambda x: F.binary_cross_entropy_with_logits(
        x, Tensor(single(3, 3)), reduction="sum", pos_weight=Tensor(single(3))
    ),
}

# What may stand on the other side of an operator.
OPERANDS = {
    "int": 2,
    "float": 0.5,
    "NumPy float64": DOUBLE,
    "NumPy float32": np.float32(2),
    "NumPy int64": np.int64(2),
    "array of no dimensions": np.array(0.5),
    "float32 array": np.ones((3, 3), np.float32),
    "whole numbers": np.array([1, 2, 3]),
    "tensor of whole numbers": Tensor([1, 2, 3]),
    "float32 tensor": Tensor(np.ones(3, np.float32)),
    "float32 tensor of no dimensions": Tensor(2.0),
}
OPERATORS: dict[str, Callable[..., Tensor]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def single(*shape: int) -> Array:
    return np.linspace(0.3, 1.2, int(np.prod(shape)), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize("shape", [(3, 3), (1, 1), ()])
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("operand", OPERANDS)
def test_float32_stays_float32_on_both_sides_of_an_operator(
    operand: str, operator: str, shape: tuple[int, ...]
) -> None:
    apply, other = OPERATORS[operator], OPERANDS[operand]
    for calculation in (apply, lambda a, b: apply(b, a)):
        x = Tensor(single(*shape), requires_grad=True)
        value = calculation(x, other)
        assert isinstance(value, Tensor)
        value.sum().backward()
        assert (value.dtype, x.grad.dtype, x.grad.shape) == (np.float32, np.float32, shape)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_keeps_float32_forward_and_backward(name: str) -> None:
    x = Tensor(single(3, 3), requires_grad=True)
    value = OPERATIONS[name](x)
    value.sum().backward()
    assert (value.dtype, x.grad.dtype) == (np.float32, np.float32)
    assert np.isfinite(x.grad).all()


def test_a_gradient_has_the_dtype_of_its_leaf_whatever_it_met() -> None:
    single_, double = Tensor(single(3), requires_grad=True), Tensor(np.ones(3), requires_grad=True)
    (single_ * double).sum().backward()
    assert (single_.grad.dtype, double.grad.dtype) == (np.float32, np.float64)


def test_a_second_backward_keeps_float32() -> None:
    x = Tensor(single(3), requires_grad=True)
    for _ in range(2):
        (x * 2).sum().backward(np.float64(1))
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_array_on_the_left_is_an_operand_and_not_a_container(operator: str) -> None:
    apply, array = OPERATORS[operator], np.array([[1.0, 2.0], [3.0, 4.0]])
    x = Tensor(np.array([2.0, 5.0]), requires_grad=True)
    value = apply(array, x)
    assert isinstance(value, Tensor)
    np.testing.assert_allclose(value.data, apply(array, x.data), rtol=1e-15)
    value.sum().backward()
    assert x.grad.shape == (2,)
