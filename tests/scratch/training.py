"""The same layer here and in torch, and the same steps of both."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from tests.scratch.against import assert_same, numbers

from groundwork.scratch import Tensor, nn
from groundwork.scratch import functional as F
from groundwork.scratch.diagnosis import relative

STEPS = 100
INPUTS, TARGET = numbers(8, 4), numbers(8, 3, seed=1)


def assert_same_training(
    make_ours: Callable[[list[nn.Parameter]], Any],
    make_theirs: Callable[[list[torch.Tensor]], Any],
    steps: int = STEPS,
    each_step: Callable[[int, Any, Any], None] | None = None,
) -> float:
    """Take steps towards one target in float64; compare outputs and parameters after the last.

    `make_ours` and `make_theirs` take a weight and a bias, and return their optimizer; `each_step` gets the number of
    the step and both optimizers, between `backward` and the step. Returns the largest difference of an output.
    """
    ours = [nn.Parameter(numbers(3, 4, seed=2)), nn.Parameter(numbers(3, seed=3))]
    theirs = [torch.tensor(parameter.data, requires_grad=True) for parameter in ours]
    optimizer, twin = make_ours(ours), make_theirs(theirs)
    inputs, target = torch.from_numpy(INPUTS), torch.from_numpy(TARGET)
    for step in range(steps):
        optimizer.zero_grad()
        twin.zero_grad()
        F.mse_loss(F.tanh(F.linear(Tensor(INPUTS), *ours)), Tensor(TARGET)).backward()
        torch.nn.functional.mse_loss(torch.tanh(torch.nn.functional.linear(inputs, *theirs)), target).backward()
        if each_step is not None:
            each_step(step, optimizer, twin)
        optimizer.step()
        twin.step()
    output, expected = F.linear(Tensor(INPUTS), *ours).data, torch.nn.functional.linear(inputs, *theirs)
    assert_same(output, expected, 1e-8)
    for parameter, other in zip(ours, theirs, strict=True):
        assert np.isfinite(parameter.data).all()
        assert_same(parameter.data, other, 1e-8)
    return float(relative(output, expected.detach().numpy()).max())
