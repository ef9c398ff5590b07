"""The only source of random numbers: initial weights, dropout masks, shuffled rows."""

import numpy as np

_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Restart from `seed`: later draws are the same each time, on any machine."""
    global _generator  # noqa: PLW0603  # one source for the whole library, as in torch
    _generator = np.random.default_rng(seed)


def generator() -> np.random.Generator:
    """Return the generator that all of `groundwork.scratch` draws from."""
    return _generator
