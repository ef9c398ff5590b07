import torch

from groundwork.training.batches import Batches, Rows
from groundwork.training.steps import STEPS_PER_CALL, EpochLoader


def test_lightning_is_handed_many_mini_batches_at_a_time_and_each_once() -> None:
    count = 2 * STEPS_PER_CALL + 3
    rows = Rows({"x": torch.zeros(count, 1)}, torch.zeros(count))
    loader = EpochLoader(Batches.seeded(rows, 1, seed=0), STEPS_PER_CALL)
    calls = list(loader)
    assert [len(call) for call in calls] == [STEPS_PER_CALL, STEPS_PER_CALL, 3]
    assert len(loader) == len(calls)
    drawn = [row for call in calls for batch in call for row in batch.tolist()]
    assert sorted(drawn) == list(range(count))
    assert drawn != [row for call in loader for batch in call for row in batch.tolist()], "each epoch is shuffled anew"
