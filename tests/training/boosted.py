"""Lanes of boosted trees that are trained in a second."""

from importlib.util import find_spec
from typing import Any

from tests.training.tiny import SURVIVAL, lane

from groundwork.competitions import Labelled
from groundwork.settings import Lane

MODELS: dict[str, dict[str, Any]] = {
    "lightgbm": {
        "network": "lightgbm", "rounds": 60, "learning_rate": 0.1, "leaves": 4, "rows_per_leaf": 5,
        "feature_share": 0.8, "row_share": 0.8, "l2": 1.0, "set_codes": 9, "holdout": 0.2, "patience": 10,
    },
    "catboost": {
        "network": "catboost", "rounds": 60, "learning_rate": 0.1, "depth": 3, "l2": 1.0, "holdout": 0.2,
        "patience": 10,
    },
}  # fmt: skip
# CatBoost is an optional package.
TREES = [name for name in MODELS if find_spec(name)]


def trees(network: str = "lightgbm", competition: Labelled = SURVIVAL, **changes: Any) -> Lane:
    """A lane of boosted trees; `changes` are those of its model."""
    losses: dict[str, dict[str, Any]] = {
        "classification": {"loss": "cross_entropy", "label_smoothing": 0.0},
        "tagging": {"loss": "binary_cross_entropy", "label_smoothing": 0.0},
    }
    content = lane(competition if competition.kind != "tagging" else SURVIVAL).model_dump()
    sections = {
        "competition": competition.slug,
        "model": {**MODELS[network], **changes},
        "training": {"folds": "all"},
        "objective": losses.get(competition.kind, {"loss": "smooth_l1", "beta": 10.0}),
    }
    return Lane.model_validate({**content, **sections})
