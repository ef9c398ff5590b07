"""Derives the seed of each fold and replicate from the seed of params.yaml."""

import numpy as np

SEEDS = 2**32  # number of seeds that NumPy accepts


def fold_seed(seed: int, replicate: int, fold: int) -> int:
    """Return the seed of a fold's weights, order of rows, dropout and augmentation.

    Parameters
    ----------
    seed
        The seed of params.yaml, 0 to 2**32 - 1.
    replicate
        Number of the repetition of the whole training. Replicate 0 has ``seed + fold``, so that fold 1 of seed 0 has
        the same seed as fold 0 of seed 1; the seeds of other replicates are independent.
    fold
        Its number; -1 for the final model.

    Returns
    -------
    int
        0 to 2**32 - 1.
    """
    if replicate == 0:
        return (seed + fold) % SEEDS
    return int(np.random.SeedSequence([seed, replicate, fold % SEEDS]).generate_state(1)[0])
