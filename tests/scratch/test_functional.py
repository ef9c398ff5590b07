from typing import Any

import numpy as np
import pytest
import torch
from tests.scratch.against import assert_like_torch, assert_same, numbers
from torch.nn import functional as TF

from groundwork.scratch import Tensor, manual_seed
from groundwork.scratch import functional as F

HOSTILE = np.array([-1000.0, -745.2, -40.0, -1e-300, -0.0, 0.0, 1e-300, 1e-9, 40.0, 709.8, 1000.0])
ACTIVATIONS: dict[str, tuple[Any, Any]] = {
    "relu": (F.relu, TF.relu),
    "sigmoid": (F.sigmoid, torch.sigmoid),
    "logsigmoid": (F.logsigmoid, TF.logsigmoid),
    "tanh": (F.tanh, torch.tanh),
    "gelu": (F.gelu, TF.gelu),
    "gelu by tanh": (lambda x: F.gelu(x, "tanh"), lambda x: TF.gelu(x, approximate="tanh")),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_of_numbers_large_small_and_zero(name: str) -> None:
    assert_like_torch(*ACTIVATIONS[name], HOSTILE)
    assert_like_torch(*ACTIVATIONS[name], np.linspace(-9, 9, 1001))
    assert_like_torch(*ACTIVATIONS[name], np.array(0.3))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_finite_in_float32_too(name: str) -> None:
    x = Tensor(HOSTILE.astype(np.float32), requires_grad=True)
    value = ACTIVATIONS[name][0](x)
    value.sum().backward()
    assert np.isfinite(value.data).all()
    assert np.isfinite(x.grad).all()


def test_relu_has_no_slope_at_zero() -> None:
    x = Tensor(np.array([0.0, -0.0]), requires_grad=True)
    F.relu(x).sum().backward()
    assert x.grad.tolist() == [0, 0]


def test_gelu_knows_two_ways_and_no_third() -> None:
    with pytest.raises(ValueError, match="approximate"):
        F.gelu(Tensor([1.0]), "quick")


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 1, 1), (3, 1, 5)])
def test_shares_along_every_dimension(name: str, dim: int, shape: tuple[int, ...]) -> None:
    ours, theirs = getattr(F, name), getattr(torch, name)
    assert_like_torch(lambda x: ours(x, dim), lambda x: theirs(x, dim), numbers(*shape))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(
    "row", [[1000.0, -1000.0, 0.0], [-1000.0] * 3, [1000.0] * 3, [0.0, -np.inf, 1.0], [1000.0, 999.0, -np.inf]]
)
def test_shares_of_logits_that_would_overflow(name: str, row: list[float]) -> None:
    ours, theirs = getattr(F, name), getattr(torch, name)
    logits = np.array(row)
    finite = np.isfinite(logits)
    assert_like_torch(lambda x: ours(x, -1)[finite], lambda x: theirs(x, -1)[torch.from_numpy(finite)], logits)


REPEATED = np.array([[0, 2, 2], [2, 5, 0]])


@pytest.mark.parametrize("padding", [None, 0, 2, 4, -1])
@pytest.mark.parametrize("rows", [REPEATED, np.array(5), np.array([], dtype=np.int64), REPEATED[None]])
def test_rows_are_looked_up_however_often_and_padding_does_not_learn(rows: Any, padding: int | None) -> None:
    assert_like_torch(
        lambda index, weight: F.embedding(index, weight, padding),
        lambda index, weight: TF.embedding(index, weight, padding),
        rows,
        numbers(6, 3),
    )


@pytest.mark.parametrize("row", [6, -1, 100])
def test_rows_that_there_are_not_are_refused(row: int) -> None:
    with pytest.raises(IndexError):
        F.embedding(Tensor(np.array([0, row])), Tensor(numbers(6, 3)))


def test_dropout_goes_by_the_mask_it_is_given() -> None:
    x, kept = Tensor(np.array([1.0, 2.0, 3.0, 4.0]), requires_grad=True), np.array([True, False, True, True])
    value = F.dropout(x, 0.2, mask=kept)
    value.sum().backward()
    assert value.data.tolist() == [1.25, 0, 3.75, 5]
    assert x.grad.tolist() == [1.25, 0, 1.25, 1.25]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(p: float) -> None:
    manual_seed(0)
    x = Tensor(np.ones((500, 400)), requires_grad=True)
    value = F.dropout(x, p)
    value.sum().backward()
    dropped = value.data == 0
    assert dropped.mean() == pytest.approx(p, abs=0.005)  # some five standard deviations
    assert value.data[~dropped] == pytest.approx(1 / (1 - p))
    assert value.data.mean() == pytest.approx(1, abs=0.03)
    np.testing.assert_array_equal(x.grad, value.data)
    # No row, no column and no neighbour shares another's fate.
    assert abs(np.corrcoef(dropped[:-1].ravel(), dropped[1:].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(dropped[:, :-1].ravel(), dropped[:, 1:].ravel())[0, 1]) < 0.02


def test_a_seed_gives_the_same_mask_and_the_next_call_another() -> None:
    x = Tensor(np.ones(1000))
    manual_seed(7)
    first, second = F.dropout(x).data, F.dropout(x).data
    manual_seed(7)
    np.testing.assert_array_equal(F.dropout(x).data, first)
    assert (first != second).any()
    manual_seed(8)
    assert (F.dropout(x).data != first).any()


def test_dropout_of_nothing_everything_and_later() -> None:
    x = numbers(50)
    for p, training in ((0.5, False), (0.0, True), (1.0, False)):
        np.testing.assert_array_equal(F.dropout(Tensor(x), p, training).data, x)
    assert_like_torch(lambda x: F.dropout(x, 1.0), lambda x: TF.dropout(x, 1.0), x)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_a_share_lies_between_0_and_1(p: float) -> None:
    with pytest.raises(ValueError, match=r"expected a share between 0 and 1"):
        F.dropout(Tensor([1.0]), p)


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("affine", ["none", "weight", "bias", "both"])
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_rows_are_normalized(shape: tuple[int, ...], affine: str, eps: float) -> None:
    x = numbers(2, 3, 4)
    weight = numbers(*shape, seed=1) if affine in ("weight", "both") else None
    bias = numbers(*shape, seed=2) if affine in ("bias", "both") else None
    given = [one for one in (weight, bias) if one is not None]

    def of(layer_norm: Any) -> Any:
        def run(x: Any, *affine_: Any) -> Any:
            left = list(affine_)
            return layer_norm(
                x, shape, left.pop(0) if weight is not None else None, left.pop(0) if bias is not None else None, eps
            )

        return run

    assert_like_torch(of(F.layer_norm), of(TF.layer_norm), x, *given)


def test_equal_numbers_are_normalized_to_zeros() -> None:
    assert_like_torch(lambda x: F.layer_norm(x, (3,)), lambda x: TF.layer_norm(x, (3,)), np.full((2, 3), 7.0))
    assert_like_torch(lambda x: F.layer_norm(x, (1,)), lambda x: TF.layer_norm(x, (1,)), numbers(4, 1))


def test_rows_are_normalized_over_the_dimensions_they_have() -> None:
    for shape in ((5,), (1,), (3, 4)):
        with pytest.raises((ValueError, RuntimeError)):
            F.layer_norm(Tensor(numbers(2, 4)), shape)


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (2, 3, 4, 5), (2, 3, 1, 1), (1, 3, 2)])
@pytest.mark.parametrize("momentum", [0.1, 0.7, 0.0, 1.0])
def test_running_statistics_follow_torchs_over_several_batches(shape: tuple[int, ...], momentum: float) -> None:
    mean, var = np.zeros(3), np.ones(3)
    their_mean, their_var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    weight, bias = numbers(3, seed=8), numbers(3, seed=9)
    for batch in range(5):
        assert_like_torch(
            lambda x, w, b: F.batch_norm(x, mean, var, w, b, True, momentum),
            lambda x, w, b: TF.batch_norm(x, their_mean, their_var, w, b, True, momentum),
            numbers(*shape, seed=batch) * 3 + 5,
            weight,
            bias,
        )
        assert_same(mean, their_mean)
        assert_same(var, their_var)
    assert_like_torch(
        lambda x, w, b: F.batch_norm(x, mean, var, w, b),
        lambda x, w, b: TF.batch_norm(x, their_mean, their_var, w, b),
        numbers(*shape, seed=99),
        weight,
        bias,
    )
    assert_same(mean, their_mean)


def test_without_running_statistics_the_batch_speaks_for_itself() -> None:
    assert_like_torch(
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: TF.batch_norm(x, None, None, training=True),
        numbers(4, 3, 2),
    )


@pytest.mark.parametrize("running", [True, False])
def test_a_single_row_has_no_variance_to_learn_from(running: bool) -> None:
    mean, var = (np.zeros(3), np.ones(3)) if running else (None, None)
    with pytest.raises(ValueError, match=r"\(1, 3\)"):
        F.batch_norm(Tensor(numbers(1, 3)), mean, var, training=True)
    if mean is not None:
        assert mean.tolist() == [0, 0, 0]
