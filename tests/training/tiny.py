"""Two competitions of a few rows, and settings that train on them in a second."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from groundwork.competitions import Inputs, Labelled, Tables
from groundwork.data.load import load
from groundwork.data.rows import PreparedRows
from groundwork.sections.training import Training
from groundwork.settings import Hardware, Lane, Tracking
from groundwork.stages.fetch import fetch
from groundwork.stages.prepare import prepare
from groundwork.stages.train import train

CPU = Hardware(accelerator="cpu", devices="auto", precision="auto", strategy="auto", num_nodes=1)
SILENT = Tracking(mode="disabled", project="tests")
ADAMW = {"name": "adamw", "betas": [0.9, 0.999], "eps": 1e-8}
# Arguments of the train stage, without lane, rows and seed.
QUIETLY: dict[str, Any] = {"tracking": SILENT, "hardware": CPU, "code": "the code", "store_bytes": 10**9}
ROWS, TEST_ROWS, FOLDS = 120, 40, 3


def sample(rng: np.random.Generator) -> Tables:
    """Draw rows with missing numbers, rare and missing labels, and keys that two or three rows share."""
    n = ROWS + TEST_ROWS
    x = rng.normal(size=n)
    table = pd.DataFrame(
        {
            "Id": np.arange(1, n + 1),
            "x": np.where(rng.random(n) < 0.1, np.nan, x),
            "z": rng.exponential(size=n),
            "label": rng.choice(["a", "b", "c", "rare1", "rare2"], n, p=[0.4, 0.3, 0.26, 0.02, 0.02]),
            "key": [f"k{number}" for number in rng.integers(0, n // 2, n)],
        }
    )
    table.loc[rng.choice(n, 10, replace=False), ["label", "key"]] = None
    score = x + 0.8 * (table["label"] == "a") + rng.normal(scale=0.5, size=n)
    table["survived"] = (score > score.median()).astype(int)
    table["price"] = np.exp(12 + 0.3 * score)
    answers = pd.DataFrame({"Id": table["Id"][ROWS:], "survived": np.arange(TEST_ROWS) % 2, "price": 1e5})
    return {"train.csv": table[:ROWS], "test.csv": table[ROWS:], "sample_submission.csv": answers}


def _sample_of(target: str) -> Any:
    unused = {"survived": "price", "price": "survived"}[target]

    def narrowed(rng: np.random.Generator) -> Tables:
        tables = {name: table.drop(columns=unused) for name, table in sample(rng).items()}
        return tables | {"test.csv": tables["test.csv"].drop(columns=target)}

    return narrowed


SURVIVAL = Labelled(
    slug="survival",
    kind="classification",
    metric="accuracy",
    id="Id",
    targets=("survived",),
    types={"Id": int, "x": float, "z": float, "label": str, "key": str, "survived": int},
    inputs=Inputs(numeric=("x", "z"), categorical=("label",), group=("key",)),
    sample=_sample_of("survived"),
)
PRICES = dataclasses.replace(
    SURVIVAL,
    slug="prices",
    kind="regression",
    metric="rmse_log",
    targets=("price",),
    types={"Id": int, "x": float, "z": float, "label": str, "key": str, "price": float},
    sample=_sample_of("price"),
    log_target=True,
)


def training(**changes: Any) -> Training:
    """Make settings for a training of three epochs; `changes` replace some of them."""
    settings: dict[str, Any] = {
        "folds": "all", "epochs": 3, "batch_size": 16, "accumulate_grad_batches": 1, "optimizer": ADAMW,
        "learning_rate": 0.01, "weight_decay": 0.01, "callbacks": [],
        "schedule": "cosine", "warmup": 0.1, "gradient_clip": None, "weight_averaging": 0.0,
        "early_stopping": None, "max_time": None,
    }  # fmt: skip
    return Training.model_validate({**settings, **changes})


def lane(competition: Labelled = SURVIVAL, dropout: float = 0.2, **changes: Any) -> Lane:
    """A lane for `competition`; `changes` are those of its training."""
    loss = {"loss": "cross_entropy", "label_smoothing": 0.05}
    if competition.kind == "regression":
        loss = {"loss": "smooth_l1", "beta": 0.5}
    return Lane.model_validate(
        {
            "competition": competition.slug,
            "source": "sample",
            "folds": FOLDS,
            "encoding": {"inputs": "table", "clip": 0.02, "min_category_count": 4, "group_smoothing": 1.0},
            "model": {
                "network": "fnn", "backend": "torch", "members": 2, "width": 8, "depth": 2, "bins": 4,
                "embedding": 3, "category_scale": 1.0, "dropout": dropout,
            },
            "objective": loss,
            "training": training(**changes).model_dump(),
        }
    )  # fmt: skip


def prepared(competition: Labelled = SURVIVAL) -> PreparedRows:
    """Fetch and prepare the sample below the working directory, at the places that the stages use."""
    archive, folder = Path("data/raw", f"{competition.slug}.zip"), Path("data/prepared", competition.slug)
    if not folder.exists():
        fetch(competition, "sample", archive, competition.slug)
        prepare(competition, archive, folder, FOLDS, seed=0)
    prepared_rows = load(competition, folder)
    assert isinstance(prepared_rows, PreparedRows)
    return prepared_rows


def in_memory(train: pd.DataFrame) -> PreparedRows:
    """Make prepared rows from `train`, without files and folds."""
    return PreparedRows(
        folds=[],
        final=False,
        train=train,
        test=train,
        fold=pd.DataFrame(),
        sample_submission=Path("sample_submission.csv"),
        data_sha256="",
        folds_sha256="",
    )


def trained(
    competition: Labelled = SURVIVAL,
    results: str = "results",
    seed: int = 0,
    hardware: Hardware = CPU,
    tracking: Tracking = SILENT,
    store_bytes: int = 10**9,
    **changes: Any,
) -> Path:
    """Run the train stage; return the lane's folder of results."""
    folder = Path(results, competition.slug)
    train(
        competition.slug,
        competition,
        lane(competition, **changes),
        prepared(competition),
        folder,
        seed=seed,
        tracking=tracking,
        hardware=hardware,
        code="the code",
        store_bytes=store_bytes,
    )
    return folder
