import pytest
import torch

from groundwork.models.cnn import CNN
from groundwork.objectives.classification import Classification


@pytest.mark.parametrize(("height", "width"), [(28, 28), (9, 13), (8, 31), (7, 7)])
@pytest.mark.parametrize(("colours", "channels"), [(1, [4]), (3, [4, 6]), (1, [4, 6, 8])])
def test_pictures_of_any_size_give_one_row_of_logits_each(
    height: int, width: int, colours: int, channels: list[int]
) -> None:
    net = CNN(colours, channels, outputs=10)
    assert net(torch.randn(5, colours, height, width)).shape == (5, 10)


def test_each_stage_halves_the_picture_but_the_last() -> None:
    maps = CNN(1, [4, 6, 8], outputs=2).features(torch.zeros(2, 1, 28, 28))
    assert maps.shape == (2, 8, 7, 7)


def test_a_picture_is_answered_alone_once_trained() -> None:
    net = CNN(1, [4, 6], outputs=3, dropout=0.5).eval()
    images = torch.randn(6, 1, 12, 12)
    torch.testing.assert_close(net(images)[2:3], net(images[2:3]))
    assert torch.equal(net(images), net(images))


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    net = CNN(1, [4, 6], outputs=3, dropout=0.5).train()
    images = torch.randn(6, 1, 12, 12)
    assert not torch.equal(net(images), net(images))


def test_every_parameter_gets_a_gradient_after_a_few_steps() -> None:
    torch.manual_seed(0)
    net = CNN(1, [4, 6], outputs=3)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    images, target = torch.randn(12, 1, 12, 12), torch.arange(12) % 3
    for _ in range(2):
        optimizer.zero_grad()
        Classification(3).loss(net(images), target).backward()
        optimizer.step()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_it_learns_which_half_is_bright() -> None:
    torch.manual_seed(0)
    target = torch.arange(40) % 2
    images = torch.randn(40, 1, 8, 8) * 0.3
    images[target == 0, :, :, :4] += 1
    images[target == 1, :, 4:, :] += 1
    net = CNN(1, [4, 8], outputs=2)
    optimizer = torch.optim.AdamW(net.parameters(), 0.02)
    for _ in range(15):
        optimizer.zero_grad()
        Classification(2).loss(net(images), target).backward()
        optimizer.step()
    assert (net.eval()(images).argmax(1) == target).float().mean() > 0.9
