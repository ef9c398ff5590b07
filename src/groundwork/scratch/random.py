"""The one source of chance: first weights, dropout masks, shuffled rows."""

import numpy as np

_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Start over from `seed`: what follows is the same each time, on this machine and any other."""
    global _generator  # noqa: PLW0603  # one source for the whole library, as in torch
    _generator = np.random.default_rng(seed)


def generator() -> np.random.Generator:
    """Return the generator that all of `groundwork.scratch` draws from."""
    return _generator
