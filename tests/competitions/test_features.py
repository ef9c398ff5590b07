"""Row-wise features depend on their own row and on nothing else."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.competitions import load


def with_gaps(name: str) -> pd.DataFrame:
    """200 rows of the sample, a tenth of all that may be missing blanked: also what is missing nowhere in training."""
    rng, competition = np.random.default_rng(0), load(name)
    table = competition.sample(rng)["train.csv"][:200]
    gaps = [column for column in table if table[column].dtype != "int64"]
    keys = {"Name", "Ticket", "Sex"}
    return table.assign(**{c: table[c].mask(rng.random(200) < 0.1) for c in gaps if c not in keys})


TABLES = {name: with_gaps(name) for name in ("titanic", "house_prices")}


def features_of(name: str, rows: list[int]) -> pd.DataFrame:
    """The features of some rows, as plain objects: dtypes may follow from what is missing in them."""
    competition = load(name)
    frame = TABLES[name].iloc[rows].drop(columns=[competition.id, *competition.targets])
    inputs = competition.inputs
    return competition.features(frame)[[*inputs.numeric, *inputs.categorical, *inputs.group]].astype(object)


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(rows=st.lists(st.integers(0, 199), min_size=1, max_size=40, unique=True))
def test_features_of_some_rows_in_any_order_equal_their_features_among_all_rows(name, rows):
    pd.testing.assert_frame_equal(features_of(name, rows), features_of(name, list(range(200))).iloc[rows])


@pytest.mark.parametrize("name", TABLES)
def test_features_leave_the_frame_that_they_are_given_as_it_was(name):
    before = TABLES[name].copy(deep=True)
    load(name).features(TABLES[name])
    pd.testing.assert_frame_equal(TABLES[name], before)


@pytest.mark.parametrize("name", TABLES)
def test_no_number_that_features_make_is_infinite(name):
    competition = load(name)
    for number in (0, -1):
        numbers = {c: number for c in TABLES[name] if pd.api.types.is_numeric_dtype(TABLES[name][c])}
        frame = TABLES[name].assign(**numbers)
        assert not np.isinf(competition.features(frame)[list(competition.inputs.numeric)].to_numpy(float)).any()


def passenger(**known: object) -> pd.Series:
    row = {"Pclass": 1, "Sex": "female", "Age": 30.0, "SibSp": 1, "Parch": 2, "Ticket": "PC 17599", "Fare": 80.0,
           "Cabin": "C85 C87", "Embarked": "C", "Name": "Berg, the Countess. of (Ada Clara)"}  # fmt: skip
    return load("titanic").features(pd.DataFrame([row | known]).astype({"Cabin": "str"})).iloc[0]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Berg, Mr. Carl", "Mr"),
        ("Vander Berg, Mlle. Ada", "Miss"),
        ("Berg, Mrs. Carl (Ada Dahl)", "Mrs"),
        ("Berg, the Countess. of (Ada Clara)", "Rare"),
        ("Berg, Dona. Clara", "Rare"),
    ],
)
def test_the_title_stands_after_the_comma_and_rare_ones_are_one(name, title):
    assert passenger(Name=name)["Title"] == title


def test_a_ticket_a_cabin_and_a_family_tell_deck_prefix_size_and_fare_per_person():
    row = passenger()
    assert (row["Deck"], row["TicketPrefix"], row["FamilySize"]) == ("C", "PC", 4)
    assert row["LogFarePerPerson"] == pytest.approx(np.log1p(20))


def test_men_have_no_key_among_women_and_children_but_boys_do():
    assert passenger()["TicketWomenChildren"] == "PC 17599"
    assert passenger(Sex="male", Name="Berg, Master. Leo")["TicketWomenChildren"] == "PC 17599"
    assert pd.isna(passenger(Sex="male", Name="Berg, Mr. Leo")["FamilyWomenChildren"])


def test_quality_words_become_ranks_and_a_missing_basement_is_zero():
    frame = TABLES["house_prices"][:3].assign(
        ExterQual=["Po", "TA", "Ex"], BsmtQual=["Ex", None, "Fa"], Functional=["Sal", None, "Typ"]
    )
    made = load("house_prices").features(frame)
    assert made["ExterQual"].tolist() == [1, 3, 5]
    assert made["BsmtQual"].tolist() == [5, 0, 2]
    assert made["Functional"].tolist() == [1, 8, 8]
