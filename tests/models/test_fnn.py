import torch
from torch import Tensor
from torch.nn import functional as F

from groundwork.models.fnn import FNN, MemberLinear, PiecewiseLinearEmbedding
from groundwork.objectives.classification import Classification

EDGES = torch.tensor([[-2.0, -0.5, 0.5, 0.5, 3.0], [0.0, 1.0, 1.0, 1.0, 1.0]])  # quantiles fall together


def network(dropout: float = 0.0, **sizes: int) -> FNN:
    torch.manual_seed(0)
    return FNN(EDGES, [3, 5], outputs=4, dropout=dropout, **{"members": 3, "width": 8, "embedding": 2, **sizes})


def inputs(rows: int = 10) -> dict[str, Tensor]:
    source = torch.Generator().manual_seed(1)
    numbers = torch.randn(rows, 2, generator=source) * 2
    codes = torch.stack([torch.randint(0, most, (rows,), generator=source) for most in (3, 5)], dim=1)
    return {"numeric": numbers, "categorical": codes}


def test_a_number_is_embedded_piecewise_linearly_between_its_edges() -> None:
    torch.manual_seed(0)
    embed = PiecewiseLinearEmbedding(EDGES, width=3)
    torch.nn.init.normal_(embed.bends)
    numbers = torch.tensor([[-5.0, 0.3], [-1.0, 0.0], [0.5, 1.0], [2.0, 7.0], [9.0, -1.0]])
    for row, got in zip(numbers, embed(numbers), strict=True):
        for feature, number in enumerate(row):
            expected = number * embed.linear[feature] + embed.bias[feature]
            for left, right, bend in zip(EDGES[feature], EDGES[feature, 1:], embed.bends[feature], strict=False):
                if right > left:
                    share = min(max((number - left) / (right - left), torch.tensor(0.0)), torch.tensor(1.0))
                    expected = expected + share * bend
            torch.testing.assert_close(got[feature], expected)


def test_the_embedding_begins_as_a_linear_one() -> None:
    embed = PiecewiseLinearEmbedding(EDGES, width=3)
    numbers = inputs()["numeric"]
    torch.testing.assert_close(embed(numbers), numbers[..., None] * embed.linear + embed.bias)


def test_each_member_is_a_dense_layer_of_its_own() -> None:
    torch.manual_seed(0)
    layer = MemberLinear(members=3, inputs=5, outputs=4, differ=True)
    torch.nn.init.normal_(layer.output_scale)
    rows = torch.randn(7, 3, 5)
    answers = layer(rows)
    for member in range(3):
        weight = layer.input_scale[member][:, None] * layer.weight * layer.output_scale[member]
        expected = F.linear(rows[:, member], weight.T, layer.bias[member])
        torch.testing.assert_close(answers[:, member], expected)


def test_only_the_first_layer_starts_the_members_apart() -> None:
    first, second = (layer for layer in network().hidden if isinstance(layer, MemberLinear))
    assert first.input_scale.abs().unique().tolist() == [1.0]
    assert not torch.equal(first.input_scale[0], first.input_scale[1])
    assert torch.equal(second.input_scale, torch.ones(3, 8))


def test_members_are_networks_that_do_not_see_each_other() -> None:
    net = network()
    torch.nn.init.normal_(net.head)
    before = net(**inputs())
    with torch.no_grad():
        net.head[1].zero_()
        net.hidden[0].input_scale[1].zero_()
    after = net(**inputs())
    assert before.shape == (10, 3, 4)
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])
    assert not torch.allclose(before[:, 1], after[:, 1])


def test_the_same_code_of_two_features_means_two_things() -> None:
    net = network()
    torch.nn.init.normal_(net.head)
    looked_up: list[Tensor] = []
    net.categories.register_forward_hook(lambda module, codes, _: looked_up.append(codes[0]))
    net(numeric=torch.zeros(3, 2), categorical=torch.tensor([[1, 1], [0, 0], [2, 4]]))
    assert looked_up[0].tolist() == [[1, 3 + 1], [0, 3 + 0], [2, 3 + 4]]
    assert net.categories.num_embeddings == 3 + 5


def test_members_start_from_the_same_neutral_answer() -> None:
    assert network()(**inputs()).eq(0).all()


def test_dropout_acts_in_training_only() -> None:
    net = network(dropout=0.5)
    torch.nn.init.normal_(net.head)
    assert not torch.equal(net.train()(**inputs()), net(**inputs()))
    assert torch.equal(net.eval()(**inputs()), net(**inputs()))


def test_every_parameter_gets_a_gradient_after_a_few_steps() -> None:
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    target = torch.arange(10) % 4
    for _ in range(3):
        optimizer.zero_grad()
        Classification(4).loss(net(**inputs()), target).backward()
        optimizer.step()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_table_may_have_no_categories_or_no_numbers() -> None:
    rows = inputs()
    numbers = FNN(EDGES, [], outputs=1, members=2, width=4)
    assert numbers(rows["numeric"], torch.empty(10, 0, dtype=torch.int64)).shape == (10, 2, 1)
    categories = FNN(torch.empty(0, 5), [3, 5], outputs=1, members=2, width=4)
    assert categories(torch.empty(10, 0), rows["categorical"]).shape == (10, 2, 1)
