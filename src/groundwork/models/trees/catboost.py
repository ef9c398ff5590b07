"""Boosted trees of CatBoost (https://catboost.ai), an optional package, kept as CatBoost's own file (``cbm``).

Its trees are symmetric, and categories are encoded by the targets of earlier rows in random orders.
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from groundwork.errors import UserError
from groundwork.models.trees.booster import Array, Examples, Grown, Library, Order, Score
from groundwork.naming import ByName

FIXED = {"allow_writing_files": False, "allow_const_label": True, "logging_level": "Silent"}
CLASSES = "classes"  # the classes of the training rows, in a booster's metadata
UNKNOWN = -30.0  # the logit of a class that the training rows lack
SEEDS = 2**31  # number of seeds that CatBoost accepts
INSTALL = "install it: `pip install 'groundwork[trees]'`, in a clone `pip install -e '.[trees]'`"


def _cross_entropy(loss: Mapping[str, Any], values: int) -> dict[str, Any]:
    # Training rows may lack one of the two.
    return {"loss_function": "Logloss", "class_names": [0, 1]} if values == 1 else {"loss_function": "MultiClass"}


def _huber(loss: Mapping[str, Any], values: int) -> dict[str, Any]:
    return {"loss_function": f"Huber:delta={loss['beta']}"}


def _quantile(loss: Mapping[str, Any], values: int) -> dict[str, Any]:
    return {"loss_function": f"Quantile:alpha={loss['alpha']}"}


def _squared(loss: Mapping[str, Any], values: int) -> dict[str, Any]:
    return {"loss_function": "RMSE"}


def _absolute(loss: Mapping[str, Any], values: int) -> dict[str, Any]:
    return {"loss_function": "MAE"}


def _poisson(loss: Mapping[str, Any], values: int) -> dict[str, Any]:
    return {"loss_function": "Poisson"}


# CatBoost's losses, by `objective.loss`.
LOSSES: ByName[Callable[[Mapping[str, Any], int], dict[str, Any]]] = {
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _cross_entropy,
    "smooth_l1": _huber,
    "squared_error": _squared,
    "absolute_error": _absolute,
    "quantile": _quantile,
    "poisson": _poisson,
}


def train(rows: Examples, watched: Examples | None, order: Order) -> Grown:
    """Train a booster; see `groundwork.models.trees.booster.Library`."""
    catboost, sizes, codes = _package(), order.sizes, len(order.categories)
    parameters = {
        **FIXED,
        **LOSSES[order.loss["loss"]](order.loss, order.values),
        "iterations": sizes["rounds"],
        "learning_rate": sizes["learning_rate"],
        "depth": sizes["depth"],
        "l2_leaf_reg": sizes["l2"],
        "thread_count": torch.get_num_threads(),
        "random_seed": order.seed % SEEDS,
        "use_best_model": watched is not None,
    }
    if watched is not None:
        parameters |= {"od_type": "Iter", "od_wait": sizes["patience"]}
    booster = catboost.CatBoost(parameters)
    # Of several classes, CatBoost knows those of the training rows alone.
    known = np.unique(rows.target) if order.values > 1 else None
    others = None
    if watched is not None:
        seen = np.full(len(watched.target), True) if known is None else np.isin(watched.target, known)
        others = _pool(watched.matrix[seen], codes, watched.target[seen])
    booster.fit(_pool(rows.matrix, codes, rows.target), eval_set=others)
    history = booster.get_evals_result()
    names = {"learn": "train_loss", "validation": "val_loss"}
    losses = {names[name]: [*map(float, next(iter(values.values())))] for name, values in history.items()}
    # The time, a random id, and the parameters with the threads: equal trees are equal bytes without them.
    facts = booster.get_metadata()
    for name in list(facts.keys()):
        del facts[name]
    facts[CLASSES] = "" if known is None else " ".join(map(str, known.tolist()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "booster.cbm")
        booster.save_model(str(path), format="cbm")
        content = path.read_bytes()
    return Grown(content, int(booster.tree_count_), losses)


def load(content: bytes, values: int) -> Score:
    """Read the file that `train` made; see `groundwork.models.trees.booster.Library`."""
    catboost = _package()
    booster = catboost.CatBoost()
    try:
        booster.load_model(blob=content)
    except catboost.CatBoostError as error:
        raise ValueError(f"is not CatBoost's file: {error}") from None
    known = [int(name) for name in booster.get_metadata().get(CLASSES, "").split()] or [0]
    if (values == 1 and known != [0]) or max(known) >= values:
        raise ValueError(f"gives numbers for the classes {known}; expected {values}")
    codes, features = len(booster.get_cat_feature_indices()), len(booster.feature_names_)

    def score(rows: Array) -> NDArray[np.float64]:
        if rows.shape[1] != features:
            raise ValueError(f"found {rows.shape[1]} features; the trees have {features}")
        raw = booster.predict(_pool(rows, codes), prediction_type="RawFormulaVal", thread_count=torch.get_num_threads())
        scored = np.full((len(rows), values), UNKNOWN)
        scored[:, known] = np.asarray(raw, dtype=np.float64).reshape(len(rows), len(known))
        return scored

    return score


def _package() -> Any:
    try:
        import catboost
    except ImportError:
        raise UserError("model.network: catboost is not installed", INSTALL) from None
    return catboost


def _pool(features: Array, codes: int, target: Array | None = None) -> Any:
    """Make CatBoost's table of rows, of which the last `codes` columns are categories."""
    first = features.shape[1] - codes
    columns: dict[str, Any] = {f"{number}": features[:, number] for number in range(first)}
    columns |= {f"{number}": features[:, number].astype(np.int64) for number in range(first, features.shape[1])}
    categories = [*range(first, features.shape[1])]
    return _package().Pool(pd.DataFrame(columns), target, cat_features=categories)


CATBOOST = Library(train, load)
