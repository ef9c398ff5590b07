"""Learning without a gradient: push all knobs a little at random, and keep the push if the loss is lower.

It needs only the loss of a model, so it trains anything with numbers to change. It does not learn why a push was good;
back-propagation does.

Rechenberg's (1 + 1) evolution strategy, as in Beyer and Schwefel, https://doi.org/10.1023/A:1015059928466
"""

import math
from collections.abc import Callable, Iterable
from functools import partial

from groundwork.scratch.grad_mode import no_grad
from groundwork.scratch.nn import Module
from groundwork.scratch.random import generator
from groundwork.scratch.tensor import Tensor
from groundwork.scratch.train import Batches, Epoch, Loss, evaluate

GROW = 1.5
# Four failures undo one success: pushes keep the length at which one in five is kept.
SHRINK = GROW ** (-1 / 4)


class Tweaker:
    """Random local search over parameters, which it changes in place.

    Parameters
    ----------
    params
        The knobs, as `Module.parameters` lists them; ValueError if there are none.
    size
        Standard deviation of the first push, in each knob; ValueError unless above 0.

    Attributes
    ----------
    size : float
        Of the next push.
    evaluations : int
        Number of evaluations of the loss.
    """

    def __init__(self, params: Iterable[Tensor], size: float = 0.1) -> None:
        self.params, self.size, self.evaluations = list(params), size, 0
        if not self.params:
            raise ValueError("found no parameters to change")
        if not 0 < size < math.inf:
            raise ValueError(f"size: found {size}; expected a number above 0")

    def step(self, loss: Callable[[], float]) -> bool:
        """Push once; keep it if `loss`, computed from the current knobs, is lower than before.

        It is called twice and must use the same rows both times. ArithmeticError is raised if the loss before the
        push is NaN or infinite; a push that leads there is undone.
        """
        before = loss()
        if not math.isfinite(before):
            raise ArithmeticError(f"the loss is {before}: every push looks alike")
        old = [knobs.data.copy() for knobs in self.params]
        for knobs in self.params:
            noise = generator().standard_normal(knobs.shape)
            knobs.data[...] += self.size * noise
        self.evaluations += 2
        if loss() < before:
            self.size *= GROW
            return True
        # Every knob goes back to the very number that it had.
        for knobs, numbers in zip(self.params, old, strict=True):
            knobs.data[...] = numbers
        self.size *= SHRINK
        return False


def search(
    network: Module,
    loss: Loss,
    train: Batches,
    valid: Batches | None,
    tweaker: Tweaker,
    epochs: int,
) -> list[Epoch]:
    """Train `network` in place by one push for each batch; it is in evaluation mode all the time.

    Returns
    -------
    list of dict
        For each epoch ``epoch``, from 0, ``kept``, the share of pushes that were kept, ``evaluations`` up to its end,
        and ``val_loss`` if there is `valid`: the mean over rows that decided no push.
    """
    # With dropout the loss would depend on more than the knobs.
    network.eval()
    ask = partial(_loss_of, network, loss)
    history = []
    for epoch in range(epochs):
        # Before and after the push, the loss is of the same batch.
        kept = [tweaker.step(partial(ask, batch)) for batch in train]
        if not kept:
            raise ValueError("found no batches: the loader is empty, or was used up")
        entry: Epoch = {"epoch": epoch, "kept": sum(kept) / len(kept)}
        entry["evaluations"] = tweaker.evaluations
        if valid is not None:
            entry["val_loss"] = evaluate(network, loss, valid)
        history.append(entry)
    return history


@no_grad()
def _loss_of(network: Module, loss: Loss, batch: tuple[Tensor, ...]) -> float:
    *inputs, target = batch
    return loss(network(*inputs), target).item()
