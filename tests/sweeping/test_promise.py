"""What is pruned: trials that are clearly behind, seldom one that is as good, and almost never one that is better."""

import numpy as np
from numpy.typing import NDArray

from groundwork.objectives import KINDS
from groundwork.objectives.metrics import METRICS
from groundwork.sweeping.promise import CHANCE, promising
from groundwork.verdict.rows import Rows
from groundwork.verdict.verdict import Side, Verdict, judge

KIND = KINDS["classification"]


def rows_of(metric: str, target: NDArray[np.int64]) -> Rows:
    codes = np.arange(len(target))
    return Rows(METRICS[metric], KIND.judged_as, KIND.combine, codes, codes % 1, target, codes)


def compared(rows: Rows, a: NDArray[np.float64], b: NDArray[np.float64]) -> Verdict:
    one, other = (Side(name, [np.column_stack([1 - p, p])]) for name, p in (("trial", a), ("current", b)))
    return judge(rows, one, other, resamples=500)


def test_a_few_rows_decide_nothing() -> None:
    target = np.zeros(180, dtype=np.int64)
    rows, right = rows_of("accuracy", target), np.full(180, 0.2)
    for lost, goes_on in ((0, True), (1, True), (2, True), (3, True), (8, False)):
        wrong = right.copy()
        wrong[:lost] = 0.8
        assert promising(compared(rows, wrong, right)) is goes_on, lost
        assert promising(compared(rows, right, wrong))


def test_equal_trials_are_pruned_as_seldom_as_promised() -> None:
    rng, pruned = np.random.default_rng(0), {-0.12: 0, 0.0: 0, 0.12: 0}
    for gain in pruned:
        for _ in range(50 if gain else 200):
            target = rng.integers(0, 2, 200)
            rows = rows_of("log_loss", target)
            signal, noise = rng.normal(np.where(target, 1.0, -1.0), 1.0), rng.normal(0, 0.5, (2, 200))
            logits = signal + noise + np.array([[gain], [0.0]]) * np.where(target, 1.0, -1.0)
            a, b = 1 / (1 + np.exp(-logits))
            pruned[gain] += not promising(compared(rows, a, b))
    assert pruned[0.12] < 2
    # 20 of 200, with three standard errors of a binomial count.
    assert abs(pruned[0.0] - 200 * CHANCE) < 3 * np.sqrt(200 * CHANCE * (1 - CHANCE))
    assert pruned[-0.12] > 20
