from typing import Any

import numpy as np
import pytest
import torch
from tests.scratch.against import assert_like_torch, numbers
from torch.nn import functional as TF

from groundwork.scratch import Tensor, nn
from groundwork.scratch import functional as F
from groundwork.scratch.arrays import Array

REDUCTIONS = ["mean", "sum", "none"]
LOGITS = np.array([[1000.0, -1000.0, 0.0], [-1000.0, -1000.0, -1000.0], [0.0, 1e-9, 1000.0], [40.0, -40.0, 745.0]])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("ignored", [-100, 0, 2])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 2, 2)])
def test_cross_entropy_over_its_grid(shape: tuple[int, ...], ignored: int, smoothing: float, reduction: Any) -> None:
    classes = np.random.default_rng(1).integers(0, 3, (5, *shape))
    classes.flat[0], classes.flat[-1] = ignored, 1
    arguments = {"ignore_index": ignored, "label_smoothing": smoothing, "reduction": reduction}
    assert_like_torch(
        lambda logits, target: F.cross_entropy(logits, target, **arguments),
        lambda logits, target: TF.cross_entropy(logits, target, **arguments),
        numbers(5, 3, *shape),
        classes,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_where_every_row_is_ignored_nothing_is_learned(reduction: Any, smoothing: float) -> None:
    arguments = {"ignore_index": 1, "label_smoothing": smoothing, "reduction": reduction}
    with np.errstate(divide="ignore", invalid="ignore"):
        assert_like_torch(
            lambda logits, target: F.cross_entropy(logits, target, **arguments),
            lambda logits, target: TF.cross_entropy(logits, target, **arguments),
            numbers(2, 3),
            np.array([1, 1]),
        )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_logits_that_would_overflow(label: int, smoothing: float, reduction: Any) -> None:
    arguments = {"label_smoothing": smoothing, "reduction": reduction}
    target = np.full(len(LOGITS), label)
    assert_like_torch(
        lambda logits, target: F.cross_entropy(logits, target, **arguments),
        lambda logits, target: TF.cross_entropy(logits, target, **arguments),
        LOGITS,
        target,
    )
    single = Tensor(LOGITS.astype(np.float32), requires_grad=True)
    loss = F.cross_entropy(single, Tensor(target), label_smoothing=smoothing)
    loss.backward()
    assert np.isfinite(loss.data).all()
    assert np.isfinite(single.grad).all()


def test_cross_entropy_of_one_class_is_zero() -> None:
    assert_like_torch(F.cross_entropy, TF.cross_entropy, numbers(4, 1), np.zeros(4, np.int64))


def test_the_gradient_of_cross_entropy_is_softmax_less_the_label() -> None:
    logits = Tensor(numbers(4, 3), requires_grad=True)
    F.cross_entropy(logits, Tensor(np.array([0, 1, 2, 0])), reduction="sum").backward()
    np.testing.assert_allclose(logits.grad, F.softmax(logits, 1).data - np.eye(3)[[0, 1, 2, 0]], atol=1e-15)


@pytest.mark.parametrize("label", [3, -1, -5])
def test_classes_that_there_are_not_are_refused(label: int) -> None:
    with pytest.raises((IndexError, ValueError)):
        F.cross_entropy(Tensor(numbers(2, 3)), Tensor(np.array([0, label])))
    F.cross_entropy(Tensor(numbers(2, 3)), Tensor(np.array([0, label])), ignore_index=label)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("logits", [numbers(4, 3), LOGITS], ids=["usual", "large"])
@pytest.mark.parametrize("targets", ["random", "zeros", "ones", "shares"])
def test_binary_cross_entropy_over_its_grid(logits: Array, targets: str, weighted: bool, reduction: Any) -> None:
    drawn = np.random.default_rng(2).random(logits.shape)
    target = {
        "random": (drawn > 0.5) * 1.0,
        "zeros": np.zeros_like(drawn),
        "ones": np.ones_like(drawn),
        "shares": drawn,
    }[targets]
    # Targets could learn, too; what is compared is the logits' side.
    weight = np.array([0.5, 1.0, 7.0]) if weighted else None
    assert_like_torch(
        lambda x: F.binary_cross_entropy_with_logits(
            x, Tensor(target), reduction=reduction, pos_weight=None if weight is None else Tensor(weight)
        ),
        lambda x: TF.binary_cross_entropy_with_logits(
            x,
            torch.from_numpy(target),
            reduction=reduction,
            pos_weight=None if weight is None else torch.from_numpy(weight),
        ),
        logits,
    )


def test_logits_and_targets_of_different_shapes_are_refused() -> None:
    # [3, 1] against [3] would silently become [3, 3].
    with pytest.raises(ValueError, match=r"\(3, 1\)|\(3,\)"):
        F.binary_cross_entropy_with_logits(Tensor(numbers(3, 1)), Tensor(np.zeros(3)))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(3, 2), (1,), (), (2, 1, 3)])
def test_squared_errors_of_both_sides(shape: tuple[int, ...], reduction: Any) -> None:
    assert_like_torch(
        lambda x, y: F.mse_loss(x, y, reduction=reduction),
        lambda x, y: TF.mse_loss(x, y, reduction=reduction),
        numbers(*shape),
        numbers(*shape, seed=1),
    )


@pytest.mark.parametrize("loss", [F.mse_loss, F.binary_cross_entropy_with_logits, F.cross_entropy])
def test_a_reduction_that_there_is_not_is_refused(loss: Any) -> None:
    target = Tensor(np.array([0, 1])) if loss is F.cross_entropy else Tensor(numbers(2, 3))
    with pytest.raises(ValueError, match=r"reduction: found 'average'; expected mean, sum or none"):
        loss(Tensor(numbers(2, 3)), target, reduction="average")


def test_the_modules_pass_their_arguments_on() -> None:
    labels = np.array([0, 1, 2, 0])
    pairs: list[tuple[Any, Any, Array]] = [
        (nn.MSELoss(reduction="sum"), torch.nn.MSELoss(reduction="sum"), numbers(4, 3)),
        (
            nn.CrossEntropyLoss(ignore_index=1, reduction="none", label_smoothing=0.2),
            torch.nn.CrossEntropyLoss(ignore_index=1, reduction="none", label_smoothing=0.2),
            labels,
        ),
        (
            nn.BCEWithLogitsLoss(reduction="sum", pos_weight=np.array([1.0, 2.0, 3.0])),
            torch.nn.BCEWithLogitsLoss(reduction="sum", pos_weight=torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)),
            np.eye(4)[:, :3],
        ),
    ]
    for ours, theirs, target in pairs:
        assert ours.state_dict().keys() == theirs.state_dict().keys()
        twin = torch.from_numpy(target)
        assert_like_torch(lambda x, o=ours, t=target: o(x, Tensor(t)), lambda x, o=theirs, t=twin: o(x, t), LOGITS)
