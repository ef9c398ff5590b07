"""Bugs of back-propagation, and of what tensors do."""

from tests.scratch import test_precision, test_shapes, test_tensor
from tests.scratch.mutants.mutant import Mutant

from groundwork.scratch import Tensor, no_grad, tensor, where

ENGINE = [
    Mutant(
        "a tensor used twice keeps the gradient of one use",
        Tensor.backward,
        "gradients[key] + arrived if key in gradients else arrived",
        "arrived",
        test_tensor.test_a_tensor_used_twice_adds_up_what_both_uses_ask_for,
    ),
    Mutant(
        "a second backward overwrites the gradient",
        Tensor.backward,
        "dy if tensor.grad is None else tensor.grad + dy",
        "dy",
        test_tensor.test_every_backward_adds_to_the_gradient,
    ),
    Mutant(
        "two leaves share the memory of their gradients",
        Tensor.backward,
        "tensor.grad = np.array(",
        "tensor.grad = np.asarray(",
        test_tensor.test_two_leaves_never_share_the_memory_of_their_gradients,
    ),
    Mutant(
        "a tensor is visited before all that was made of it",
        Tensor._topological_order,
        "stack.append((tensor, True))",
        "finished.insert(0, tensor)",
        test_tensor.test_a_tensor_waits_for_all_that_was_made_of_it,
    ),
    Mutant(
        "no_grad does not end after an exception",
        no_grad.__wrapped__,
        "    try:\n        yield\n    finally:\n        _enabled = before",
        "    yield\n    _enabled = before",
        test_tensor.test_nothing_is_recorded_under_no_grad_however_it_is_nested_or_left,
    ),
    Mutant(
        "no_grad inside no_grad ends both",
        no_grad.__wrapped__,
        "        _enabled = before",
        "        _enabled = True",
        test_tensor.test_nothing_is_recorded_under_no_grad_however_it_is_nested_or_left,
    ),
    Mutant(
        "what was repeated gets its gradient as often",
        tensor._unbroadcast,
        "if gradient.shape != source.shape:",
        "if False:",
        "Tensor.__add__",
    ),
    Mutant(
        "only new dimensions are summed over, not those of size 1",
        tensor._unbroadcast,
        "(*range(new), *repeated)",
        "tuple(range(new))",
        "Tensor.__mul__",
    ),
    Mutant(
        "detached numbers keep their past",
        Tensor.detach,
        "Tensor(self.data)",
        "self",
        test_tensor.test_a_detached_tensor_has_the_same_numbers_and_no_past,
    ),
]
OPERATIONS = [
    Mutant(
        "a number of NumPy's makes float64 of float32",
        Tensor.operand,
        'self.dtype if self.dtype.kind == "f" else None',
        "None",
        test_precision.test_float32_stays_float32_on_both_sides_of_an_operator,
    ),
    Mutant(
        "of an index that repeats, the last gradient stays",
        Tensor.__getitem__,
        "np.add.at(whole, parts, dy)",
        "whole[parts] += dy",
        "Tensor.__getitem__",
    ),
    Mutant(
        "a mean over some dimensions divides by the size of all",
        Tensor.mean,
        "(self.data.size / max(total.data.size, 1))",
        "self.data.size",
        "Tensor.mean",
    ),
    Mutant(
        "equal maxima each get the whole gradient",
        Tensor.amax,
        " / count",
        "",
        test_shapes.test_the_largest_numbers_share_their_gradient,
    ),
    Mutant(
        "clamped numbers get a gradient",
        Tensor.clamp,
        "masked(dy, (x >= low) & (x <= high))",
        "dy",
        "Tensor.clamp",
    ),
    Mutant(
        "a permutation goes back as it came",
        Tensor.permute,
        "np.argsort(np.ravel(dims) % self.ndim)",
        "np.ravel(dims)",
        "Tensor.permute",
    ),
    Mutant(
        "a power forgets its factor",
        Tensor.__pow__,
        "exponent * x ** (exponent - 1)",
        "x ** (exponent - 1)",
        "Tensor.__pow__",
    ),
    Mutant("what was not chosen gets a gradient", where, "np.where(chosen, 0, dy)", "dy", "where"),
]
MUTANTS = [*ENGINE, *OPERATIONS]
