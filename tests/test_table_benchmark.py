"""The comparison of tables scores scikit-learn's models on the rows and folds of ours; its page keeps former rows.

What it runs besides, `groundwork add` and `repro`, has tests of its own: tests/adding/test_end_to_end.py.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd
from benchmarks import tables
from sklearn.dummy import DummyClassifier


def table() -> tables.Table:
    rng = np.random.default_rng(0)
    x, label = rng.normal(size=300), rng.choice(["a", "b"], 300)
    sold = (x + (label == "b") > 0.5).astype(int)
    oof = pd.DataFrame({"id": np.arange(300), "fold": np.arange(300) % 5, "target": sold, "p0": 0.5, "p1": 0.5})
    features = pd.DataFrame({"x": x, "label": label})
    return tables.Table(SimpleNamespace(metric="accuracy"), features, oof, ["x"], ["label"], None)


def test_peers_are_scored_on_each_fold_by_the_competitions_metric() -> None:
    made = table()
    assert made.classes == 2
    scores = {name: tables.scored(name, model, made) for name, model in tables.peers(made)}
    assert list(scores) == ["boosting", "linear"]
    assert all(one.folds.shape == (5,) and one.folds.mean() > 0.85 for one in scores.values())
    constant = tables.scored("constant", DummyClassifier(), made)
    fold, target = made.oof["fold"], made.oof["target"]
    # Each fold is answered by the commonest class of the others.
    right = [(target[fold == number] == target[fold != number].mode()[0]).mean() for number in range(5)]
    np.testing.assert_allclose(constant.folds, right)


def test_the_pages_rows_stay_until_they_are_scored_again() -> None:
    page = tables.HEAD.format(machine="two cores") + "| `one` | 1 |\n| `two` | 2 |\n"
    assert tables.written(page) == {"one": "| `one` | 1 |\n", "two": "| `two` | 2 |\n"}
    assert tables.written(page.replace("Ahead", "First")) == {}
