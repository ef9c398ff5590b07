"""Folds are weeks, nothing of a later week reaches an earlier one, and what is prepared is typed and checked."""

import datetime
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.data.shop import (
    ARTICLES,
    ASKED,
    CUSTOMERS,
    FASHION,
    LOG,
    SHOP,
    Content,
    content,
    contents,
    prepared,
    refused,
)

from groundwork.data.load import load as load_prepared
from groundwork.data.prepared import FINAL
from groundwork.data.purchases import PreparedPurchases
from groundwork.errors import UserError

ARCHIVES = os.environ.get("GROUNDWORK_ARCHIVES")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, pd.DataFrame], PreparedPurchases]:
    """The competition's sample as tables, and prepared with three folds."""
    tables = {
        name: table
        for name, table in FASHION.sample(np.random.default_rng(0)).items()
        if isinstance(table, pd.DataFrame)
    }
    names = {name.removesuffix(".csv"): table for name, table in tables.items()}
    return tables, prepared(tmp_path_factory.mktemp("sample"), 3, FASHION, **names)


def test_articles_keep_their_zeros_and_their_rows_and_lack_nothing(tmp_path):
    articles = prepared(tmp_path).articles
    assert articles["article"].tolist() == ["0010", "0020", "0030", "0040"]
    assert articles["kind"].tolist() == ["sock", "missing", "missing", "hat"]
    assert articles["name"].tolist() == ["Åse", "Bo", "missing", "Di"]
    assert list(articles) == ["article", "kind", "name"]


def test_customers_are_asked_about_in_the_order_of_the_sample_submission_also_those_who_never_bought(tmp_path):
    found = prepared(tmp_path)
    assert found.test["customer"].tolist() == [3, 1, 2, 0]
    assert found.test["day"].unique().tolist() == [22]
    assert found.test.dtypes.astype("str").tolist() == ["int32", "int16"]
    assert found.sample_submission.read_bytes() == ASKED.to_csv(index=False).encode()


def test_folds_are_weeks_counted_from_the_end(tmp_path):
    found = prepared(tmp_path)
    assert (found.folds, found.final) == ([0, 1], True)
    assert found.weeks == {0: (15, 21), 1: (8, 14)}
    assert found.training(0)["day"].tolist() == [7, 14, 0, 8]
    assert found.training(1)["day"].tolist() == [7, 0]
    assert found.training(FINAL).equals(found.purchases)


def test_what_was_bought_in_a_week_stands_once_for_each_customer(tmp_path):
    found = prepared(tmp_path)
    assert found.validation(0).to_dict("list") == {"customer": [1], "day": [15], "t0": [0], "t1": [1], "t2": [2]}
    assert found.validation(1).to_dict("list") == {"customer": [0, 2], "day": [8, 8], "t0": [1, 1]}
    assert set(found.validation(0).dtypes.astype("str")) == {"int32", "int16"}


def test_the_sample_is_split_as_a_plain_reading_of_its_log_says(sample):
    tables, found = sample
    log, customers, articles = tables["transactions_train.csv"], tables["customers.csv"], tables["articles.csv"]
    date = pd.to_datetime(log["t_dat"])
    ago = (date.max() - date).dt.days // 7
    for fold in found.folds:
        assert len(found.training(fold)) == (ago > fold).sum()
        week = log[ago == fold].groupby("customer_id")["article_id"].agg(set).to_dict()
        rows = found.validation(fold)
        sets = {
            customers["customer_id"][row[0]]: [articles["article_id"][code] for code in row[2:] if code >= 0]
            for row in rows.itertuples(index=False)
        }
        assert {customer: set(bought) for customer, bought in sets.items()} == week
        assert all(len(bought) == len(set(bought)) for bought in sets.values())
        assert rows["day"].unique().tolist() == [(date.max() - date.min()).days + 1 - 7 * (fold + 1)]


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_nothing_of_a_later_week_reaches_an_earlier_one(tmp_path, sample, fold):
    tables, before = sample
    log, rng = tables["transactions_train.csv"].copy(), np.random.default_rng(1)
    since = before.start + datetime.timedelta(days=before.weeks[fold][0])
    later = (log["t_dat"] >= since.isoformat()).to_numpy()
    assert 0 < later.sum() < len(log)
    # Whoever bought something since bought something else, or it was somebody else.
    for name, table in (("customer_id", "customers.csv"), ("article_id", "articles.csv")):
        log.loc[later, name] = rng.choice(tables[table][name].to_numpy(), int(later.sum()))
    names = {name.removesuffix(".csv"): table for name, table in tables.items()}
    after = prepared(tmp_path, 3, FASHION, **names | {"transactions_train": log})
    assert content(after.validation(fold)) != content(before.validation(fold))
    for earlier in range(fold, 3):
        assert content(after.training(earlier)) == content(before.training(earlier))
    for earlier in range(fold + 1, 3):
        assert content(after.validation(earlier)) == content(before.validation(earlier))


def test_the_same_archive_gives_the_same_files_and_hashes_and_pictures_are_left_alone(tmp_path):
    first, again = prepared(tmp_path / "first"), prepared(tmp_path / "again", **{"images/001/0010": b"\xff"})
    assert contents(tmp_path / "first/lane") == contents(tmp_path / "again/lane")
    assert (first.data_sha256, first.folds_sha256) == (again.data_sha256, again.folds_sha256)
    assert len(contents(tmp_path / "first/lane")) == 6


def test_the_hash_of_folds_follows_what_predictions_are_judged_by_and_nothing_else(tmp_path):
    first = prepared(tmp_path / "first")
    labels = prepared(tmp_path / "labels", articles=ARTICLES.assign(kind="sock"))
    early = prepared(tmp_path / "early", transactions_train=LOG.assign(article_id=LOG["article_id"].where(
        LOG["t_dat"] > "2020-01-08", "0040")))  # fmt: skip
    judged = prepared(tmp_path / "judged", transactions_train=LOG.assign(article_id=LOG["article_id"].where(
        LOG["t_dat"] != "2020-01-22", "0040")))  # fmt: skip
    assert first.folds_sha256 == labels.folds_sha256 == early.folds_sha256 != judged.folds_sha256
    one_week = prepared(tmp_path / "week", folds=1)
    # The same purchases, but all in one fold.
    two_weeks = prepared(tmp_path / "weeks", folds=1, competition=replace(SHOP, days=14))
    assert len({one.folds_sha256 for one in (first, judged, one_week, two_weeks)}) == 4
    assert len({one.data_sha256 for one in (first, labels, early, judged)}) == 4


def test_no_table_holds_python_objects(sample):
    _, found = sample
    for table in (found.purchases, found.articles, found.test, found.validation(0)):
        assert "object" not in set(table.dtypes.astype("str"))


BAD: dict[str, tuple[dict[str, Content], str]] = {
    "a week without purchases": (
        {"transactions_train": LOG[LOG["t_dat"].isin(["2020-01-01", "2020-01-22"])]},
        r"transactions_train\.csv: found no purchase in the 7 days from 2020-01-09",
    ),
    "articles that are no text": (
        {"articles": ARTICLES.to_csv(index=False).encode("latin-1")},
        r"articles\.csv: line 2: found byte 0xc5, expected text in UTF-8",
    ),
    "an article twice": (
        {"articles": pd.concat([ARTICLES, ARTICLES[:1]])},
        r"articles\.csv: line 6: column 'article_id': found an id that an earlier row has \(0010\)",
    ),
    "articles without a feature": (
        {"articles": ARTICLES.drop(columns="kind")},
        r"articles\.csv: line 1: no column 'ki",
    ),
    "a customer twice": (
        {"customers": pd.concat([CUSTOMERS, CUSTOMERS[1:2]])},
        r"customers\.csv: line 6: column 'customer_id': found an id that an earlier row has \(aa\)",
    ),
    "no customers": ({"customers": CUSTOMERS[:0]}, r"customers\.csv: found a header and no rows"),
    "a submission without lists": (
        {"sample_submission": ASKED[["customer_id"]]},
        r"sample_submission\.csv: found the columns customer_id; expected customer_id and one column of lists",
    ),
    "a submission for a stranger": (
        {"sample_submission": ASKED.assign(customer_id=["dd", "aa", "ee", "cc"])},
        r"sample_submission\.csv: row 3: column 'customer_id': found 'ee', expected a customer of customers\.csv",
    ),
    "a submission that asks twice": (
        {"sample_submission": ASKED.assign(customer_id=["dd", "aa", "aa", "cc"])},
        r"sample_submission\.csv: line 4: column 'customer_id': found an id that an earlier row has \(aa\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_tables_are_refused_and_the_former_outputs_stay(tmp_path, case):
    changed, message = BAD[case]
    refused(tmp_path, changed, message)


@pytest.mark.parametrize(
    ("folds", "expected"), [(0, "expected 1 to 3"), (4, "expected 1 to 3: .* spans 22 days, each fold validates 7")]
)
def test_a_log_must_be_longer_than_its_folds(tmp_path, folds, expected):
    with pytest.raises(UserError, match=rf"params\.yaml: folds: found {folds}; {expected}.*\n.*lower `folds`"):
        prepared(tmp_path, folds=folds)
    assert prepared(tmp_path, folds=3).training(2)["day"].tolist() == [0]


def test_a_log_of_one_week_is_too_short_for_any_fold(tmp_path):
    with pytest.raises(UserError, match=r"expected a longer log: .* spans 7 days"):
        prepared(tmp_path, folds=1, transactions_train=LOG[LOG["t_dat"] > "2020-01-15"])


@pytest.mark.parametrize(
    "name",
    ["purchases.parquet", "articles.parquet", "customers.parquet", "test.parquet", "folds.parquet",
     "sample_submission.csv"],
)  # fmt: skip
def test_a_prepared_file_that_is_missing_names_the_command_that_makes_it(tmp_path, name):
    prepared(tmp_path)
    (tmp_path / "lane" / name).unlink()
    with pytest.raises(UserError, match=rf"{name}: not found\n.*groundwork prepare lane"):
        load_prepared(SHOP, tmp_path / "lane")


def test_preparing_and_loading_purchases_import_no_heavy_library(tmp_path):
    script = (
        "import sys; from pathlib import Path; from groundwork.competitions import load;"
        "from groundwork.stages.fetch import fetch; from groundwork.stages.prepare import prepare;"
        "from groundwork.data.load import load as load_prepared; fashion = load('fashion_recommendations');"
        "fetch(fashion, 'sample', Path('a.zip'), 'a'); prepare(fashion, Path('a.zip'), Path('a'), 2, 0);"
        "load_prepared(fashion, Path('a')).validation(0);"
        "print({'torch', 'pytorch_lightning', 'wandb', 'kaggle', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.skipif(not ARCHIVES, reason="GROUNDWORK_ARCHIVES is not set: no real archives to prepare")
def test_the_real_archive_is_prepared(tmp_path, caplog):
    path = Path(ARCHIVES or "") / f"{FASHION.slug}.zip"
    shutil.copyfile(path, tmp_path / "lane.zip")
    found = prepared(tmp_path, 5, FASHION, archive=tmp_path / "lane.zip")
    assert len(found.test) == len(found.validation(0)) == 610
    assert len(found.purchases) == 100226
    assert not caplog.text
