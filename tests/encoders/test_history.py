import numpy as np
import pandas as pd
import pytest
import torch

from groundwork.encoders.history import HistoryEncoder
from groundwork.encoders.ragged import Ragged
from groundwork.training.archive import pack_state, unpack_state

ARTICLES = pd.DataFrame({"kind": ["coat", "hat", "hat", "sock"], "colour": ["red", "red", "blue", "blue"]})
# customer, article, day: by customer and day
LOG = pd.DataFrame(
    [(0, 1, 3), (0, 2, 3), (0, 0, 9), (0, 3, 20), (2, 3, 1), (2, 3, 8), (2, 1, 16)],
    columns=["customer", "article", "day"],
).astype({"customer": np.int32, "article": np.int32, "day": np.int16})


def encoder(length: int = 3, spans: int | None = None) -> HistoryEncoder:
    return HistoryEncoder(ARTICLES, length, days=7, spans=spans)


def asked(*rows: tuple[int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer", "day"])


def histories(inputs: dict[str, Ragged | torch.Tensor]) -> list[list[int]]:
    ragged = inputs["history"]
    assert isinstance(ragged, Ragged)
    return [[code - 1 for code in row if code] for row in ragged[:].tolist()]


def test_a_history_holds_what_was_bought_before_the_day_and_nothing_of_it() -> None:
    inputs = encoder().fit_transform(LOG, np.empty((len(LOG), 0)))
    assert histories(inputs) == [[], [], [1, 2], [1, 2, 0], [], [3], [3, 3]]
    assert inputs["article"].tolist() == [1, 2, 0, 3, 3, 3, 1]


def test_a_history_keeps_the_last_purchases() -> None:
    fitted = encoder(length=2)
    fitted.fit_transform(LOG, np.empty((len(LOG), 0)))
    assert histories(fitted.transform(asked((0, 21), (0, 20), (2, 8)))) == [[0, 3], [2, 0], [3]]


@pytest.mark.parametrize("customer", [1, 3, -1])
def test_a_customer_who_never_bought_has_an_empty_history(customer: int) -> None:
    fitted = encoder()
    fitted.fit_transform(LOG, np.empty((len(LOG), 0)))
    assert histories(fitted.transform(asked((customer, 21)))) == [[]]


def test_sales_are_those_of_the_span_before() -> None:
    fitted = encoder()
    inputs = fitted.fit_transform(LOG, np.empty((len(LOG), 0)))
    # The log ends on day 20: its spans are 14 to 20, 7 to 13 and 0 to 6.
    assert fitted.sales.tolist() == [[0, 1, 0, 1], [1, 0, 0, 1], [0, 1, 1, 1], [0, 0, 0, 0]]
    assert inputs["span"].tolist() == [3, 3, 2, 1, 3, 2, 1]
    assert fitted.transform(asked((0, 21), (0, 14)))["span"].tolist() == [0, 1]


def test_only_the_last_spans_are_learned_from_and_older_purchases_are_still_history() -> None:
    fitted = encoder(spans=1)
    inputs = fitted.fit_transform(LOG, np.empty((len(LOG), 0)))
    assert histories(inputs) == [[1, 2, 0], [3, 3]]
    assert fitted.examples(LOG)["article"].tolist() == inputs["article"].tolist() == [3, 1]
    assert fitted.share.tolist() == [0, 0.5, 0, 0.5]


def test_labels_of_all_columns_are_numbered_in_one_table() -> None:
    fitted = encoder()
    assert fitted.features.tolist() == [[0, 3], [1, 3], [1, 4], [2, 4]]
    assert fitted.labels == 5


def test_what_is_kept_on_the_disk_predicts_the_same() -> None:
    fitted = encoder(length=2)
    fitted.fit_transform(LOG, np.empty((len(LOG), 0)))
    kept = HistoryEncoder.from_state(unpack_state(pack_state(fitted.state())))
    rows = asked((0, 21), (1, 21), (2, 21))
    assert histories(kept.transform(rows)) == histories(fitted.transform(rows)) == [[0, 3], [], [3, 1]]
    assert len(kept.bought) == 4
    assert kept.sales.tolist() == fitted.sales[:1].tolist()
    # However long after the log, the last span is what is known.
    for late in (fitted, kept):
        assert late.transform(asked((0, 21), (0, 28), (0, 90)))["span"].tolist() == [0, 0, 0]
