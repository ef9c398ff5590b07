import numpy as np

from groundwork.data.prepared import FINAL
from groundwork.training.seeds import fold_seed


def test_the_first_replicate_keeps_the_numbers_of_before() -> None:
    assert [fold_seed(5, 0, fold) for fold in (0, 1, 4, FINAL)] == [5, 6, 9, 4]
    assert fold_seed(2**32 - 1, 0, 1) == 0
    assert fold_seed(0, 0, FINAL) == 2**32 - 1


def test_other_replicates_share_no_seed_with_any_neighbour() -> None:
    triples = [(seed, replicate, fold) for seed in range(20) for replicate in range(1, 6) for fold in range(FINAL, 10)]
    seeds = [fold_seed(*triple) for triple in triples]
    assert len(set(seeds)) == len(triples)
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert seeds == [fold_seed(*triple) for triple in triples]


def test_a_replicate_is_numpys_seed_sequence() -> None:
    assert fold_seed(3, 2, 1) == np.random.SeedSequence([3, 2, 1]).generate_state(1)[0]
    assert fold_seed(3, 2, FINAL) == np.random.SeedSequence([3, 2, 2**32 - 1]).generate_state(1)[0]
