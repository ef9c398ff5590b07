"""Each helper reads a row by itself: the same value gives the same result, whatever stands in other rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork import features


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.5", 1234.5),
        ("1234.5", 1234.5),
        ("40%", 40),
        ("40 %", 40),
        ("$4", 4),
        ("$ 1,000", 1000),
        ("-$4", -4),
        ("$-4", -4),
        ("−4", -4),
        ("(3)", -3),
        ("($1,234)", -1234),
        ("€3.50", 3.5),
        ("3.50 €", 3.5),
        ("1.2k", 1200),
        ("3M", 3e6),
        ("12 km", 12),
        ("1e3", 1000),
        ("1.5e-3", 0.0015),
        (".5", 0.5),
        ("1 234", 1234),
        ("1'234", 1234),
        (" 7 ", 7),
        ("007", 7),
        *(
            (word, np.nan)
            for word in ("?", "", "NA", "n/a", "-", "none", "abc", "12 or 13", "1-2", "2024-01-02", "inf", "nan")
        ),
    ],
)
def test_a_number_written_as_text_is_read(text, number):
    column = pd.Series([text, "1", None], name="pay", index=[5, 6, 7])
    read = features.numbers(column)
    np.testing.assert_array_equal(read, [number, 1, np.nan])
    assert (read.name, read.dtype, list(read.index)) == ("pay", "float64", [5, 6, 7])


def test_the_decimal_mark_may_be_a_comma():
    column = pd.Series(["1.234,5", "3,25", "7"])
    assert features.numbers(column, decimal=",").tolist() == [1234.5, 3.25, 7]
    assert features.numbers(pd.Series(["3,250"])).tolist() == [3250]


def test_numbers_stay_numbers():
    assert features.numbers(pd.Series([1, 2])).tolist() == [1.0, 2.0]


@settings(deadline=None)
@given(st.floats(-1e12, 1e12).map(lambda x: round(x, 3)))
def test_what_python_writes_with_thousands_is_read_back(number):
    assert features.numbers(pd.Series([f"{number:,.3f}"]))[0] == pytest.approx(number, abs=1e-3)


def test_a_date_becomes_parts():
    column = pd.Series(["2024-01-01", "1969-12-31T12:00:00", "2024-12-08 06:00", None, "soon"], name="when")
    read = features.dates(column, clock=True)
    assert list(read) == list(features.date_parts("when", clock=True))
    assert (read.dtypes == "float64").all()
    np.testing.assert_allclose(read["when_days"], [19723, -0.5, 20065.25, np.nan, np.nan])
    np.testing.assert_allclose(
        read.loc[2, ["when_year", "when_month", "when_day", "when_weekday", "when_hour"]].tolist(), [2024, 12, 8, 6, 6]
    )
    # A quarter of a day is a quarter of the circle, and December is one twelfth before January.
    np.testing.assert_allclose(read.loc[2, ["when_hour_sin", "when_hour_cos"]].tolist(), [1, 0], atol=1e-9)
    np.testing.assert_allclose(
        read.loc[2, ["when_month_sin", "when_month_cos"]].tolist(), [-0.5, 3**0.5 / 2], atol=1e-9
    )
    assert list(features.dates(column)) == list(features.date_parts("when"))


def test_dates_have_the_format_that_is_given_and_seconds_a_unit():
    assert features.dates(pd.Series(["03/02/2024"], name="d"), "%d/%m/%Y")["d_month"].tolist() == [2]
    assert features.dates(pd.Series([86400, np.nan], name="d"), unit="s")["d_days"].tolist()[0] == 1
    assert features.dates(pd.Series(["2024-01-01T00:00:00+02:00"], name="d"))["d_year"].tolist() == [2023]


def test_truth_values_have_one_spelling_on_both_sides():
    told = ["True", "true", "TRUE", "yes", "Y", "1", "1.0", " t ", "on"]
    denied = ["False", "false", "NO", "n", "0", "0.0", "F", "off"]
    assert features.booleans(pd.Series(told)).unique().tolist() == ["True"]
    assert features.booleans(pd.Series(denied)).unique().tolist() == ["False"]
    assert features.booleans(pd.Series([True, False])).tolist() == ["True", "False"]
    assert features.booleans(pd.Series([1, 0])).tolist() == ["True", "False"]
    mixed = features.booleans(pd.Series([1.0, None, 0.0]))
    assert mixed.isna().tolist() == [False, True, False]
    assert mixed[[0, 2]].tolist() == ["True", "False"]
    assert features.booleans(pd.Series(["maybe", None])).fillna("-").tolist() == ["maybe", "-"]


def test_texts_are_joined_and_missing_ones_left_out():
    joined = features.join_texts(pd.Series(["a", None, None]), pd.Series(["b", "c", None]))
    assert joined.tolist() == ["a\nb", "c", ""]


@pytest.mark.parametrize(
    "helper", [features.numbers, features.booleans, lambda column: features.dates(column)["x_days"]]
)
def test_a_row_is_read_alike_whatever_its_neighbours(helper):
    rows = pd.Series(["2024-05-06", "1,5", "yes", "12", None, "05.06.2024", "2024-05-06 12:30:00", "?"], name="x")
    whole = helper(rows)
    for i in range(len(rows)):
        alone = helper(rows[i : i + 1])
        pd.testing.assert_series_equal(alone, whole[i : i + 1])


def test_a_table_with_one_row_for_each_key_is_looked_up_in_the_order_of_the_rows():
    frame = pd.DataFrame({"id": [1, 2, 3, 4], "city": ["v", "u", "x", None]}, index=[4, 3, 2, 1])
    shops = pd.DataFrame({"city": ["u", "v", None], "size": [1, 2, 3], "owner": ["A", "B", "C"]})
    found = features.looked_up(frame, shops, "city", "shops")
    assert found.index.tolist() == [4, 3, 2, 1]
    assert found["id"].tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(found["shops_size"][:2], [2, 1])
    assert found["shops_size"].isna().tolist() == [False, False, True, found["shops_size"].isna().iloc[3]]
    assert found["shops_owner"].tolist()[:2] == ["B", "A"]
    with pytest.raises(ValueError, match="city 'u' is in several rows; expected one row for each: use `summarized`"):
        features.looked_up(frame, pd.concat([shops, shops[:1]]), "city", "shops")


def test_a_table_with_several_rows_for_each_key_is_summarized():
    frame = pd.DataFrame({"id": [1, 2, 3], "city": ["v", "u", "x"]}, index=[7, 8, 9])
    sales = pd.DataFrame({"city": ["u", "v", "v", "w"], "price": [1.0, 2.0, 4.0, 9.0], "kind": ["a", "a", "b", "c"]})
    found = features.summarized(frame, sales, "city", "sales")
    assert found.index.tolist() == [7, 8, 9]
    assert found["sales_rows"].tolist() == [2, 1, 0]
    np.testing.assert_array_equal(found["sales_price_mean"], [3, 1, np.nan])
    np.testing.assert_array_equal(found["sales_price_min"], [2, 1, np.nan])
    np.testing.assert_array_equal(found["sales_price_max"], [4, 1, np.nan])
    np.testing.assert_array_equal(found["sales_kind_kinds"], [2, 1, np.nan])
    assert list(found) == [
        "id",
        "city",
        "sales_rows",
        "sales_price_mean",
        "sales_price_min",
        "sales_price_max",
        "sales_kind_kinds",
    ]
