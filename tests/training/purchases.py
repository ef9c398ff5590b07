"""A competition of a few customers who buy in two clusters, and settings that train it in seconds."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from groundwork.competitions import Purchases, Tables
from groundwork.data.load import load
from groundwork.data.purchases import PreparedPurchases
from groundwork.settings import Lane
from groundwork.stages.fetch import fetch
from groundwork.stages.prepare import prepare

from .tiny import training

CUSTOMERS, ARTICLES, WEEKS, NEVER_SOLD = 90, 24, 6, 3


def sample(rng: np.random.Generator) -> Tables:
    """Draw purchases: even customers buy even articles, odd ones odd ones; the last three buy nothing."""
    rows = CUSTOMERS * WEEKS * 2
    customer = rng.integers(0, CUSTOMERS - 3, rows)
    article = 2 * rng.integers(0, (ARTICLES - NEVER_SOLD) // 2, rows) + customer % 2
    day = rng.integers(0, 7 * WEEKS, rows)
    day[:2] = 0, 7 * WEEKS - 1
    ids, names = [f"{number:010d}" for number in range(ARTICLES)], [f"c{number:03d}" for number in range(CUSTOMERS)]
    log = pd.DataFrame(
        {
            "when": pd.Timestamp("2020-01-06") + pd.to_timedelta(day, unit="D"),
            "who": [names[code] for code in customer],
            "what": [ids[code] for code in article],
        }
    ).assign(when=lambda frame: frame["when"].dt.strftime("%Y-%m-%d"))
    return {
        "log.csv": log,
        "articles.csv": pd.DataFrame({"what": ids, "kind": [f"kind {n % 3}" for n in range(ARTICLES)], "title": ids}),
        "customers.csv": pd.DataFrame({"who": names}),
        "sample_submission.csv": pd.DataFrame({"who": names, "prediction": " ".join(ids[:12])}),
    }


SHOP = Purchases(
    slug="shop",
    kind="recommendation",
    metric="map@12",
    further_metrics=("recall@12",),
    id="who",
    sample=sample,
    transactions="log.csv",
    articles="articles.csv",
    customers="customers.csv",
    date="when",
    article="what",
    features=("kind",),
    shown=("title", "kind"),
)


def lane(folds: int = 2, candidates: int = 100, **changes: Any) -> Lane:
    """A lane for `SHOP`; `changes` are those of its training."""
    settings = {"epochs": 6, "learning_rate": 0.02, "batch_size": 64, **changes}
    return Lane.model_validate(
        {
            "competition": "shop",
            "source": "sample",
            "folds": folds,
            "encoding": {"inputs": "history", "length": 10, "spans": None},
            "model": {"network": "factorization", "width": 8, "dropout": 0.0, "negatives": 16},
            "objective": {"loss": "sampled_softmax", "candidates": candidates},
            "training": training(**settings).model_dump(),
        }
    )


def prepared(folds: int = 2) -> PreparedPurchases:
    """Fetch and prepare the sample below the working directory, at the places that the stages use."""
    archive, folder = Path("data/raw/shop.zip"), Path("data/prepared/shop")
    if not folder.exists():
        fetch(SHOP, "sample", archive, "shop")
        prepare(SHOP, archive, folder, folds, seed=0)
    tables = load(SHOP, folder)
    assert isinstance(tables, PreparedPurchases)
    return tables
