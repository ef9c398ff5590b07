import pytest
import torch

from groundwork.scratch import manual_seed


@pytest.fixture(autouse=True)
def _the_same_chance_each_time() -> None:
    # First weights near a kink would fail a gradient check once in a while.
    manual_seed(0)
    torch.manual_seed(0)
