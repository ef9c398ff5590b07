"""Running out of memory, simulated on a CPU by a network that fits only so many rows."""

from typing import Any

import pytest
import torch
from tests.training.tiny import CPU, training
from torch import Tensor, nn

from groundwork.encoders.ragged import Ragged
from groundwork.errors import UserError
from groundwork.objectives.classification import Classification
from groundwork.objectives.metrics import METRICS
from groundwork.training.batches import Batches, Rows
from groundwork.training.fit import Fit, fit
from groundwork.training.inference import predict


class Room(nn.Module):
    """A network that fits `most` numbers in training and `scored` numbers in evaluation."""

    def __init__(self, most: int, scored: int = 10**9, error: type[RuntimeError] = torch.OutOfMemoryError) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 2)
        self.most, self.scored, self.error = most, scored, error

    def forward(self, x: Tensor) -> Tensor:
        if x.numel() > (self.most if self.training else self.scored):
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.layer(x.float().mean(1, keepdim=True))


def rows(count: int = 64) -> Rows:
    return Rows({"x": torch.arange(count).float()[:, None]}, torch.arange(count) % 2)


def fitted(network: nn.Module, train: Rows | None = None, **changes: Any) -> Fit:
    train = train or rows()
    settings = training(**{"batch_size": 32, **changes})
    return fit(
        network,
        Classification(2),
        METRICS["accuracy"],
        Batches.seeded(train, settings.batch_size, 0),
        train,
        settings,
        CPU,
    )


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
@pytest.mark.parametrize("fits", [1, 5, 16, 31])
def test_the_batch_size_that_fits_is_found_by_trying(fits: int, error: type[RuntimeError]) -> None:
    with pytest.raises(UserError, match=r"out of memory with training.batch_size 32") as caught:
        fitted(Room(fits, error=error))
    # To within a sixteenth of what was wanted.
    assert fits - 2 < int(caught.value.problem.split("; ")[1].split()[0]) <= fits
    fitted(Room(fits), batch_size=int(caught.value.next_step.split("batch_size to ")[1].split()[0]), epochs=1)
    assert "accumulate_grad_batches" in caught.value.next_step


def test_a_mini_batch_of_the_longest_sequences_is_what_has_to_fit() -> None:
    lengths = torch.tensor([1, 2, 8, 4] * 16)
    words = Ragged(torch.ones(600), lengths.cumsum(0) - lengths, lengths)
    with pytest.raises(UserError, match=r"; 4 rows fit"):
        fitted(Room(32), Rows({"x": words}, torch.arange(64) % 2))


def test_one_row_that_does_not_fit_is_said() -> None:
    with pytest.raises(UserError, match="not even one row fits") as caught:
        fitted(Room(0))
    assert "smaller" in caught.value.next_step


def test_memory_that_another_program_took_is_said() -> None:
    class Passing(Room):
        def forward(self, x: Tensor) -> Tensor:
            self.most, most = 10**9, self.most
            if self.training and x.numel() > most:
                raise self.error("CUDA out of memory")
            return super().forward(x)

    with pytest.raises(UserError, match="which fits now"):
        fitted(Passing(4))


def test_scoring_takes_fewer_rows_at_once_where_memory_ends() -> None:
    torch.manual_seed(0)
    small = fitted(Room(100, scored=5), epochs=2)
    torch.manual_seed(0)
    large = fitted(Room(100), epochs=2)
    for small_epoch, large_epoch in zip(small.history, large.history, strict=True):
        assert small_epoch == pytest.approx(large_epoch, rel=1e-5)
    cpu = torch.device("cpu")
    few, all_at_once = (predict(result.network, Classification(2), rows().inputs, cpu) for result in (small, large))
    torch.testing.assert_close(few, all_at_once)
    with pytest.raises(UserError, match="while it scored one validation row"):
        fitted(Room(100, scored=0))


def test_any_other_error_stays_what_it_is() -> None:
    class Broken(Room):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        fitted(Broken(1))
