import threading

import numpy as np
import pytest
import torch
from tests.scratch.against import assert_same, numbers

from groundwork.scratch import Tensor, cat, no_grad, operation, stack, where


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values, dtype=np.float64), requires_grad=True)


def test_a_tensor_used_twice_adds_up_what_both_uses_ask_for() -> None:
    x = leaf(2, 3)
    (x * x + x).sum().backward()
    assert x.grad.tolist() == [5, 7]


def test_a_tensor_on_both_sides_of_every_operator_is_used_twice() -> None:
    x, twin = leaf(2, 3), torch.tensor([2.0, 3.0], dtype=torch.float64, requires_grad=True)
    for one in (x, twin):
        (one + one - one * one / (one + 1) + one**3).sum().backward()
    assert_same(x.grad, twin.grad)


def test_every_backward_adds_to_the_gradient() -> None:
    x = leaf(2, 3)
    for _ in range(3):
        (x * 2).sum().backward()
    assert x.grad.tolist() == [6, 6]


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_an_accumulated_gradient_stays_an_array_of_its_own(shape: tuple[int, ...]) -> None:
    x = Tensor(np.ones(shape), requires_grad=True)
    (x * 2).sum().backward()
    first = x.grad
    (x * 2).sum().backward()
    assert isinstance(x.grad, np.ndarray)
    assert x.grad is not first
    assert first.tolist() == np.full(shape, 2.0).tolist()


def test_a_graph_can_be_walked_twice() -> None:
    x = leaf(2, 3)
    loss = (x.exp() * x).sum()
    loss.backward()
    once = x.grad
    loss.backward()
    np.testing.assert_array_equal(x.grad, 2 * once)


def test_backward_starts_anywhere_in_a_graph() -> None:
    x = leaf(2, 3)
    middle = x * 5
    end = (middle * middle).sum()
    middle.sum().backward()
    assert x.grad.tolist() == [5, 5]
    end.backward()
    assert x.grad.tolist() == [105, 155]
    assert middle.grad is None  # only leaves keep theirs


def test_backward_is_linear_in_the_gradient() -> None:
    def gradient(of: np.ndarray) -> np.ndarray:
        x = Tensor(numbers(3, 4), requires_grad=True)
        rows = (x.exp() @ x.transpose(0, 1)).sum(1)
        (rows / x.amax(1)).backward(of)
        return x.grad

    one, other = numbers(3, seed=1), numbers(3, seed=2)
    np.testing.assert_allclose(gradient(2 * one - 3 * other), 2 * gradient(one) - 3 * gradient(other), rtol=1e-12)


@pytest.mark.parametrize("given", [0.1, np.float64(0.1), np.array(0.1), Tensor(np.array(0.1))])
def test_a_gradient_that_is_given_keeps_all_its_digits(given: object) -> None:
    x = Tensor(np.array(1.0), requires_grad=True)
    (x * 1).backward(given)
    assert x.grad == 0.1


def test_the_gradient_given_is_neither_changed_nor_kept() -> None:
    x, given = leaf(2, 3), np.ones(2)
    (x + 0).backward(given)
    x.grad += 1
    assert given.tolist() == [1, 1]


@pytest.mark.parametrize("length", [5_000, 100_000])
def test_a_long_chain_neither_recurses_nor_overflows_when_it_is_freed(length: int) -> None:
    grads = []

    def walk() -> None:
        x = y = Tensor(np.array(1.0), requires_grad=True)
        for _ in range(length):
            y = y + 1.0
        y.backward()
        del y
        grads.append(x.grad)

    # A thread has its own, small stack: what recursed in C would end here.
    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=walk)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert grads == [1.0]


def test_each_tensor_is_visited_once_however_many_ways_lead_to_it() -> None:
    x = y = Tensor(np.array(1.0), requires_grad=True)
    calls = []

    def doubled(one: Tensor) -> Tensor:
        def vjp(dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            calls.append(dy)
            return dy, dy

        return operation(one.data * 2, (one, one), vjp)

    for _ in range(60):  # 2**60 ways
        y = doubled(y)
    y.backward()
    assert len(calls) == 60
    assert x.grad == 2.0**60


def test_a_tensor_waits_for_all_that_was_made_of_it() -> None:
    # The short way arrives first: handed on at once, the long one's share would come late.
    x = leaf(3)
    middle = x * 2
    (middle + ((middle * middle) + 1) * middle).sum().backward()
    assert x.grad.tolist() == [2 * (1 + 3 * 36 + 1)]


def test_what_needs_no_gradient_gets_none() -> None:
    x, constant = leaf(2, 3), Tensor(np.array([1.0, 2.0]))
    (x * constant).sum().backward()
    assert constant.grad is None
    assert not (constant * 2).requires_grad


def test_an_operation_may_have_no_gradient_for_one_of_its_inputs() -> None:
    x, y = leaf(2), leaf(3)
    operation(x.data + y.data, (x * 1, y), lambda dy: (None, dy)).sum().backward()
    assert x.grad.tolist() == [0]
    assert y.grad.tolist() == [1]


def test_nothing_is_recorded_under_no_grad_however_it_is_nested_or_left() -> None:
    x = leaf(2)

    @no_grad()
    def silent() -> bool:
        return (x * 2).requires_grad

    with no_grad():
        assert not (x * 2).requires_grad
        with no_grad():
            assert not x.exp().requires_grad
        assert not silent()
        assert not cat([x, x]).requires_grad
    assert not silent()
    assert (x * 2).requires_grad

    def fail() -> None:
        with no_grad():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    made = x * 2
    assert made.requires_grad
    made.sum().backward()
    assert x.grad.tolist() == [2]


def test_no_grad_keeps_nothing_alive() -> None:
    x = leaf(2)
    with no_grad():
        y = (x * 2).exp()
    assert (y._inputs, y._vjp) == ((), None)
    assert (Tensor(np.ones(2)) * 2)._inputs == ()


@pytest.mark.parametrize("data", [[1, 2], [True], np.arange(3), np.uint8(4)])
def test_only_floating_point_numbers_require_gradients(data: object) -> None:
    with pytest.raises(TypeError, match="floating-point"):
        Tensor(data, requires_grad=True)


def test_backward_needs_a_gradient_of_the_right_shape_and_something_that_asks_for_it() -> None:
    x = leaf(2, 3)
    with pytest.raises(RuntimeError, match=r"\(2,\)"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match=r"backward needs a gradient of shape \(2,\); found \(3,\)"):
        (x * 2).backward(np.ones(3))
    with pytest.raises(RuntimeError, match=r"\(2, 1\)"):
        (x * 2).backward(np.ones((2, 1)))
    assert x.grad is None
    with pytest.raises(RuntimeError, match="requires a gradient"):
        Tensor([1.0]).backward()
    with pytest.raises(RuntimeError, match="requires a gradient"):
        x.detach().backward(np.ones(2))


@pytest.mark.parametrize(
    "join",
    [
        lambda a, b: a + b,
        lambda a, b: cat([a, b]),
        lambda a, b: stack([a, b]),
        lambda a, b: where(np.array([True, False]), a, b),
    ],
)
def test_two_leaves_never_share_the_memory_of_their_gradients(join: object) -> None:
    x, y = leaf(2, 3), leaf(4, 5)
    made = join(x, y)
    made.backward(np.ones(made.shape))
    assert not np.shares_memory(x.grad, y.grad)
    before = y.grad.copy()
    x.grad *= 100
    np.testing.assert_array_equal(y.grad, before)


def test_a_detached_tensor_has_the_same_numbers_and_no_past() -> None:
    x = leaf(2, 3)
    y = (x * 2).detach()
    assert y.data.tolist() == [4, 6]
    assert not y.requires_grad
    (x * y).sum().backward()
    assert x.grad.tolist() == [4, 6]


def test_tensors_compare_by_number_and_are_kept_by_identity() -> None:
    x = Tensor(np.array([0.1, 0.2, 0.3]))
    twin = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    for other in (0.1, 0.2, 0.3):  # not rounded to float32 on the way
        assert (x == other).data.tolist() == (twin == other).tolist()
        assert (x != other).data.tolist() == (twin != other).tolist()
        assert (x > other).data.tolist() == (twin > other).tolist()
        assert (x < other).data.tolist() == (twin < other).tolist()
    assert (x.data < Tensor(np.ones(3))).data.all()
    assert {x: "x"}[x] == "x"


def test_one_number_is_true_or_false_and_several_are_neither() -> None:
    loss = Tensor(2.0)
    assert loss > 1
    assert not loss < 1
    assert loss != 1.0
    with pytest.raises((ValueError, RuntimeError)):
        bool(Tensor([1.0, 2.0]))


def test_data_is_not_copied_and_plain_numbers_become_float32_or_int64() -> None:
    array = np.ones(2)
    assert Tensor(array).data is array
    assert Tensor([1.0, 2.0]).dtype == np.float32
    assert Tensor(0.5).dtype == np.float32
    assert Tensor([1, 2]).dtype == np.int64
    assert Tensor([True]).dtype == bool
    assert Tensor(np.float64(1)).dtype == np.float64
    assert Tensor(Tensor(array)).data is array
    assert Tensor([[2.5]]).item() == 2.5
