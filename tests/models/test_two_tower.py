import torch
from tests.training.tiny import training

from groundwork.models.two_tower import TwoTower

TOKENS, WIDTH, SIGNALS = 20, 8, 3


def network() -> TwoTower:
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(TOKENS + 1, WIDTH), dim=1)
    vectors[0] = 0
    made = TwoTower(
        vectors, torch.rand(TOKENS + 1) + 0.5, torch.linspace(-2, 2, 5).repeat(SIGNALS, 1), tower=16, width=16
    )
    for layer in (made.head, made.query_tower.outer, made.document_tower.outer):
        torch.nn.init.normal_(layer.weight)
    return made.eval()


def texts(rows: int, length: int) -> torch.Tensor:
    return torch.randint(1, TOKENS + 1, (rows, length), generator=torch.Generator().manual_seed(1))


def test_padding_changes_nothing() -> None:
    made, query, document, signals = network(), texts(4, 5), texts(4, 7), torch.randn(4, SIGNALS)
    padded = [torch.nn.functional.pad(text, (0, 6)) for text in (query, document)]
    torch.testing.assert_close(made(query, document, signals), made(*padded, signals))


def test_an_empty_text_is_a_finite_answer_however_it_is_padded() -> None:
    made, signals = network(), torch.zeros(2, SIGNALS)
    short, long = torch.zeros(2, 1, dtype=torch.int64), torch.zeros(2, 9, dtype=torch.int64)
    assert made(short, short, signals).isfinite().all()
    torch.testing.assert_close(made(short, long, signals), made(long, short, signals))


def test_a_tower_starts_as_the_weighted_mean() -> None:
    torch.manual_seed(0)
    vectors, weights = torch.randn(TOKENS + 1, WIDTH), torch.rand(TOKENS + 1) + 0.5
    made = TwoTower(vectors, weights, torch.zeros(SIGNALS, 3)).eval()
    text = texts(3, 4)
    mean = (vectors[text] * weights[text][..., None]).sum(1)
    expected = mean / mean.norm(dim=1, keepdim=True)
    torch.testing.assert_close(made.embed_query(text), expected)
    torch.testing.assert_close(made.embed_document(text), expected)


def test_the_head_compares_what_the_towers_embed() -> None:
    made, query, document, signals = network(), texts(6, 5), texts(6, 7), torch.randn(6, SIGNALS)
    assert made.embed_query(query).norm(dim=1).allclose(torch.ones(6))
    before = made(query, document, signals)
    assert before.shape == (6, 1)
    for changed in (made(query.flip(0), document, signals), made(query, document.flip(0), signals)):
        assert not torch.allclose(changed, before)
    assert not torch.allclose(made(query, document, signals + 1), before)


def test_every_weight_learns_and_padding_does_not() -> None:
    made = network().train()
    query, document = texts(64, 5), torch.nn.functional.pad(texts(64, 7), (0, 2))
    made(query, document, torch.randn(64, SIGNALS)).square().mean().backward()
    for name, weight in made.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name
    assert made.vectors.weight.grad is not None
    assert not made.vectors.weight.grad[0].any()


def test_the_towers_learn_at_their_own_rate() -> None:
    from groundwork.training.optimizers import make_optimizer

    made = network()
    groups = make_optimizer(made, training(learning_rate=0.01, weight_decay=0.1)).param_groups
    rates = {id(weight): group["lr"] for group in groups for weight in group["params"]}
    slow = {name for name, weight in made.named_parameters() if rates[id(weight)] == 1e-4}
    assert slow == {name for name, _ in made.named_parameters() if "tower" in name or name == "vectors.weight"}
    assert {rates[id(weight)] for name, weight in made.named_parameters() if name not in slow} == {0.01}
