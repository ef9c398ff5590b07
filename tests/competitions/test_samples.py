"""The samples have Kaggle's layout, and something in them to learn."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import cross_val_predict

from groundwork.competitions import Labelled, load, names

ARCHIVES = os.environ.get("GROUNDWORK_ARCHIVES")
TABLES = ("titanic", "house_prices")


@pytest.fixture(params=["titanic", "house_prices", "digit_recognizer"])
def competition(request: pytest.FixtureRequest) -> Labelled:
    return load(request.param)


def sample_of(competition: Labelled, seed: int = 0) -> dict[str, pd.DataFrame]:
    """The sample's tables as a reader of their CSV files gets them."""
    files = competition.sample(np.random.default_rng(seed))
    tables = {name: files[name] for name in competition.files}
    return {name: read(table.to_csv(index=False, float_format="%.15g").encode()) for name, table in tables.items()}


def read(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content), keep_default_na=False, na_values=["", "NA"])


def test_every_competition_with_a_file_is_loaded_by_its_name():
    assert [load(name).sample for name in names()]


def test_the_same_seed_gives_the_same_sample_and_another_seed_another(competition):
    first, again, other = sample_of(competition), sample_of(competition), sample_of(competition, seed=1)
    assert all(first[name].equals(again[name]) for name in first)
    assert not first["train.csv"].equals(other["train.csv"])


def test_the_sample_has_the_declared_files_columns_and_types(competition):
    tables = sample_of(competition)
    assert {*competition.types, *competition.targets} <= set(tables["train.csv"])
    assert list(tables["test.csv"]) == [name for name in tables["train.csv"] if name not in competition.targets]
    for name, kind in competition.types.items():
        column = tables["train.csv"][name]
        if kind is int:
            assert column.dtype == "int64", name
        else:
            assert column.isna().all() or pd.api.types.is_numeric_dtype(column) == (kind is float), name


def test_the_sample_submission_asks_for_the_rows_of_the_test_table(competition):
    tables = sample_of(competition)
    asked = tables[competition.sample_submission][competition.id]
    ids = tables["test.csv"].get(competition.id, pd.Series(np.arange(1, len(tables["test.csv"]) + 1)))
    assert asked.tolist() == ids.tolist()


@pytest.mark.parametrize(("name", "column"), [("titanic", "Parch"), ("house_prices", "MSSubClass")])
def test_the_test_table_holds_a_value_that_training_never_saw(name, column):
    tables = sample_of(load(name))
    assert set(tables["test.csv"][column]) - set(tables["train.csv"][column])


@pytest.mark.skipif(not ARCHIVES, reason="GROUNDWORK_ARCHIVES is not set: no real archives to compare samples with")
def test_the_sample_has_the_layout_of_the_real_archive(competition):
    with zipfile.ZipFile(Path(ARCHIVES or "") / f"{competition.slug}.zip") as archive:
        assert set(competition.sample(np.random.default_rng(0))) == set(archive.namelist())
        real = {name: read(archive.read(name)) for name in competition.files}
    for name, ours in sample_of(competition).items():
        assert list(ours) == list(real[name])
        assert [str(kind) for kind in ours.dtypes] == [str(kind) for kind in real[name].dtypes]
        if competition.inputs.image:
            assert ours.iloc[:, 0].isin(real[name].iloc[:, 0]).all()
            continue
        assert ours[competition.id].tolist() == real[name][competition.id].tolist()
        assert (ours.isna().any() == real[name].isna().any()).all()
        assert (ours.isna().mean() - real[name].isna().mean()).abs().max() < 0.05


@pytest.mark.parametrize("name", TABLES)
def test_a_quick_model_finds_the_planted_signal_but_not_all_of_the_target(name):
    competition = load(name)
    train = sample_of(competition)["train.csv"]
    made = competition.features(train)
    inputs = (
        made[list(competition.inputs.numeric)]
        .astype(float)
        .join(made[list(competition.inputs.categorical)].apply(lambda column: column.astype("category").cat.codes))
    )
    target = train[competition.targets[0]]
    if competition.kind == "classification":
        found = cross_val_predict(HistGradientBoostingClassifier(max_iter=60, random_state=0), inputs, target)
        assert target.value_counts(normalize=True).max() + 0.1 < (found == target).mean() < 0.9
    else:
        price = np.log(target)
        found = cross_val_predict(HistGradientBoostingRegressor(max_iter=60, random_state=0), inputs, price)
        assert 0.1 < np.sqrt(np.mean((found - price) ** 2)) < 0.5 * price.std()


def test_the_digits_are_centred_grey_pictures_of_every_class():
    tables = sample_of(load("digit_recognizer"))
    pictures = tables["train.csv"].drop(columns="label").to_numpy().reshape(-1, 28, 28)
    assert (len(tables["train.csv"]), len(tables["test.csv"])) == (1497, 300)
    assert sorted(tables["train.csv"]["label"].unique()) == list(range(10))
    assert (pictures.min(), pictures.max()) == (0, 255)
    assert not pictures[:, [0, 1, 2, 3, 24, 25, 26, 27]].any()
    assert not pictures[:, :, [0, 1, 2, 3, 24, 25, 26, 27]].any()
