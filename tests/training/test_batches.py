import pytest
import torch
from torch import Tensor, nn

from groundwork.encoders.ragged import Inputs, Ragged, lengths
from groundwork.objectives.regression import Regression
from groundwork.training import batches as module
from groundwork.training.batches import Batches, Rows, pieces
from groundwork.training.inference import predict


def ragged_of(sequences: list[list[int]]) -> Ragged:
    """Make a ragged tensor of sequences."""
    lengths = torch.tensor([len(sequence) for sequence in sequences], dtype=torch.int64)
    values = torch.tensor([value for sequence in sequences for value in sequence], dtype=torch.int64)
    return Ragged(values, lengths.cumsum(0) - lengths, lengths)


def rows(count: int) -> Rows:
    return Rows({"number": torch.arange(count).float()[:, None], "code": torch.arange(count)}, torch.arange(count) % 3)


def epoch(batches: Batches) -> list[list[int]]:
    return [batch.tolist() for batch in batches.epoch()]


@pytest.mark.parametrize(("count", "size"), [(100, 10), (101, 10), (109, 10), (7, 3), (5, 10), (1, 1), (64, 1)])
def test_every_row_comes_once_in_batches_that_differ_by_one_row_at_most(count: int, size: int) -> None:
    batches = Batches.seeded(rows(count), size, seed=0)
    drawn = epoch(batches)
    assert sorted(row for batch in drawn for row in batch) == list(range(count))
    lengths = [len(batch) for batch in drawn]
    assert max(lengths) - min(lengths) <= 1
    assert max(lengths) <= size
    assert len(drawn) == batches.steps


def test_the_order_depends_on_the_seed_alone() -> None:
    first, again, different = (Batches.seeded(rows(50), 8, seed) for seed in (1, 1, 2))
    torch.manual_seed(99)
    orders = [epoch(first), epoch(first)]
    torch.manual_seed(7)
    assert [epoch(again), epoch(again)] == orders
    assert orders[0] != orders[1]
    assert epoch(different) not in orders


def test_a_copy_for_a_device_begins_again_with_the_first_epoch() -> None:
    batches = Batches.seeded(rows(50), 8, seed=3)
    first = epoch(batches)
    assert epoch(batches.to(torch.device("cpu"))) == first


@pytest.mark.parametrize("count", [40, 41, 43])
@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_each_permutation_in_equally_many_steps(count: int, world_size: int) -> None:
    whole = Batches.seeded(rows(count), 4, seed=5)
    shares = [whole.to(torch.device("cpu"), rank, world_size) for rank in range(world_size)]
    assert len({share.steps for share in shares}) == 1
    for _ in range(2):
        drawn = [epoch(share) for share in shares]
        assert {len(batches) for batches in drawn} == {shares[0].steps}
        assert sorted(row for batches in drawn for batch in batches for row in batch) == list(range(count))


def test_augmentation_does_not_part_the_processes() -> None:
    """Shares of 21 and 20 rows draw different amounts of noise, but the next permutation must be equal."""

    def noisy(inputs: Inputs, generator: torch.Generator) -> Inputs:
        return {"number": torch.rand(inputs["number"].shape, generator=generator)}

    whole = Batches.seeded(rows(41), 7, 0, noisy)
    shares = [whole.to(torch.device("cpu"), rank, 2) for rank in range(2)]
    for _ in range(3):
        drawn = [share.epoch() for share in shares]
        assert sorted(torch.cat([*drawn[0], *drawn[1]]).tolist()) == list(range(41))
        noise = [share.take(batches[0])[0]["number"] for share, batches in zip(shares, drawn, strict=True)]
        assert not torch.equal(noise[0][:3], noise[1][:3]), "each process must have a noise of its own"
        for share, batches in zip(shares, drawn, strict=True):
            for batch in batches[1:]:
                share.take(batch)


def test_a_batch_holds_the_inputs_and_targets_of_its_rows() -> None:
    batches = Batches.seeded(rows(20), 6, seed=0)
    which = torch.tensor([3, 17, 4])
    inputs, target = batches.take(which)
    assert inputs["number"].tolist() == [[3.0], [17.0], [4.0]]
    assert inputs["code"].tolist() == [3, 17, 4]
    assert target.tolist() == [0, 2, 1]


def test_the_same_seed_gives_the_same_augmentation() -> None:
    def noisy(inputs: Inputs, generator: torch.Generator) -> Inputs:
        return {"number": torch.rand(len(inputs["number"]), generator=generator)}

    def first(seed: int) -> torch.Tensor:
        batches = Batches.seeded(rows(20), 6, seed, noisy)
        return batches.take(batches.epoch()[0])[0]["number"]

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


# --- sequences --------------------------------------------------------------------------------------------------------

CPU = torch.device("cpu")
SENTENCES = [[5, 6, 7], [], [8], [9, 9, 9, 9]]


def comments(count: int = 4000) -> Ragged:
    """Draw lengths like those of comments: about 80 tokens, a few of them near the maximum of 300."""
    source = torch.Generator().manual_seed(0)
    drawn = torch.empty(count).log_normal_(4.1, 0.75, generator=source).long().clamp(1, 300)
    # Each token names its row, so that a batch shows whose tokens it holds.
    return Ragged(torch.repeat_interleave(torch.arange(1, count + 1), drawn), drawn.cumsum(0) - drawn, drawn)


def texts(count: int = 4000) -> Rows:
    return Rows({"tokens": comments(count)}, torch.arange(count))


def padding(long: Tensor, drawn: tuple[Tensor, ...]) -> float:
    """Return the share of padding in padded batches."""
    padded = sum(len(batch) * int(long[batch].max()) for batch in drawn)
    return 1 - int(long.sum()) / padded


def test_sequences_are_gathered_and_filled_up_with_zeros() -> None:
    ragged = ragged_of(SENTENCES)
    assert len(ragged) == 4
    assert ragged[torch.tensor([2, 0])].tolist() == [[8, 0, 0], [5, 6, 7]]
    assert ragged[torch.tensor([3, 1])].tolist() == [[9, 9, 9, 9], [0, 0, 0, 0]]
    assert ragged[1:3].tolist() == [[0], [8]]
    assert ragged[torch.tensor([0, 0])].tolist() == [[5, 6, 7]] * 2


def test_windows_may_overlap() -> None:
    """Make the history before each of five purchases of a customer: windows of the same list."""
    bought = torch.tensor([11, 12, 13, 14, 15])
    before = torch.arange(5)
    histories = Ragged(bought, (before - 3).clamp(min=0), before.clamp(max=3))
    assert histories[:].tolist() == [[0, 0, 0], [11, 0, 0], [11, 12, 0], [11, 12, 13], [12, 13, 14]]


@pytest.mark.parametrize("sequences", [[[], []], [[]]])
def test_empty_sequences_alone_are_one_padding_each(sequences: list[list[int]]) -> None:
    gathered = ragged_of(sequences)[:]
    assert gathered.tolist() == [[0]] * len(sequences)
    assert gathered.dtype == torch.int64


def test_the_last_of_all_rows_may_be_empty() -> None:
    """The sequence of an empty row may start at the end of the values."""
    assert ragged_of([[1, 2], []])[torch.tensor([1])].tolist() == [[0]]


def test_no_rows_at_all_are_gathered_too() -> None:
    assert ragged_of(SENTENCES)[torch.tensor([], dtype=torch.int64)].shape == (0, 1)


def test_elements_may_be_vectors() -> None:
    ragged = Ragged(torch.arange(1.0, 9.0).reshape(4, 2), torch.tensor([0, 3, 4]), torch.tensor([3, 1, 0]))
    assert ragged[:].shape == (3, 3, 2)
    assert ragged[torch.tensor([1, 0])].tolist() == [[[7, 8], [0, 0], [0, 0]], [[1, 2], [3, 4], [5, 6]]]
    assert Ragged(torch.empty(0, 2), torch.tensor([0]), torch.tensor([0]))[:].tolist() == [[[0, 0]]]


@pytest.mark.parametrize(
    "device",
    ["meta", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))],
)
def test_sequences_move_to_a_device_whole(device: str) -> None:
    moved = Rows({"tokens": ragged_of(SENTENCES)}, torch.zeros(4)).to(torch.device(device)).inputs["tokens"]
    assert isinstance(moved, Ragged)
    assert {tensor.device.type for tensor in (moved.values, moved.starts, moved.lengths)} == {device}


def test_the_first_input_that_is_a_sequence_tells_the_lengths() -> None:
    short, long = ragged_of([[1], [2]]), ragged_of([[1, 1], [2, 2, 2]])
    assert lengths({"number": torch.zeros(2, 1), "short": short, "long": long}) is short.lengths
    assert lengths(rows(2).inputs) is None


@pytest.mark.parametrize(("count", "size"), [(4000, 32), (1601, 32), (33, 32), (31, 32), (1, 4)])
def test_bucketed_epochs_hold_every_row_once_in_batches_that_differ_by_one_row_at_most(count: int, size: int) -> None:
    batches = Batches.seeded(texts(count), size, seed=0)
    for drawn in (epoch(batches), epoch(batches)):
        assert sorted(row for batch in drawn for row in batch) == list(range(count))
        sizes = [len(batch) for batch in drawn]
        assert max(sizes) - min(sizes) <= 1
        assert max(sizes) <= size
        assert len(drawn) == batches.steps


def test_bucketed_batches_waste_little_on_padding() -> None:
    data = texts()
    long = comments().lengths
    assert 70 < long.float().mean() < 90
    assert long.max() == 300
    batches = Batches.seeded(data, 32, seed=0)
    assert max(padding(long, batches.epoch()) for _ in range(3)) < 0.1
    unsorted = torch.randperm(len(data), generator=torch.Generator().manual_seed(0)).tensor_split(batches.steps)
    assert padding(long, unsorted) > 0.3


def test_a_bucketed_batch_holds_its_rows_tokens_and_no_others() -> None:
    batches = Batches.seeded(texts(500), 32, seed=0)
    for which in batches.epoch():
        inputs, target = batches.take(which)
        tokens = inputs["tokens"]
        assert target.tolist() == which.tolist()
        assert (tokens > 0).sum(1).tolist() == comments(500).lengths[which].tolist()
        assert ((tokens == which[:, None] + 1) | (tokens == 0)).all()


def test_rows_meet_others_in_each_bucketed_epoch() -> None:
    batches = Batches.seeded(texts(), 32, seed=0)
    first, second = ({frozenset(batch) for batch in epoch(batches)} for _ in range(2))
    assert len(first & second) <= len(first) // 10


def test_bucketed_batches_do_not_come_in_the_order_of_their_lengths() -> None:
    long = comments().lengths
    longest = torch.stack([long[batch].max() for batch in Batches.seeded(texts(), 32, seed=0).epoch()])
    rising = (longest.diff() >= 0).float().mean()
    assert 0.3 < rising < 0.7


@pytest.mark.parametrize("count", [400, 401, 403])
@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_bucketed_epochs(count: int, world_size: int) -> None:
    whole = Batches.seeded(texts(count), 16, seed=5)
    shares = [whole.to(CPU, rank, world_size) for rank in range(world_size)]
    for _ in range(3):
        drawn = [epoch(share) for share in shares]
        assert {len(batches) for batches in drawn} == {shares[0].steps}
        assert sorted(row for batches in drawn for batch in batches for row in batch) == list(range(count))


@pytest.mark.parametrize("inputs", [rows(50).inputs, texts(50).inputs], ids=["table", "sequences"])
def test_pieces_hold_every_row_once_with_its_inputs(inputs: module.Encoded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 8)
    monkeypatch.setattr(module, "SEQUENCES_AT_ONCE", 8)
    cut = list(pieces(inputs))
    assert [len(which) for which, _ in cut] == [8] * 6 + [2]
    assert sorted(torch.cat([which for which, _ in cut]).tolist()) == list(range(50))
    for which, piece in cut:
        assert piece.keys() == inputs.keys()
        assert all(torch.equal(values, inputs[name][which]) for name, values in piece.items())


class Length(nn.Module):
    """A network that returns the number of tokens of a sequence."""

    def forward(self, tokens: Tensor) -> Tensor:
        return (tokens > 0).sum(1, keepdim=True).float()


def test_predictions_of_sequences_come_in_the_order_of_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEQUENCES_AT_ONCE", 7)
    number = Regression(mean=0, scale=1, low=0, high=1000)
    assert torch.equal(predict(Length(), number, texts(100).inputs, CPU), comments(100).lengths.float())
