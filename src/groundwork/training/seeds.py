"""Seeds: one number for each fold of each replicate."""

import numpy as np

SEEDS = 2**32  # where NumPy's seeds end


def fold_seed(seed: int, replicate: int, fold: int) -> int:
    """Return the seed that a fold starts from: of weights, order, dropout and augmentation.

    Parameters
    ----------
    seed
        Of params.yaml, 0 to 2**32 - 1.
    replicate
        Which repetition of the whole training. Replicate 0 takes ``seed + fold``, so that fold 1 of seed 0 starts as
        fold 0 of seed 1 does; the others have independent streams.
    fold
        Its number; -1 for what is trained on everything.

    Returns
    -------
    int
        0 to 2**32 - 1.
    """
    if replicate == 0:
        return (seed + fold) % SEEDS
    return int(np.random.SeedSequence([seed, replicate, fold % SEEDS]).generate_state(1)[0])
