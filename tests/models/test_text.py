import pytest
import torch
from torch import Tensor, nn

from groundwork.models.rnn import RNN
from groundwork.models.text import DeepPath, TermWeights, TokenEmbedding, WideAndDeep, pooled
from groundwork.models.transformer import Transformer

TOKENS, TERMS = 12, 9
POSITIVES, ROWS = torch.tensor([100.0, 4.0, 0.0]), 200
PRIOR = torch.logit((POSITIVES + 0.5) / (ROWS + 1))


def deep(kind: str) -> DeepPath:
    if kind == "rnn":
        return RNN(TOKENS, embedding=8, width=6)
    return Transformer(TOKENS, length=10, heads=2, head_width=4)


def network(kind: str = "rnn") -> WideAndDeep:
    torch.manual_seed(0)
    return WideAndDeep(deep(kind), TERMS, PRIOR, POSITIVES, shrinkage=100.0)


def spoken(net: WideAndDeep) -> WideAndDeep:
    """Set random weights, since those of both paths start at zero."""
    for weight in (net.wide.weight, net.head.weight, net.wide_bias, net.head.bias):
        nn.init.normal_(weight)
    with torch.no_grad():
        net.wide.weight[0] = 0.0
    return net


def inputs() -> dict[str, Tensor]:
    return {
        "tokens": torch.tensor([[1, 2, 3, 4], [5, 0, 0, 0], [0, 0, 0, 0]]),
        "terms": torch.tensor([[1, 5, 9], [2, 3, 0], [0, 0, 0]], dtype=torch.int32),
        "weights": torch.tensor([[0.5, 0.2, 0.8], [0.6, 0.7, 0.0], [0.0, 0.0, 0.0]]),
    }


def test_terms_add_up_by_their_weights_and_padding_says_nothing() -> None:
    net, given = spoken(network()).train(), inputs()
    wide = net(**given)[:, 0]
    dense = torch.zeros(3, TERMS + 1).scatter(1, given["terms"].long(), given["weights"])
    expected = dense[:, 1:] @ net.wide.weight[1:] + net.wide_bias + net.prior
    torch.testing.assert_close(wide, expected)
    net(**given).sum().backward()
    assert net.wide.weight.grad is not None
    assert net.wide.weight.grad[0].eq(0).all()
    assert net.wide.weight.grad[[4, 6, 7, 8]].eq(0).all()  # no row has them


@pytest.mark.parametrize("kind", ["rnn", "transformer"])
def test_the_deep_path_counts_by_the_examples_that_a_tag_has(kind: str) -> None:
    net = spoken(network(kind))
    for module in net.modules():
        if isinstance(module, nn.Dropout | nn.Dropout1d):
            module.p = 0.0
    wide, further = net.train()(**inputs()).unbind(1)
    answer = net.eval()(**inputs())
    trust = torch.tensor([0.5, 4 / 104, 0.0])
    # Each path starts from the prior; it is counted once.
    torch.testing.assert_close(answer, wide + trust * (further - net.prior))
    torch.testing.assert_close(answer[:, 2], wide[:, 2])


def test_numbers_of_both_paths_are_averaged() -> None:
    torch.manual_seed(0)
    net = spoken(WideAndDeep(deep("rnn"), TERMS, PRIOR, POSITIVES, shrinkage=100.0, dropout=0.0, evidence=False))
    for module in net.modules():
        if isinstance(module, nn.Dropout | nn.Dropout1d):
            module.p = 0.0
    wide, further = net.train()(**inputs()).unbind(1)
    trust = torch.tensor([0.5, 4 / 104, 0.0])
    torch.testing.assert_close(net.eval()(**inputs()), (wide + trust * further) / (1 + trust))


def test_a_fresh_network_answers_with_the_tags_shares() -> None:
    net = network()
    for logits in (net.eval()(**inputs()), *net.train()(**inputs()).unbind(1)):
        shares = logits.sigmoid()
        torch.testing.assert_close(shares, ((POSITIVES + 0.5) / (ROWS + 1)).expand(3, 3))


@pytest.mark.parametrize("kind", ["rnn", "transformer"])
def test_the_order_of_words_matters_to_the_deep_path_alone(kind: str) -> None:
    net, given = spoken(network(kind)), inputs()
    for module in net.modules():
        if isinstance(module, nn.Dropout | nn.Dropout1d):
            module.p = 0.0
    turned = {name: values.flip(1) if name != "tokens" else values for name, values in given.items()}
    reread = given | {"tokens": torch.tensor([[4, 3, 2, 1], [5, 0, 0, 0], [0, 0, 0, 0]])}
    wide, further = net.train()(**given).unbind(1)
    torch.testing.assert_close(net(**turned)[:, 0], wide)
    torch.testing.assert_close(net(**reread)[:, 0], wide)
    assert not torch.allclose(net(**reread)[0, 1], further[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["rnn", "transformer"])
def test_padding_changes_no_rows_logits(kind: str) -> None:
    net = spoken(network(kind)).eval()
    together = net(**inputs())
    wider = net(**{name: nn.functional.pad(values, (0, 4)) for name, values in inputs().items()})
    torch.testing.assert_close(together, wider, atol=1e-5, rtol=0)
    alone = net(**{name: values[1:2, :2] for name, values in inputs().items()})
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["rnn", "transformer"])
def test_the_deep_path_learns_twenty_comments_by_heart(kind: str) -> None:
    """The tag depends on the order of two words, which a bag of words cannot distinguish."""
    torch.manual_seed(0)
    net = WideAndDeep(deep(kind), TERMS, torch.zeros(1), torch.tensor([10.0]), dropout=0.0)
    fillers = torch.randint(3, TOKENS + 1, (20, 4))
    target = (torch.arange(20) % 2).float()[:, None]
    tokens = torch.cat([torch.where(target > 0, torch.tensor([[1, 2]]), torch.tensor([[2, 1]])), fillers], dim=1)
    terms, weights = torch.tensor([[1, 2]]).expand(20, 2), torch.ones(20, 2)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.02)
    for _ in range(150):
        logits = net(tokens, terms, weights)
        loss = nn.functional.binary_cross_entropy_with_logits(logits[:, 1], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    net.trust.fill_(1.0)
    answer = net(tokens, terms, weights).sigmoid()
    assert (answer - target).abs().max() < 0.1


def test_dropout_takes_whole_tokens_and_whole_channels() -> None:
    torch.manual_seed(0)
    tokens = torch.arange(1, 9).expand(40, 8)
    kept = TokenEmbedding(8, 6, token_dropout=0.5, channel_dropout=0.0)(tokens) != 0
    assert (kept.all(2) | ~kept.any(2)).all()
    assert 0.4 < kept.any(2).float().mean() < 0.6
    kept = TokenEmbedding(8, 6, token_dropout=0.0, channel_dropout=0.5)(tokens) != 0
    assert (kept.all(1) | ~kept.any(1)).all()
    assert 0.4 < kept.any(1).float().mean() < 0.6


def test_pooling_takes_mean_and_maximum_of_what_is_real() -> None:
    hidden = torch.tensor([[[1.0, -4.0], [3.0, -2.0], [99.0, 99.0]], [[7.0, 7.0]] * 3])
    real = torch.tensor([[True, True, False], [False] * 3])
    assert pooled(hidden, real).tolist() == [[2.0, -3.0, 3.0, -2.0], [0.0] * 4]


def test_term_weights_ask_for_an_optimizer_of_their_own() -> None:
    assert TermWeights(3, 2, learning_rate=0.5).optimizer_options == {"lr": 0.5, "eps": 1e-2, "weight_decay": 0.0}
