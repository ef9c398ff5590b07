import torch
from torch.nn import functional as F

from groundwork.models.factorization import Factorization

FEATURES = torch.tensor([[0, 3], [1, 3], [1, 4], [2, 4], [2, 3]])
SALES = torch.tensor([[4.0, 1, 0, 2, 0], [0.0, 3, 5, 1, 1]])
SHARE = torch.tensor([0.5, 0.1, 0.2, 0.2, 0.0])
HISTORY = torch.tensor([[1, 2, 5], [4, 0, 0], [0, 0, 0]])
SPAN = torch.tensor([0, 1, 0])


def network(candidates: list[int] | None = None, negatives: int = 3) -> Factorization:
    torch.manual_seed(0)
    chosen = torch.tensor(candidates if candidates is not None else range(5))
    made = Factorization(FEATURES, 5, SALES, SHARE, chosen, length=3, width=4, dropout=0.5, negatives=negatives)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
    return made.eval()


def by_hand(net: Factorization, history: list[int], span: int, article: int) -> float:
    """Compute the score of an article for a customer, term by term."""

    def vector(code: int) -> torch.Tensor:
        return net.article_weight[code] + net.labels.weight[FEATURES[code]].sum(0)

    bought = [code - 1 for code in history if code]
    weights = [net.recency[place].exp() for place in reversed(range(len(bought)))]
    customer = sum((w * vector(code) for w, code in zip(weights, bought, strict=True)), torch.zeros(4))
    customer = customer / max(sum(weights), torch.tensor(1e-6)) ** 0.5 * net.scale.exp()
    score = customer @ vector(article) + net.bias[article] + net.trend * torch.log1p(SALES[span, article])
    return (score + net.bought_before * (article in bought)).item()


def test_a_score_is_the_sum_of_its_terms() -> None:
    net = network()
    expected = [
        [by_hand(net, history, span, article) for article in range(5)]
        for history, span in zip(HISTORY.tolist(), SPAN.tolist(), strict=True)
    ]
    torch.testing.assert_close(net(HISTORY, SPAN), torch.tensor(expected))


def test_candidates_alone_are_scored() -> None:
    torch.testing.assert_close(network([1, 4])(HISTORY, SPAN), network()(HISTORY, SPAN)[:, [1, 4]])


def test_an_empty_history_leaves_what_sells() -> None:
    net = network()
    torch.testing.assert_close(net(HISTORY, SPAN)[2], net.bias + net.trend * SALES[0].log1p())


def test_padding_changes_nothing() -> None:
    net = network()
    torch.testing.assert_close(net(F.pad(HISTORY, (0, 4)), SPAN), net(HISTORY, SPAN))


def test_what_came_next_stands_first_and_each_other_article_of_the_pool_once() -> None:
    net = network(negatives=50)
    article = torch.tensor([3, 0, 3])
    scores = net(HISTORY, SPAN, article)
    # 50 draws find all five articles; each row's own is taken out of the pool.
    assert scores.shape == (3, 6)
    assert torch.isinf(scores[:, 1:]).sum(1).tolist() == [1, 1, 1]
    chance = 1 - torch.exp(3 * torch.log1p(-SHARE) - 50 / 5)
    expected = net(HISTORY, SPAN) - chance.log()
    torch.testing.assert_close(scores[:, 0], expected[torch.arange(3), article])
    torch.testing.assert_close(scores[:, 1:].nan_to_num(neginf=0), expected.scatter(1, article[:, None], 0))


def test_articles_without_labels_and_with_one_customer_train() -> None:
    net = Factorization(torch.empty(5, 0, dtype=torch.int64), 0, SALES, SHARE, torch.arange(5), length=3, width=4)
    loss = F.cross_entropy(net(HISTORY[:1], SPAN[:1], torch.tensor([2])), torch.zeros(1).long())
    loss.backward()
    assert net.article_weight.grad is not None
    assert torch.isfinite(net.article_weight.grad).all()
