"""Properties of every kind."""

import inspect
import subprocess
import sys

import pytest
import torch

from groundwork.objectives import KINDS
from groundwork.objectives.base import Objective
from groundwork.objectives.classification import Classification
from groundwork.objectives.metrics import METRICS
from groundwork.objectives.regression import Regression
from groundwork.objectives.tagging import Tagging

TAGS = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1]])
PRICES = Regression(mean=12.0, scale=0.4, low=50_000, high=700_000, beta=0.3, log=True)


def draws(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("objective", "target"),
    [
        (Classification(3, 0.1), torch.tensor([0, 2, 1, 1, 0])),
        (Tagging(3, 0.1), TAGS),
        (PRICES, torch.tensor([1e5, 2e5, 3e5, 9e4, 6e5])),
    ],
)
def test_the_loss_of_members_is_the_mean_of_their_losses(
    objective: Classification | Tagging | Regression, target: torch.Tensor
) -> None:
    logits = draws(5, 4, objective.outputs)
    single = [objective.loss(logits[:, member], target) for member in range(4)]
    torch.testing.assert_close(objective.loss(logits, target), torch.stack(single).mean())


def test_half_precision_logits_give_full_precision_predictions() -> None:
    assert Classification(3).predict(draws(6, 3).bfloat16()).dtype == torch.float32
    assert PRICES.predict(draws(6, 1).bfloat16()).dtype == torch.float32
    assert Tagging(3).predict(draws(6, 3).bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_whole_and_stands_under_its_name(name: str) -> None:
    kind = KINDS[name]
    assert kind.kind == name
    assert issubclass(kind, Objective)
    assert not inspect.isabstract(kind)
    assert kind.losses
    assert any(metric.suits(kind.judged_as) for metric in METRICS.values())


def test_kinds_are_read_without_torch_or_scikit_learn() -> None:
    script = (
        "import sys; import groundwork.objectives;"
        "sys.exit(', '.join(name for name in ('torch', 'sklearn', 'scipy') if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
