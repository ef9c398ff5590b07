"""A log of purchases is read in blocks, checked row by row, and coded as numbers."""

import datetime
import zipfile
from dataclasses import replace

import pandas as pd
import pytest
from tests.data.shop import (
    ARTICLES,
    ASKED,
    CUSTOMERS,
    LOG,
    SHOP,
    TABLES,
    Content,
    changed_log,
    content,
    prepared,
    refused,
    write,
)  # fmt: skip

from groundwork.data import transactions
from groundwork.errors import UserError


def test_the_log_is_coded_and_sorted_by_customer_and_day_and_keeps_the_order_within_a_day(tmp_path):
    found = prepared(tmp_path)
    rows = [(0, 0, 7), (0, 1, 14), (1, 1, 15), (1, 0, 15), (1, 1, 15), (1, 2, 21), (2, 0, 0), (2, 1, 8)]
    assert list(found.purchases.itertuples(index=False, name=None)) == rows
    assert found.purchases.dtypes.astype("str").to_dict() == {"customer": "int32", "article": "int32", "day": "int16"}
    assert found.start == datetime.date(2020, 1, 1)


def test_blocks_of_any_size_give_the_same_log(tmp_path, monkeypatch):
    whole = prepared(tmp_path / "whole")
    monkeypatch.setattr(transactions, "BLOCK", 64)
    assert content(prepared(tmp_path / "pieces").purchases) == content(whole.purchases)


def test_a_table_in_a_zip_file_of_its_own_is_found_there(tmp_path):
    path = tmp_path / "lane.zip"
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as inner:
        inner.writestr("transactions_train.csv", LOG.to_csv(index=False))
    with zipfile.ZipFile(path, "w") as archive:
        for member in ("articles.csv", "customers.csv", "sample_submission.csv"):
            archive.writestr(member, TABLES[member].to_csv(index=False))
        archive.write(tmp_path / "inner.zip", "transactions_train.csv.zip")
    assert content(prepared(tmp_path, archive=path).purchases) == content(prepared(tmp_path / "plain").purchases)


def test_tables_are_read_in_the_charset_that_the_competition_declares(tmp_path):
    names = {"aa": "é"}
    changed = {
        "transactions_train": LOG.replace({"customer_id": names}),
        "customers": CUSTOMERS.replace({"customer_id": names}),
        "sample_submission": ASKED.replace({"customer_id": names}),
        "articles": ARTICLES,
    }
    latin = {name: table.to_csv(index=False).encode("latin-1") for name, table in changed.items()}
    found = prepared(tmp_path, competition=replace(SHOP, charset="latin-1"), **latin)
    assert pd.read_parquet(found.customers)["customer_id"][1] == "é"
    assert found.articles["name"][0] == "Åse"
    assert content(found.purchases) == content(prepared(tmp_path / "plain").purchases)


BAD: dict[str, tuple[dict[str, Content], str]] = {
    "a renamed column": (
        {"transactions_train": LOG.rename(columns={"t_dat": "t_date"})},
        r"transactions_train\.csv: line 1: no column 't_dat'; did you mean 't_date'\?",
    ),
    "a column twice": (
        {"transactions_train": LOG.assign(x="").to_csv(index=False).replace(",x\n", ",t_dat\n").encode()},
        r"line 1: found column 't_dat' more than once",
    ),
    "no date": (
        {"transactions_train": changed_log(2, t_dat="22.01.2020")},
        r"transactions_train\.csv: row 3: column 't_dat': found '22\.01\.2020', expected a date as in .*; 1 such rows",
    ),
    "a day that no month has": ({"transactions_train": changed_log(0, t_dat="2020-02-30")}, "row 1: .*'2020-02-30'"),
    "an empty date": ({"transactions_train": changed_log(1, t_dat="")}, r"row 2: column 't_dat': found ''"),
    "an unknown article": (
        {"transactions_train": changed_log(5, article_id="10")},
        r"row 6: column 'article_id': found '10', expected an article of articles\.csv; 1 such rows",
    ),
    "an unknown customer": (
        {"transactions_train": changed_log(7, customer_id="ee")},
        r"row 8: column 'customer_id': found 'ee', expected a customer of customers\.csv; 1 such rows",
    ),
    "an empty file": ({"transactions_train": b""}, r"transactions_train\.csv: the file is empty"),
    "only a header": ({"transactions_train": LOG[:0]}, r"transactions_train\.csv: found a header and no rows"),
    "a short row": (
        {"transactions_train": LOG.to_csv(index=False).encode() + b"2020-01-22,aa\n"},
        r"transactions_train\.csv: line 10: found 2 fields, expected 3 as in the header",
    ),
    "a header that is no text": (
        {"transactions_train": b"t_dat,\xff\n"},
        r"transactions_train\.csv: line 1: found byte 0xff, expected text in UTF-8",
    ),
    "bytes that are no text": (
        {"transactions_train": LOG.to_csv(index=False).encode() + b"2020-01-22,a\xff,0010\n"},
        r"transactions_train\.csv: line 10: found byte 0xff, expected text in UTF-8",
    ),
    "dates a lifetime apart": (
        {"transactions_train": changed_log(0, t_dat="1020-01-22")},
        r"column 't_dat': found dates from 1020-01-22 to 2020-01-16, expected at most 32767 days",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_log_is_refused_and_the_former_outputs_stay(tmp_path, case):
    changed, message = BAD[case]
    refused(tmp_path, changed, message)


def test_a_log_may_be_as_long_as_its_days_can_be_counted(tmp_path):
    first = datetime.date(2020, 1, 22) - datetime.timedelta(days=32766)
    found = prepared(tmp_path, transactions_train=changed_log(1, t_dat=first.isoformat()))
    assert (found.start, found.test["day"].max(), found.weeks[0]) == (first, 32767, (32760, 32766))
    longer = changed_log(1, t_dat=(first - datetime.timedelta(days=1)).isoformat())
    with pytest.raises(UserError, match="expected at most 32767 days"):
        prepared(tmp_path, transactions_train=longer)


def test_a_log_that_is_damaged_names_the_command_that_gets_it_again(tmp_path):
    path = write(tmp_path / "lane.zip")
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("transactions_train.csv").header_offset + 60
    damaged = bytearray(path.read_bytes())
    damaged[place : place + 8] = bytes(255 - byte for byte in damaged[place : place + 8])
    path.write_bytes(damaged)
    with pytest.raises(UserError, match=r"transactions_train\.csv: the file is corrupt .*\n.*fetch@lane"):
        prepared(tmp_path, archive=path)
