import pytest
import torch

from groundwork.data.batches import Batches, Inputs, Rows


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
    first, again, other = (Batches.seeded(rows(50), 8, seed) for seed in (1, 1, 2))
    torch.manual_seed(99)
    orders = [epoch(first), epoch(first)]
    torch.manual_seed(7)
    assert [epoch(again), epoch(again)] == orders
    assert orders[0] != orders[1]
    assert epoch(other) not in orders


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
    """Shares of 21 and 20 rows draw different amounts of noise; the next permutation must be the same all the same."""

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
