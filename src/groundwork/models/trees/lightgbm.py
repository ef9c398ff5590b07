"""Boosted trees of LightGBM (https://lightgbm.readthedocs.io), kept as LightGBM's text.

Equal rows, settings and seeds give equal text on any number of threads: each column's histogram is built by one thread,
and the text is kept without its list of parameters, which has the threads.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groundwork.models.trees.booster import Array, Examples, Grown, Library, Order, Score
from groundwork.naming import ByName

PARAMETERS = re.compile(r"\nparameters:.*?\nend of parameters\n", re.DOTALL)
FIXED = {
    "verbose": -1, "deterministic": True, "force_col_wise": True, "feature_pre_filter": False, "bagging_freq": 1,
    # Sets of categories overfit with LightGBM's own values, which are 10 and 32.
    "cat_smooth": 50, "max_cat_threshold": 16,
}  # fmt: skip
SEEDS = 2**31  # number of seeds that LightGBM accepts


def _cross_entropy(loss: Mapping[str, Any], values: int) -> dict[str, Any]:
    return {"objective": "binary"} if values == 1 else {"objective": "multiclass", "num_class": values}


def _huber(loss: Mapping[str, Any], values: int) -> dict[str, Any]:
    return {"objective": "huber", "alpha": loss["beta"]}


def _quantile(loss: Mapping[str, Any], values: int) -> dict[str, Any]:
    return {"objective": "quantile", "alpha": loss["alpha"]}


def _named(name: str) -> Callable[[Mapping[str, Any], int], dict[str, Any]]:
    return lambda loss, values: {"objective": name}


# LightGBM's objectives, by `objective.loss`.
LOSSES: ByName[Callable[[Mapping[str, Any], int], dict[str, Any]]] = {
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _cross_entropy,
    "smooth_l1": _huber,
    "squared_error": _named("regression"),
    "absolute_error": _named("regression_l1"),
    "quantile": _quantile,
    "poisson": _named("poisson"),
}


def train(rows: Examples, watched: Examples | None, order: Order) -> Grown:
    """Train a booster; see `groundwork.models.trees.booster.Library`."""
    import lightgbm

    sizes = order.sizes
    parameters = {
        **FIXED,
        **LOSSES[order.loss["loss"]](order.loss, order.values),
        "learning_rate": sizes["learning_rate"],
        "num_leaves": sizes["leaves"],
        "min_data_in_leaf": sizes["rows_per_leaf"],
        "feature_fraction": sizes["feature_share"],
        "bagging_fraction": sizes["row_share"],
        "lambda_l2": sizes["l2"],
        "num_threads": torch.get_num_threads(),
        "seed": order.seed % SEEDS,
    }
    first = rows.matrix.shape[1] - len(order.categories)
    as_sets = [first + number for number, codes in enumerate(order.categories) if codes >= sizes["set_codes"]]
    data = lightgbm.Dataset(rows.matrix, rows.target, categorical_feature=as_sets, params=parameters)
    history: dict[str, dict[str, list[float]]] = {}
    callbacks: list[Any] = [lightgbm.record_evaluation(history)]
    sets, patience = {"train": data}, _Patience(sizes["patience"])
    if watched is not None:
        sets["val"] = data.create_valid(watched.matrix, watched.target)
        callbacks.append(patience)
    booster = lightgbm.train(
        parameters, data, sizes["rounds"], [*sets.values()], valid_names=[*sets], callbacks=callbacks
    )
    made = patience.at + 1 if watched is not None else booster.current_iteration()
    text = PARAMETERS.sub("\n", booster.model_to_string(num_iteration=made))
    losses = {f"{name}_loss": [*map(float, next(iter(values.values())))] for name, values in history.items()}
    return Grown(text.encode("utf-8"), made, losses)


class _Patience:
    """Stops after `rounds` rounds without a lower loss of the watched rows, and knows the best one.

    LightGBM's own early stopping would look at the training rows too, because their loss is recorded.
    """

    def __init__(self, rounds: int) -> None:
        self.rounds, self.best, self.at = rounds, np.inf, 0
        self.order = 30  # LightGBM calls it after the loss is recorded

    def __call__(self, state: Any) -> None:
        """Look at the losses of a round; raise LightGBM's exception if it is the last."""
        from lightgbm.callback import EarlyStopException

        (loss,) = (result[2] for result in state.evaluation_result_list if result[0] == "val")
        if loss < self.best:
            self.best, self.at = loss, state.iteration
        if state.iteration - self.at >= self.rounds:
            raise EarlyStopException(self.at, state.evaluation_result_list)


def load(content: bytes, values: int) -> Score:
    """Read the text that `train` made; see `groundwork.models.trees.booster.Library`."""
    import lightgbm

    try:
        booster = lightgbm.Booster(model_str=content.decode("utf-8"))
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
        raise ValueError(f"is not LightGBM's text: {error}") from None
    features, found = booster.num_feature(), booster.num_model_per_iteration()
    if found != values:
        raise ValueError(f"gives {found} numbers for a row; expected {values}")

    def score(rows: Array) -> NDArray[np.float64]:
        if rows.shape[1] != features:
            raise ValueError(f"found {rows.shape[1]} features; the trees have {features}")
        raw = booster.predict(rows, raw_score=True, num_threads=torch.get_num_threads())
        return np.asarray(raw, dtype=np.float64).reshape(len(rows), values)

    return score


LIGHTGBM = Library(train, load)
