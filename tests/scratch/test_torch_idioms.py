"""What people who know PyTorch type: it does the same here, or says that it does not."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.scratch.against import assert_like_torch, numbers
from torch.nn import functional as TF

from groundwork.scratch import Tensor, cat, nn, no_grad, where
from groundwork.scratch import functional as F
from groundwork.scratch.optim import SGD, OneCycleLR, clip_grad_norm_


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def test_gradient_descent_written_by_hand_changes_the_weights() -> None:
    w = leaf(1.0, 2.0)
    held = w
    (w * w).sum().backward()
    with no_grad():
        w -= 0.1 * w.grad
        w *= 2.0
    np.testing.assert_allclose(held.data, [1.6, 3.2])
    assert held is w
    assert w.requires_grad


def test_single_numbers_are_assigned_outside_of_a_graph() -> None:
    w = leaf(1.0, 2.0)
    with no_grad():
        w[0] -= 3.0
        with pytest.raises(TypeError, match="same_kind"):
            operator.itruediv(Tensor([1, 3]), 2)
    np.testing.assert_array_equal(w.data, [-2, 2])


def test_while_a_graph_is_made_an_assignment_makes_a_new_tensor() -> None:
    x = leaf(1.0, 2.0)
    y = made = x * 1.0
    y += 1.0
    assert y is not made
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1])


@pytest.mark.parametrize("count", [1, 3, 49, 82])
def test_a_number_divided_by_itself_is_one(count: int) -> None:
    x = np.arange(1.0, 1000.0) * count
    np.testing.assert_array_equal((Tensor(x) / Tensor(x)).data, 1)


def test_forms_that_torch_takes_are_taken() -> None:
    x = Tensor(numbers(2, 3))
    assert x.reshape((3, 2)).shape == (3, 2)
    assert x.permute((1, 0)).shape == (3, 2)
    np.testing.assert_array_equal(x.clamp(None, 0.0).data, x.data.clip(None, 0.0))
    np.testing.assert_array_equal(where(x > 0, 0.0, x).data, np.minimum(x.data, 0))
    np.testing.assert_array_equal(where(np.array([True, False]), Tensor([1, 2]), 0.5).data, [1, 0.5])
    assert Tensor([16777217, 3]).clamp(0).data.tolist() == [16777217, 3]
    np.testing.assert_array_equal((x >= x).data & (x <= x).data, True)
    np.testing.assert_allclose((np.ones((4, 2)) @ x).data, np.ones((4, 2)) @ x.data)
    assert len(x) == 2
    assert float(x.sum()) == x.sum().item()
    np.testing.assert_array_equal(np.asarray(x), x.data)


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x / 2,
        lambda x: x.exp(),
        lambda x: x.mean(),
        lambda x: x * 0.5,
        lambda x: F.softmax(x, 0),
        lambda x: cat([x, Tensor([0.5])]),
    ],
)
def test_integers_become_float32_where_there_is_something_to_divide(compute: Callable[[Tensor], Tensor]) -> None:
    assert compute(Tensor([1, 2])).dtype == np.float32


@pytest.mark.parametrize("what", [None, "abc", [None], {"a": 1}, [Ellipsis]])
def test_a_tensor_holds_numbers(what: Any) -> None:
    with pytest.raises(TypeError, match="expected numbers; found"):
        Tensor(what)


ROOT_OF = {
    "relu": (lambda x: F.relu(x) ** 0.5, lambda x: TF.relu(x) ** 0.5),
    "clamp": (lambda x: x.clamp(0) ** 0.5, lambda x: x.clamp(0) ** 0.5),
    "relu of infinity": (lambda x: F.relu(x - np.inf), lambda x: TF.relu(x - np.inf)),
}


@pytest.mark.parametrize("name", ROOT_OF)
def test_an_infinite_gradient_stops_where_there_is_none(name: str) -> None:
    ours, theirs = ROOT_OF[name]
    with np.errstate(divide="ignore"):
        assert_like_torch(ours, theirs, np.array([-1.0, -2.0, 0.0]))


def test_gelu_of_what_is_no_number_is_none() -> None:
    with np.errstate(invalid="ignore"):
        assert_like_torch(F.gelu, TF.gelu, np.array([np.nan, 1.0, np.inf, -np.inf]))


def test_the_slope_of_log_sigmoid_keeps_its_digits_in_float32() -> None:
    x = Tensor([20.0], requires_grad=True)
    F.logsigmoid(x).backward()
    twin = torch.tensor([20.0], requires_grad=True)
    TF.logsigmoid(twin).backward()
    assert twin.grad is not None
    np.testing.assert_allclose(x.grad, twin.grad.numpy(), rtol=1e-5)


LOGITS, IMAGE = Tensor(numbers(4, 3)), Tensor(numbers(1, 1, 5, 5))
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "fewer targets than rows": (lambda: F.cross_entropy(LOGITS, Tensor([0, 1])), ValueError, r"shape \(4,\)"),
    "targets in a column": (lambda: F.cross_entropy(LOGITS, Tensor([[0]] * 4)), ValueError, r"shape \(4,\)"),
    "targets that are no classes": (lambda: F.cross_entropy(LOGITS, Tensor([0.5] * 4)), ValueError, "float32"),
    "too much smoothing": (
        lambda: F.cross_entropy(LOGITS, Tensor([0] * 4), label_smoothing=1.5),
        ValueError,
        "found 1.5",
    ),
    "class weights by place": (lambda: F.cross_entropy(LOGITS, Tensor([0] * 4), LOGITS), TypeError, "positional"),  # type: ignore[misc]
    "a column against a row": (lambda: F.mse_loss(LOGITS[:, :1], LOGITS[:, 0]), ValueError, r"shape \(4, 1\)"),
    "a list in a Sequential": (lambda: nn.Sequential([nn.ReLU()]), TypeError, "place 0: found list"),  # type: ignore[arg-type]
    "a function in a Sequential": (lambda: nn.Sequential(nn.ReLU(), F.relu), TypeError, "place 1: found function"),  # type: ignore[arg-type]
    "a sequence without rows": (lambda: nn.LSTM(4, 3)(Tensor(numbers(5, 4))), ValueError, r"found shape \(5, 4\)"),
    "a sequence of another width": (lambda: nn.GRU(4, 3)(Tensor(numbers(5, 2, 3))), ValueError, "size 4"),
    "a state of another size": (
        lambda: nn.RNN(4, 3)(Tensor(numbers(5, 2, 4)), Tensor(numbers(1, 1, 3))),
        ValueError,
        r"\(1, 2, 3\)",
    ),
    "a share above one": (lambda: nn.Dropout(1.5), ValueError, "found 1.5"),
    "a recurrent share above one": (lambda: nn.LSTM(2, 2, dropout=3.0), ValueError, "found 3.0"),
    "an unknown activation": (
        lambda: nn.TransformerEncoderLayer(4, 2, activation="tanh"),
        ValueError,
        "found 'tanh'",  # type: ignore[arg-type]
    ),
    "an unknown nonlinearity": (lambda: nn.RNN(2, 2, nonlinearity="sigmoid"), ValueError, "found 'sigmoid'"),  # type: ignore[arg-type]
    "padding by name": (lambda: F.conv2d(IMAGE, IMAGE, padding="same"), TypeError, "'same'"),  # type: ignore[arg-type]
    "a bias of another size": (
        lambda: F.conv2d(Tensor(numbers(1, 1, 5, 5)), Tensor(numbers(3, 1, 3, 3)), Tensor([1.0])),
        ValueError,
        r"\(3,\)",
    ),
    "a layer of another width": (lambda: nn.Linear(3, 2)(Tensor(numbers(4, 5))), ValueError, r"expected \[..., 3\]"),
    "channels of another number": (
        lambda: nn.BatchNorm1d(1).eval()(Tensor(numbers(3, 4))),
        ValueError,
        r"expected \[rows, 1",
    ),
    "a mask of integers": (
        lambda: F.scaled_dot_product_attention(LOGITS, LOGITS, LOGITS, Tensor(np.ones((4, 4), int))),
        TypeError,
        "int64",
    ),
    "padding of another batch": (
        lambda: nn.MultiheadAttention(4, 2, batch_first=True)(
            *[Tensor(numbers(2, 3, 4))] * 3, key_padding_mask=np.zeros((1, 3), bool)
        ),
        ValueError,
        r"expected shape \(2, 3\)",
    ),
    "booleans that name rows": (lambda: F.embedding(Tensor([True, False]), LOGITS), TypeError, "bool"),
    "too long for its waves": (lambda: nn.PositionalEncoding(4, 3)(Tensor(numbers(5, 1, 4))), ValueError, "3 tokens"),
    "pairs for parameters": (lambda: SGD(nn.Linear(1, 1).named_parameters()), TypeError, "expected tensors"),  # type: ignore[arg-type]
    "a negative norm": (lambda: clip_grad_norm_([leaf(1.0)], -1.0), ValueError, "found -1.0"),
    "whole numbers for weights": (lambda: nn.Linear(1, 1).to(int), TypeError, "int64"),
    "class weights for the module": (lambda: nn.CrossEntropyLoss(np.ones(3)), TypeError, "positional"),  # type: ignore[misc]
    "a leaf in place": (lambda: operator.isub(leaf(1.0), 1.0), RuntimeError, "within no_grad"),
    "assignment in a graph": (lambda: operator.setitem(leaf(1.0), 0, 2.0), RuntimeError, "within no_grad"),
    "a graph cut by NumPy": (lambda: np.concatenate([leaf(1.0), leaf(2.0)]), TypeError, "detach"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_go_wrong_silently_is_refused(what: str) -> None:
    compute, kind, message = REFUSED[what]
    with pytest.raises(kind, match=message):
        compute()


def test_a_parameter_is_not_replaced_by_something_that_does_not_learn() -> None:
    layer = nn.Linear(2, 2)
    with pytest.raises(TypeError, match="weight: found Tensor; expected a Parameter"):
        layer.weight = Tensor(numbers(2, 2))  # type: ignore[assignment]
    layer.bias = None
    layer.weight = nn.Parameter(numbers(2, 2))
    assert [name for name, _ in layer.named_parameters()] == ["weight"]


def test_a_failed_batch_is_not_counted() -> None:
    layer = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match="a single value has no variance"):
        layer(Tensor(numbers(1, 3)))
    assert layer.num_batches_tracked == 0


def test_positions_are_along_the_tokens_in_either_order() -> None:
    tokens = Tensor(np.zeros((3, 2, 4)))
    first = nn.PositionalEncoding(4)(tokens).data
    np.testing.assert_array_equal(
        first.swapaxes(0, 1), nn.PositionalEncoding(4, batch_first=True)(tokens.transpose(0, 1)).data
    )
    assert not np.array_equal(first[0], first[1])
    np.testing.assert_array_equal(first[:, 0], first[:, 1])


def test_one_tensor_is_clipped_and_an_unknown_norm_spoils_all() -> None:
    w = leaf(3.0, 4.0)
    w.grad = np.array([3.0, 4.0])
    assert clip_grad_norm_(w, 1.0) == pytest.approx(5.0)
    np.testing.assert_allclose(w.grad, [0.6, 0.8], rtol=1e-6)
    w.grad[0] = np.nan
    other = leaf(1.0)
    other.grad = np.array([1.0])
    clip_grad_norm_([w, other], 1.0)
    assert np.isnan(other.grad).all()


def test_a_cycle_may_be_stepped_as_often_as_it_has_steps() -> None:
    cycle = OneCycleLR(SGD([leaf(1.0)], momentum=0.9), 0.1, 10, pct_start=0.1)
    for _ in range(10):
        cycle.step()
