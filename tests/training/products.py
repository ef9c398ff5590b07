"""Some products and queries of product-search's sample, and settings that train on them in a second."""

from typing import Any

import numpy as np
import pandas as pd
from tests.training.tiny import training

from groundwork.competitions import Labelled, load
from groundwork.settings import Lane

competition = load("product_search")
assert isinstance(competition, Labelled)
PRODUCTS = competition


def lane(**changes: Any) -> Lane:
    """A lane for `PRODUCTS`; `changes` are those of its training."""
    return Lane.model_validate(
        {
            "competition": "product_search",
            "source": "sample",
            "folds": 3,
            "encoding": {"inputs": "pair", "vocabulary": 600, "query_length": 12, "document_length": 32, "width": 16},
            "model": {
                "network": "two_tower", "tower": 16, "tower_learning_rate": 0.0001, "tower_dropout": 0.2, "width": 32,
                "depth": 1, "bins": 4, "embedding": 3, "dropout": 0.1, "product_dropout": 0.3,
            },
            "objective": {"loss": "smooth_l1", "beta": 10.0},
            "training": training(**changes).model_dump(),
        }
    )  # fmt: skip


def rows(most: int) -> pd.DataFrame:
    """Prepare the first rows of the sample."""
    tables: dict[str, Any] = PRODUCTS.sample(np.random.default_rng(0))
    extra = {name: tables[name] for name in PRODUCTS.optional}
    frame = PRODUCTS.join(tables["train.csv"].head(most), extra)
    return frame.astype(dict.fromkeys(PRODUCTS.inputs.labels, "str"))
