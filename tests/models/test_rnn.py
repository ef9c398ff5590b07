import torch
from torch import nn

from groundwork.models.rnn import RNN

TOKENS, LENGTHS = 30, [9, 1, 4, 0, 6]


def texts() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(1, TOKENS + 1, (length,), generator=generator) for length in LENGTHS]


def padded(rows: list[torch.Tensor], length: int) -> torch.Tensor:
    return torch.stack([nn.functional.pad(row, (0, length - len(row))) for row in rows])


def network() -> RNN:
    torch.manual_seed(1)
    return RNN(TOKENS, embedding=6, width=5).eval()


@torch.no_grad()
def test_padding_changes_no_texts_answer() -> None:
    net = network()
    together, further = net(padded(texts(), 9)), net(padded(texts(), 17))
    assert together.shape == (len(LENGTHS), net.size)
    for row, text in enumerate(texts()):
        alone = net(padded([text], max(len(text), 1)))[0]
        torch.testing.assert_close(together[row], alone, atol=1e-5, rtol=0)
        torch.testing.assert_close(further[row], alone, atol=1e-5, rtol=0)


@torch.no_grad()
def test_it_reads_and_pools_as_torchs_bidirectional_lstm_does() -> None:
    net = network()
    reference = nn.LSTM(6, 5, batch_first=True, bidirectional=True)
    weights = dict(net.forwards.named_parameters())
    weights |= {f"{name}_reverse": weight for name, weight in net.backwards.named_parameters()}
    reference.load_state_dict(weights)
    together = net(padded(texts(), 9))
    for row, text in enumerate(texts()):
        if len(text):
            hidden = reference(net.embedding.table(text)[None])[0][0]
            expected = torch.cat([hidden.mean(0), hidden.amax(0)])
            torch.testing.assert_close(together[row], expected, atol=1e-5, rtol=0)
        else:
            assert together[row].eq(0).all()


def test_an_empty_text_and_a_batch_of_nothing_else_give_finite_gradients() -> None:
    net = network().train()
    for batch in (padded(texts(), 9), torch.zeros(3, 1, dtype=torch.int64)):
        net.zero_grad()
        net(batch).sum().backward()
        assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in net.parameters())


def test_the_order_of_words_matters() -> None:
    net = network()
    text = texts()[0][None]
    assert not torch.allclose(net(text), net(text.flip(1)), atol=1e-3)


def test_dropout_is_for_learning_alone() -> None:
    net, batch = network(), padded(texts(), 9)
    assert torch.equal(net(batch), net(batch))
    net.train()
    assert not torch.equal(net(batch), net(batch))
