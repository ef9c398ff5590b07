import torch
from torch import nn

from groundwork.training.callbacks import averaged


def test_the_average_forgets_the_first_weights_and_then_follows_with_its_decay() -> None:
    layer = nn.Linear(1, 1, bias=False)
    average = averaged(layer, decay=0.8)
    expected = 0.0
    for step in range(60):
        nn.init.constant_(layer.weight, float(step % 7))
        average.update_parameters(layer)
        decay = min(0.8, (step + 1) / (step + 10)) if step else 0.0
        expected = decay * expected + (1 - decay) * (step % 7)
        torch.testing.assert_close(average.module.weight.item(), expected, rtol=1e-4, atol=1e-5)


def test_the_average_is_a_copy_that_no_optimizer_trains() -> None:
    layer = nn.Linear(2, 2)
    average = averaged(layer, decay=0.9)
    assert not any(parameter.requires_grad for parameter in average.parameters())
    assert all(parameter.requires_grad for parameter in layer.parameters())
    before = average.module.weight.clone()
    nn.init.zeros_(layer.weight)
    assert torch.equal(average.module.weight, before)


def test_running_statistics_are_averaged_and_counters_copied() -> None:
    layer = nn.BatchNorm1d(1)
    average = averaged(layer, decay=0.5)
    for mean in (1.0, 3.0):
        layer.running_mean = torch.tensor([mean])
        layer.num_batches_tracked += 5
        average.update_parameters(layer)
    decay = 2 / 11
    torch.testing.assert_close(average.module.running_mean, torch.tensor([decay * 1.0 + (1 - decay) * 3.0]))
    assert average.module.num_batches_tracked == 10
