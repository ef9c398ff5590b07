"""In half precision networks give finite logits, also for empty rows."""

import pytest
import torch
from torch import nn

from groundwork.models.factorization import Factorization
from groundwork.models.rnn import RNN
from groundwork.models.text import WideAndDeep
from groundwork.models.transformer import Transformer
from groundwork.models.two_tower import TwoTower

EMPTY = torch.tensor([[3, 1, 2], [0, 0, 0]])


def texts(deep: nn.Module) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    network = WideAndDeep(deep, terms=9, prior=torch.tensor([-0.7, -1.9]), examples=torch.tensor([3.0, 1.0]))
    return network, {"tokens": EMPTY, "terms": EMPTY, "weights": (EMPTY > 0).float()}


def towers() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    edges = torch.linspace(-2, 2, 5).repeat(4, 1)
    network = TwoTower(torch.randn(10, 8) * (torch.arange(10) > 0)[:, None], torch.ones(10), edges)
    return network, {"signals": torch.randn(2, 4), "query": EMPTY, "document": EMPTY.flip(0)}


def purchases() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    sales, share = torch.rand(2, 6), torch.full((6,), 1 / 6)
    features = torch.tensor([[0], [1], [0], [1], [0], [1]])
    return Factorization(features, 2, sales, share, torch.arange(6), length=3), {
        "history": EMPTY,
        "span": torch.tensor([0, 1]),
    }


MADE = {
    "rnn": lambda: texts(RNN(9)),
    "transformer": lambda: texts(Transformer(9, length=3)),
    "two_tower": towers,
    "factorization": purchases,
}
# A CPU has no LSTM in float16.
CASES = [(name, torch.bfloat16) for name in MADE] + [(name, torch.float16) for name in MADE if name != "rnn"]


def has_lstm(dtype: torch.dtype) -> bool:
    """Tell whether this CPU computes PyTorch's own LSTM in `dtype`; without AVX-512 it does not in bfloat16."""
    try:
        with torch.autocast("cpu", dtype):
            torch.nn.LSTM(2, 2)(torch.zeros(1, 1, 2))
    except RuntimeError as error:
        if "primitive" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_answers_and_gradients_are_finite(name: str, dtype: torch.dtype) -> None:
    if name == "rnn" and not has_lstm(dtype):
        pytest.skip("this CPU has no LSTM in this precision")
    torch.manual_seed(0)
    network, inputs = MADE[name]()
    network.eval()
    with torch.autocast("cpu", dtype):
        answer = network(**inputs)
    assert torch.isfinite(answer).all()
    answer.float().square().mean().backward()
    for place, parameter in network.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), place
