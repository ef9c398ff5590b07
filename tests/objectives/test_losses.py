"""Each loss of params.yaml is compared with its definition, and trains towards the constant that it should."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import TypeAdapter
from sklearn.preprocessing import PowerTransformer

from groundwork.errors import UserError
from groundwork.objectives import KINDS, power
from groundwork.objectives.base import Objective, Task
from groundwork.objectives.classification import Classification
from groundwork.objectives.regression import Regression
from groundwork.objectives.tagging import Tagging
from groundwork.sections.losses import Loss, LossSettings

SECTION: TypeAdapter[Loss] = TypeAdapter(LossSettings)
RNG = np.random.default_rng(0)
SKEWED = pd.DataFrame({"y": RNG.gamma(1.5, 4e4, 200), "z": RNG.poisson(2.0, 200).astype(float)})
LABELS = pd.DataFrame({"y": np.repeat([0, 1, 2, 3], [60, 20, 10, 10])})
ONE, BOTH = Task(id="Id", targets=("y",)), Task(id="Id", targets=("y", "z"))


def fitted(kind: type[Objective], frame: pd.DataFrame, task: Task = ONE, **section: Any) -> Any:
    return kind.fit(task, frame, frame, SECTION.validate_python(section).options)


def draws(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def huber(error: float) -> float:
    return 0.5 * error**2 / 0.5 if abs(error) < 0.5 else abs(error) - 0.25


@pytest.mark.parametrize(
    ("section", "error"),
    [
        ({"loss": "smooth_l1", "beta": 0.5}, huber),
        ({"loss": "squared_error"}, lambda error: error**2),
        ({"loss": "absolute_error"}, abs),
        ({"loss": "quantile", "alpha": 0.9}, lambda error: 0.9 * -error if error < 0 else 0.1 * error),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_a_loss_of_numbers_is_the_mean_error_in_standard_deviations(
    section: dict[str, Any], error: Callable[[float], float], several: bool
) -> None:
    objective = fitted(Regression, SKEWED, BOTH if several else ONE, **section)
    frame, names = SKEWED[:7], ["y", "z"][: 1 + several]
    logits = draws(7, 3, len(names))
    total = []
    for place, name in enumerate(names):
        for row, value in enumerate(frame[name]):
            wanted = (value - SKEWED[name].mean()) / SKEWED[name].std(ddof=0)
            total += [error(float(logits[row, member, place]) - wanted) for member in range(3)]
    assert objective.loss(logits, objective.tensor(frame)).item() == pytest.approx(np.mean(total), rel=1e-4)
    assert Regression.from_state(objective.state()) == objective


def best_constant(objective: Any, frame: pd.DataFrame) -> float:
    """Train a single logit; return what it predicts."""
    logit = torch.zeros(1, objective.outputs, requires_grad=True)
    optimizer, target = torch.optim.Adam([logit], 0.02), objective.tensor(frame)
    for _ in range(1500):
        optimizer.zero_grad()
        objective.loss(logit.expand(len(frame), -1), target).backward()
        optimizer.step()
    return float(objective.predict(logit.detach())[0])


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"loss": "squared_error"}, SKEWED["y"].mean()),
        ({"loss": "absolute_error"}, SKEWED["y"].median()),
        ({"loss": "quantile", "alpha": 0.9}, SKEWED["y"].quantile(0.9)),
        ({"loss": "absolute_error", "power": True}, SKEWED["y"].median()),
        ({"loss": "poisson"}, SKEWED["y"].mean()),
    ],
)
def test_a_loss_has_its_best_constant(section: dict[str, Any], expected: float) -> None:
    assert best_constant(fitted(Regression, SKEWED, **section), SKEWED) == pytest.approx(expected, rel=0.03)


def test_poissons_loss_is_its_likelihood_in_units_of_the_mean() -> None:
    task = Task(id="Id", targets=("z",))
    objective, mean = fitted(Regression, SKEWED, task, loss="poisson"), SKEWED["z"].mean()
    logits = draws(200, 1)
    rates = [mean * math.exp(float(logit)) for logit in logits[:, 0]]
    expected = [(rate - count * math.log(rate / mean)) / mean for rate, count in zip(rates, SKEWED["z"], strict=True)]
    assert objective.loss(logits, objective.tensor(SKEWED)).item() == pytest.approx(np.mean(expected), rel=1e-5)
    predicted = objective.predict(logits)
    torch.testing.assert_close(predicted, torch.tensor(rates, dtype=torch.float32).clamp(0, SKEWED["z"].max()))


def test_poissons_loss_takes_counts_only() -> None:
    with pytest.raises(UserError, match=r"objective.loss: found poisson; y has -1, expected counts of at least 0"):
        fitted(Regression, pd.DataFrame({"y": [-1, 2]}), loss="poisson")


def test_clipping_may_be_left_out() -> None:
    logits = torch.tensor([[-9.0], [9.0]])
    clipped, free = (fitted(Regression, SKEWED, loss="squared_error", clip=clip) for clip in (True, False))
    assert clipped.predict(logits).tolist() == pytest.approx([SKEWED["y"].min(), SKEWED["y"].max()])
    spread = 9 * SKEWED["y"].std(ddof=0)
    assert free.predict(logits).tolist() == pytest.approx([SKEWED["y"].mean() - spread, SKEWED["y"].mean() + spread])


@pytest.mark.parametrize("exponent", [-1.5, 0.0, 0.4, 1.0, 2.0, 3.0])
def test_the_power_transform_is_scikit_learns_and_is_undone(exponent: float) -> None:
    numbers = np.array([-4.0, -0.3, 0.0, 0.2, 5.0])
    reference = PowerTransformer(standardize=False).fit(numbers[:, None])
    reference.lambdas_ = np.array([exponent])
    moved = power.forward(torch.from_numpy(numbers), torch.tensor(exponent, dtype=torch.float64))
    np.testing.assert_allclose(moved, reference.transform(numbers[:, None])[:, 0], atol=1e-12)
    back = power.backward(moved, torch.tensor(exponent, dtype=torch.float64))
    np.testing.assert_allclose(back, numbers, atol=1e-9)


def test_a_power_makes_a_skewed_target_symmetric_and_predictions_are_in_its_own_units() -> None:
    objective = fitted(Regression, SKEWED, BOTH, loss="squared_error", power=True)
    learned = objective.signals(SKEWED)
    reference = PowerTransformer(standardize=False).fit_transform(SKEWED[["y", "z"]] / SKEWED[["y", "z"]].std(ddof=0))
    np.testing.assert_allclose(learned, reference, rtol=1e-6)
    standardized = torch.tensor((learned - learned.mean(0)) / learned.std(0), dtype=torch.float32)
    target = objective.tensor(SKEWED)
    torch.testing.assert_close(objective.predict(standardized), target, rtol=1e-3, atol=1e-3)
    assert objective.loss(standardized, target).item() == pytest.approx(0, abs=1e-6)
    assert Regression.from_state(objective.state()) == objective
    assert objective.predict(torch.full((1, 2), -99.0)).isfinite().all()


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"loss": "squared_error", "power": True}, "power: found true; expected false"),
        ({"loss": "poisson"}, "loss: found poisson, which learns a logarithm; expected another"),
    ],
)
def test_a_target_has_one_logarithm(section: dict[str, Any], problem: str) -> None:
    options = SECTION.validate_python(section).options
    assert Regression.loss_problems(Task(id="Id", targets=("y",), log=True), options)[0].startswith(problem)
    assert Regression.loss_problems(ONE, options) == []


@pytest.mark.parametrize(("class_weight", "focal"), [(None, 2.0), ("balanced", 0.0), ("balanced", 1.5), (None, 0.0)])
def test_cross_entropy_weighs_classes_and_rows(class_weight: str | None, focal: float) -> None:
    section = {"loss": "cross_entropy", "label_smoothing": 0.0, "class_weight": class_weight, "focal": focal}
    objective = fitted(Classification, LABELS, **section)
    logits, target = draws(5, 4), [0, 3, 1, 2, 0]
    above, below = 0.0, 0.0
    for row, label in zip(logits.tolist(), target, strict=True):
        chance = math.exp(row[label]) / sum(map(math.exp, row))
        weight = 100 / (4 * (LABELS["y"] == label).sum()) if class_weight else 1.0
        above -= weight * (1 - chance) ** focal * math.log(chance)
        below += weight
    assert objective.loss(logits, torch.tensor(target)).item() == pytest.approx(above / below, rel=1e-5)
    members = draws(5, 3, 4)
    single = torch.stack([objective.loss(members[:, member], torch.tensor(target)) for member in range(3)])
    torch.testing.assert_close(objective.loss(members, torch.tensor(target)), single.mean())
    assert Classification.from_state(objective.state()) == objective


TAGS = pd.DataFrame({"y": [1] * 2 + [0] * 18, "z": [0, 1, 1, 1] * 5})


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("class_weight", "focal"), [(None, 2.0), ("balanced", 0.0), ("balanced", 1.5), (None, 0.5)])
def test_binary_cross_entropy_weighs_the_two_classes_of_each_tag(
    class_weight: str | None, focal: float, smoothing: float
) -> None:
    section = {"loss": "binary_cross_entropy", "label_smoothing": smoothing}
    objective = fitted(Tagging, TAGS, BOTH, **section, class_weight=class_weight, focal=focal)
    logits, target = draws(5, 2), objective.tensor(TAGS[:5])
    above, below = 0.0, 0.0
    for row, tags in zip(logits.tolist(), target.tolist(), strict=True):
        for name, logit, tag in zip(("y", "z"), row, tags, strict=True):
            yes = 1 / (1 + math.exp(-logit))
            wanted = tag * (1 - smoothing) + smoothing / 2
            weight = 20 / (2 * (TAGS[name] == tag).sum()) if class_weight else 1.0
            surprise = -wanted * math.log(yes) - (1 - wanted) * math.log(1 - yes)
            above += weight * abs(tag - yes) ** focal * surprise
            below += weight
    assert objective.loss(logits, target).item() == pytest.approx(above / below, rel=1e-5)
    members = draws(5, 3, 2)
    single = torch.stack([objective.loss(members[:, member], target) for member in range(3)])
    torch.testing.assert_close(objective.loss(members, target), single.mean())
    assert Tagging.from_state(objective.state()) == objective


@pytest.mark.parametrize("focal", [0.0, 0.5])
def test_balanced_tags_start_from_even_odds(focal: float) -> None:
    section = {"loss": "binary_cross_entropy", "label_smoothing": 0.0, "class_weight": "balanced", "focal": focal}
    objective = fitted(Tagging, TAGS, BOTH, **section)
    logits = objective.prior()[0][None].requires_grad_()
    objective.loss(logits.expand(len(TAGS), -1), objective.tensor(TAGS)).backward()
    torch.testing.assert_close(logits.grad, torch.zeros(1, 2), atol=1e-6, rtol=0)
    # Rows that are right beyond doubt give no gradient, and no division by zero.
    sure = ((objective.tensor(TAGS) * 2 - 1) * 60).requires_grad_()
    objective.loss(sure, objective.tensor(TAGS)).backward()
    torch.testing.assert_close(sure.grad, torch.zeros(20, 2))


def test_balanced_classes_start_from_equal_shares() -> None:
    section = {"loss": "cross_entropy", "label_smoothing": 0.0, "class_weight": "balanced"}
    objective = fitted(Classification, LABELS, **section)
    logit = torch.zeros(1, 4, requires_grad=True)
    objective.loss(logit.expand(100, -1), objective.tensor(LABELS)).backward()
    torch.testing.assert_close(logit.grad, torch.zeros(1, 4), atol=1e-6, rtol=0)
    torch.testing.assert_close(objective.predict(objective.prior()[0][None]), torch.full((1, 4), 0.25))


def test_ordered_classes_are_binary_questions() -> None:
    objective = fitted(Classification, LABELS, loss="ordinal")
    assert objective.outputs == 3
    logits, target = draws(4, 3), [0, 3, 1, 2]
    total = []
    for row, label in zip(logits.tolist(), target, strict=True):
        for place, value in enumerate(row):
            chance = 1 / (1 + math.exp(-value))
            total.append(-math.log(chance if label > place else 1 - chance))
    assert objective.loss(logits, torch.tensor(target)).item() == pytest.approx(np.mean(total), rel=1e-5)
    prior, examples = objective.prior()
    assert examples.tolist() == [40, 20, 10]
    np.testing.assert_allclose(objective.predict(prior[None])[0], [0.6, 0.2, 0.1, 0.1], atol=0.01)
    assert Classification.from_state(objective.state()) == objective


def test_probabilities_of_ordered_classes_are_probabilities() -> None:
    objective = fitted(Classification, LABELS, loss="ordinal")
    for logits in (3 * draws(50, 3), 3 * draws(50, 2, 3)):
        predicted = objective.predict(logits)
        assert predicted.shape == (50, 4)
        assert (predicted >= 0).all()
        torch.testing.assert_close(predicted.sum(1), torch.ones(50))
    high = objective.predict(torch.tensor([[9.0, 9.0, 9.0], [9.0, -9.0, -9.0]]))
    assert high.argmax(1).tolist() == [3, 1]


def test_every_loss_of_a_kind_has_a_section() -> None:
    sections = {section.model_fields["loss"].annotation.__args__[0] for section in LossSettings.__args__}
    assert {loss for kind in KINDS.values() for loss in kind.losses} == sections
