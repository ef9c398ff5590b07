import pytest
import torch
from torch import nn

from groundwork.models.transformer import Block, Transformer

TOKENS, LENGTHS = 30, [9, 1, 4, 0, 6]


def texts() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(1, TOKENS + 1, (length,), generator=generator) for length in LENGTHS]


def padded(rows: list[torch.Tensor], length: int) -> torch.Tensor:
    return torch.stack([nn.functional.pad(row, (0, length - len(row))) for row in rows])


def network() -> Transformer:
    torch.manual_seed(1)
    net = Transformer(TOKENS, length=20, heads=2, head_width=3, depth=2).eval()
    nn.init.normal_(net.places)
    nn.init.normal_(net.embedding.table.weight)
    return net


@torch.no_grad()
def test_padding_changes_no_texts_answer() -> None:
    net = network()
    together, further = net(padded(texts(), 9)), net(padded(texts(), 17))
    assert together.shape == (len(LENGTHS), net.size)
    for row, text in enumerate(texts()):
        alone = net(padded([text], max(len(text), 1)))[0]
        torch.testing.assert_close(together[row], alone, atol=1e-5, rtol=0)
        torch.testing.assert_close(further[row], alone, atol=1e-5, rtol=0)
    assert together[LENGTHS.index(0)].eq(0).all()


@torch.no_grad()
def test_a_block_is_torchs_encoder_layer_with_normalization_first() -> None:
    torch.manual_seed(0)
    block = Block(width=8, heads=2, dropout=0.0).eval()
    for norm in (block.attention_norm, block.feed_norm):
        nn.init.normal_(norm.weight)
    reference = nn.TransformerEncoderLayer(
        8, 2, dim_feedforward=16, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    ).train()
    names = {
        "queries_keys_values": "self_attn.in_proj_", "attended": "self_attn.out_proj", "attention_norm": "norm1",
        "feed_norm": "norm2", "feed.0": "linear1", "feed.2": "linear2",
    }  # fmt: skip
    state = {}
    for name, parameter in block.named_parameters():
        module, _, kind = name.rpartition(".")
        state[f"{names[module]}.{kind}".replace("_.", "_")] = parameter
    reference.load_state_dict(state)
    hidden = torch.randn(3, 5, 8)
    seen = torch.arange(5) < torch.tensor([5, 2, 4])[:, None]
    expected = reference(hidden, src_key_padding_mask=~seen)
    torch.testing.assert_close(block(hidden, seen)[seen], expected[seen], atol=1e-5, rtol=0)


@torch.no_grad()
def test_what_is_not_seen_is_not_attended_to() -> None:
    block = Block(width=8, heads=2, dropout=0.0).eval()
    hidden, seen = torch.randn(1, 6, 8), torch.tensor([[True, True, True, False, True, False]])
    changed = hidden.clone()
    changed[0, ~seen[0]] = 100.0
    torch.testing.assert_close(block(hidden, seen)[seen], block(changed, seen)[seen])
    changed = hidden.clone()
    changed[0, 4] = 100.0
    assert not torch.allclose(block(hidden, seen)[0, 0], block(changed, seen)[0, 0], atol=1e-3)


def test_an_empty_text_and_a_batch_of_nothing_else_give_finite_gradients() -> None:
    net = network().train()
    for batch in (padded(texts(), 9), torch.zeros(3, 1, dtype=torch.int64)):
        net.zero_grad()
        net(batch).sum().backward()
        assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in net.parameters())


def test_the_order_of_words_matters_by_their_places_alone() -> None:
    net = network()
    text = texts()[0][None]
    assert not torch.allclose(net(text), net(text.flip(1)), atol=1e-3)
    nn.init.zeros_(net.places)
    torch.testing.assert_close(net(text), net(text.flip(1)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("only", ["embedding.token_dropout", "embedding.channel_dropout", "blocks.1.dropout"])
def test_dropout_is_for_learning_alone(only: str) -> None:
    net, batch = network(), padded(texts(), 9)
    for name, module in net.named_modules():
        if isinstance(module, nn.Dropout | nn.Dropout1d) and name != only:
            module.p = 0.0
    assert torch.equal(net(batch), net(batch))
    net.train()
    assert not torch.equal(net(batch), net(batch))
