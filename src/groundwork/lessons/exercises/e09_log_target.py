"""An exercise on prices and their logarithms, checked by two nearest neighbours' prices for new houses."""

from typing import Any

import numpy as np

from groundwork.lessons.exercise import Exercise, Finding, NotAttempted
from groundwork.scratch.arrays import Array
from groundwork.scratch.data import StandardScaler


class Neighbours:
    """A simple regressor: the mean target of the `count` nearest of the rows that it was fitted on."""

    def __init__(self, count: int = 2) -> None:
        self.count = count
        self.rows: Array | None = None

    def fit(self, rows: Any, target: Any) -> "Neighbours":
        """Remember rows ``[rows, columns]`` and their targets ``[rows]``."""
        self.rows, self.target = np.array(rows, np.float64), np.array(target, np.float64)
        return self

    def predict(self, rows: Any) -> Array:
        """Predict rows ``[rows, columns]``: ``[rows]``."""
        if self.rows is None:
            raise RuntimeError("the regressor is not fitted; call its fit(rows, target) first")
        self.queries = np.array(rows, np.float64)
        distances = np.linalg.norm(self.queries[:, None] - self.rows, axis=-1)
        nearest = distances.argsort(1, kind="stable")[:, : self.count]
        answers: Array = self.target[nearest].mean(1)
        return answers


def predict_prices_blank(regressor, rows, prices, new_rows):
    raise NotAttempted  # fit on the logarithm, answer in prices: one for each of new_rows


def predict_prices_solution(regressor, rows, prices, new_rows):
    scaler = StandardScaler().fit(rows)
    regressor.fit(scaler.transform(rows), np.log1p(prices))
    return np.expm1(regressor.predict(scaler.transform(new_rows)))


def predict_prices_in_logs(regressor, rows, prices, new_rows):
    scaler = StandardScaler().fit(rows)
    regressor.fit(scaler.transform(rows), np.log1p(prices))
    return regressor.predict(scaler.transform(new_rows))


def predict_prices_scaled_on_all(regressor, rows, prices, new_rows):
    scaler = StandardScaler().fit(np.concatenate([rows, new_rows]))
    regressor.fit(scaler.transform(rows), np.log1p(prices))
    return np.expm1(regressor.predict(scaler.transform(new_rows)))


def predict_prices_scaled_twice(regressor, rows, prices, new_rows):
    regressor.fit(StandardScaler().fit_transform(rows), np.log1p(prices))
    return np.expm1(regressor.predict(StandardScaler().fit_transform(new_rows)))


def predict_prices_log_of_zero(regressor, rows, prices, new_rows):
    scaler = StandardScaler().fit(rows)
    with np.errstate(divide="ignore"):  # the warning is ignored in practice, too
        regressor.fit(scaler.transform(rows), np.log(prices))
    return np.exp(regressor.predict(scaler.transform(new_rows)))


# Square feet and minutes on foot. Unscaled, the minutes would not count; the last of the new houses is so large that
# a scale which has seen it shrinks every difference in area.
ROWS = np.array([[900.0, 5], [1000, 40], [1500, 10], [1600, 45], [2200, 5], [2300, 50]])
PRICES = np.array([200_000.0, 110_000, 290_000, 160_000, 480_000, 250_000])
NEW_ROWS = np.array([[1250.0, 8], [1600, 12], [2000, 44], [20_000, 30]])
# Next: houses given away, as within a family. Their logarithm is minus infinity.
GIVEN = np.array([0.0, 3, 0, 0, 8, 24])
CASES = {"PRICES": PRICES, "GIVEN": GIVEN}


def examine(answer: Any) -> Finding | None:
    """Compare the prices of new houses with those that the solution gives; then once more with a price of 0."""
    for name, prices in CASES.items():
        yours, ours = Neighbours(), Neighbours()
        given = ROWS.copy(), prices.copy(), NEW_ROWS.copy()
        found = answer(yours, *given)
        expected = predict_prices_solution(ours, ROWS, prices, NEW_ROWS)
        case = (
            f"predict_prices(Neighbours(), ROWS, {name}, NEW_ROWS)\nwith `from {__name__} import *`; "
            f"{name} = {prices.tolist()}"
        )
        if found is None or np.shape(found) != expected.shape:
            cause = "nothing was returned" if found is None else "expected one price for each new row, in one dimension"
            return Finding(case, found, expected.round(2), cause)
        prediction = np.asarray(found, np.float64)
        # Wide where prices are high, so that what goes wrong at a price of 0 is found, and explained, there.
        if not np.allclose(prediction, expected, rtol=1e-3, atol=1e-6):
            cause = _cause(yours, prices, prediction, expected)
            return Finding(case, prediction.round(2), expected.round(2), cause)
        for changed, before in zip(given, (ROWS, prices, NEW_ROWS), strict=True):
            if not np.array_equal(changed, before):
                cause = "an argument was changed in place (-=, /=): the caller still needs it unchanged"
                return Finding(case, f"{changed[0]} in the caller's first row", before[0], cause)
    return None


def _cause(regressor: Neighbours, prices: Array, found: Array, expected: Array) -> str:
    if regressor.rows is None:
        return "the regressor was never fitted"
    if np.isneginf(regressor.target).any():
        return "log of a price of 0 is minus infinity; log1p, the log of 1 + price, is 0 there"
    if np.allclose(found, np.log1p(expected)):
        return "these are logarithms: the way back to prices, expm1, is missing"
    if np.allclose(regressor.target, np.log1p(prices)) and np.allclose(found, expected + 1):
        return "each price is 1 too high: the way back from log1p is expm1, not exp"
    if np.allclose(regressor.target, prices):
        return "the regressor was fitted on prices; fit it on their logarithm, log1p"
    scaler, both = StandardScaler().fit(ROWS), StandardScaler().fit(np.concatenate([ROWS, NEW_ROWS]))
    if np.allclose(regressor.rows, ROWS):
        return "the columns were not standardized: square feet outweigh the minutes"
    if np.allclose(regressor.rows, both.transform(ROWS)):
        return "mean and spread were computed from all rows; they come from the training rows only"
    if np.allclose(regressor.rows, scaler.transform(ROWS)) and not np.allclose(
        regressor.queries, scaler.transform(NEW_ROWS)
    ):
        return "the new rows were not scaled by the training rows' mean and spread; the scaler is fitted once"
    return "scale by the training rows, fit on log1p of the prices, and go back by expm1; one of these differs"


EXERCISE = Exercise(
    name="09.log_target",
    task=(
        "Write `predict_prices`: standardize the columns, fit the regressor on the logarithm (log1p) of the prices, "
        "and return prices for the new rows. Compute mean and spread from the training rows."
    ),
    answer="predict_prices",
    blank=predict_prices_blank,
    solution=predict_prices_solution,
    wrong={
        predict_prices_in_logs: "expm1, is missing",
        predict_prices_scaled_on_all: "training rows only",
        predict_prices_scaled_twice: "fitted once",
        predict_prices_log_of_zero: "log of a price of 0",
    },
    hints=(
        "There are three transforms: of the rows and of the prices before the fit, and of the predictions afterwards.",
        "A scaler is fitted on `rows` and then applied to both `rows` and `new_rows`.",
        "np.log1p(prices) goes into fit; apply np.expm1 to the predictions.",
    ),
    examine=examine,
)
