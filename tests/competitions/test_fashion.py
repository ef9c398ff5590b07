"""The fashion sample has the layout of Kaggle's files, and a structure that a network can find."""

import io
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from groundwork.competitions import Purchases, load
from groundwork.objectives.ranking import map_at
from groundwork.stages.fetch import fetch

FASHION = load("fashion_recommendations")
assert isinstance(FASHION, Purchases)
ARCHIVES = os.environ.get("GROUNDWORK_ARCHIVES")
ID = FASHION.id

Tables = dict[str, pd.DataFrame]


def sample(seed: int) -> Tables:
    drawn = FASHION.sample(np.random.default_rng(seed))
    return {name: table for name, table in drawn.items() if isinstance(table, pd.DataFrame)}


@pytest.fixture(scope="module")
def tables() -> Tables:
    return sample(0)


def coded(tables: Tables) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Customer, article and week of each purchase, as numbers; week 0 is the first."""
    log = tables["transactions_train.csv"]
    customer = pd.Index(tables["customers.csv"][ID]).get_indexer(log[ID])
    article = pd.Index(tables["articles.csv"]["article_id"]).get_indexer(log["article_id"])
    date = pd.to_datetime(log["t_dat"])
    return customer, article, ((date - date.min()).dt.days // 7).to_numpy()


def test_the_same_seed_gives_the_same_archive_byte_for_byte_and_another_seed_another(tmp_path):
    for name in ("one", "two"):
        fetch(FASHION, "sample", tmp_path / f"{name}.zip", name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    first, other = sample(0), sample(1)
    assert not any(first[name].equals(other[name]) for name in first)


def test_ids_dates_and_sizes_are_written_as_kaggle_writes_them(tables):
    articles, customers, log = (tables[f"{name}.csv"] for name in ("articles", "customers", "transactions_train"))
    assert (len(articles), len(customers)) == (350, 700)
    assert 10_000 < len(log) < 14_500
    assert articles["article_id"].str.fullmatch(r"0\d{9}").all()
    assert (articles["article_id"].str[1:7] == articles["product_code"].astype("str")).all()
    assert articles["article_id"].is_monotonic_increasing
    assert articles["article_id"].is_unique
    assert customers[ID].str.fullmatch(r"[0-9a-f]{64}").all()
    assert customers[ID].is_unique
    assert log["t_dat"].str.fullmatch(r"2020-\d\d-\d\d").all()
    assert (log["t_dat"].min(), log["t_dat"].max()) == ("2020-07-29", "2020-09-22")
    assert log["t_dat"].is_monotonic_increasing
    assert log["price"].between(0, 0.2, inclusive="neither").all()
    assert set(log["sales_channel_id"]) == {1, 2}
    asked = tables["sample_submission.csv"]
    assert asked[ID].tolist() == customers[ID].tolist()
    assert asked["prediction"].str.split(" ").str.len().unique().tolist() == [FASHION.answers]
    assert not articles[list({*FASHION.features, *FASHION.shown})].isna().any(axis=None)
    assert (articles[list({*FASHION.features, *FASHION.shown})].map(len) > 0).all(axis=None)


def test_some_customers_never_buy_and_some_articles_never_sell(tables):
    customer, article, week = coded(tables)
    assert 20 < 700 - len(np.unique(customer)) < 100
    assert 10 < 350 - len(np.unique(article)) < 80
    assert np.unique(week).tolist() == list(range(8))


def test_articles_are_bought_again_and_several_at_once(tables):
    log = tables["transactions_train.csv"]
    at_once = log.duplicated([ID, "article_id", "t_dat"])
    again = log.drop_duplicates([ID, "article_id", "t_dat"]).duplicated([ID, "article_id"])
    assert 0.03 < at_once.mean() < 0.2
    assert 0.1 < again.mean() < 0.4


def test_what_sells_changes_from_week_to_week(tables):
    _, article, week = coded(tables)
    counts = np.stack([np.bincount(article[week == one], minlength=350) for one in range(8)])
    near, far = np.corrcoef(counts)[6, 7], np.corrcoef(counts)[0, 7]
    assert near > far + 0.3
    new = (counts[:4].sum(axis=0) == 0) & (counts[4:].sum(axis=0) > 0)
    gone = (counts[:4].sum(axis=0) > 0) & (counts[4:].sum(axis=0) == 0)
    assert min(new.sum(), gone.sum()) > 30


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("week", [5, 6, 7])
def test_who_knows_taste_and_fashion_beats_popularity_repurchase_and_item_knn(seed, week):
    tables = sample(seed)
    customer, article, when = coded(tables)
    before, bought = np.zeros((700, 350)), np.zeros((700, 350), dtype=bool)
    np.add.at(before, (customer[when < week], article[when < week]), 1)
    bought[customer[when == week], article[when == week]] = True
    recent = np.bincount(article[when == week - 1], minlength=350) + 1e-6 * before.sum(axis=0)
    last = np.zeros((700, 350))
    np.maximum.at(last, (customer[when < week], article[when < week]), np.flatnonzero(when < week) + 1.0)
    once = (before > 0).astype(float)
    together = once.T @ once
    cosine = together / np.sqrt(np.outer(together.diagonal(), together.diagonal()) + 1e-9)
    np.fill_diagonal(cosine, 0)
    taste = pd.get_dummies(tables["articles.csv"]["section_name"]).to_numpy(float)
    liking = before @ taste + 0.5

    def score(scores: np.ndarray) -> float:
        targets = np.where(bought, np.arange(350), -1)
        return map_at(12)[0](targets, np.argsort(-scores, axis=1, kind="stable")[:, :12])

    knows = score(liking / liking.sum(axis=1, keepdims=True) @ taste.T * recent)
    others = {
        "popularity": score(np.tile(recent, (700, 1))),
        "repurchase": score(last + recent / 1e6),
        "item-kNN": score(once @ cosine + recent / 1e9),
    }
    assert knows > 1.1 * max(others.values()), others


@pytest.mark.skipif(not ARCHIVES, reason="GROUNDWORK_ARCHIVES is not set: no real archive to compare the sample with")
def test_the_sample_has_the_layout_of_the_real_archive(tables):
    def shape(values: pd.Series) -> set[str]:
        return {re.sub(r"[0-9a-f]", "0", value) for value in values[:100]}

    with zipfile.ZipFile(Path(ARCHIVES or "") / f"{FASHION.slug}.zip") as archive:
        assert set(tables) == set(archive.namelist()) == set(FASHION.files)
        real = {name: pd.read_csv(io.BytesIO(archive.read(name)), dtype="str") for name in tables}
    for name, table in tables.items():
        assert list(table) == list(real[name])
    assert shape(real["articles.csv"]["article_id"]) == shape(tables["articles.csv"]["article_id"])
    for column in ("customer_id", "article_id", "t_dat"):
        log = "transactions_train.csv"
        assert shape(real[log][column]) == shape(tables[log][column])
